//! Programs of the machine that tests run. Where one is not installed its tests say so and pass, unless `CI` is set.
//!
//! The unit tests of shared counters use this file as well: it needs nothing of the harness around it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[expect(clippy::print_stderr, reason = "a test that did not run has to say so")]
pub(crate) fn missing(program: &str) {
    assert!(std::env::var_os("CI").is_none(), "{program} is not installed: .ci/setup.sh test");
    eprintln!("NOT TESTED: {program} is not installed (.ci/setup.sh test installs it)");
}

/// Where a program is: in the path, or where Debian keeps the server's programs of PostgreSQL.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = std::env::split_paths(&path).chain(versions.map(|version| version.path().join("bin")));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A port nobody listens on now.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A Redis of its own, which keeps nothing on disk; killed when dropped.
pub(crate) struct Redis {
    address: SocketAddr,
    directory: TempDir,
    server: Child,
}

impl Redis {
    /// Starts one and waits until it answers; `None` where none is installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = find("redis-server") else {
            missing("redis");
            return None;
        };
        let (address, directory) = (free_port(), tempfile::tempdir().expect("a folder"));
        let server = serve(&program, address, &directory);
        Some(Self { address, directory, server })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as a power failure does.
    pub(crate) fn kill(&mut self) {
        self.server.kill().expect("a child can be killed");
        self.server.wait().expect("a child can be waited for");
    }

    /// Starts it again where it was, empty.
    pub(crate) fn restart(&mut self) {
        let program = find("redis-server").expect("it was there");
        self.server = serve(&program, self.address, &self.directory);
    }

    /// Makes it hang: connections are open, and nobody answers.
    pub(crate) fn hang(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.server.id();
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status();
        assert!(kill.expect("a shell").success(), "cannot send {name} to {id}");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn serve(program: &std::path::Path, address: SocketAddr, directory: &TempDir) -> Child {
    let mut command = Command::new(program);
    command.current_dir(directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &address.port().to_string()]);
    let server = command.spawn().expect("redis-server can be run");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !answers(address) {
        assert!(Instant::now() < deadline, "waited in vain for Redis at {address}");
        std::thread::sleep(Duration::from_millis(10));
    }
    server
}

fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        std::io::Result::Ok(answer == *b"+PONG")
    };
    ask().unwrap_or(false)
}

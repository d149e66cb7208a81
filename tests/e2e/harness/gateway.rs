//! The gateway under test, as a process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::admin::Admin;
use super::client::{Client, Request};
use super::command::tidegate_with_few_files;
use super::h2::H2Client;
use super::message::Response;
use super::setup::{Sections, access_log};
use super::wait::{eventually, within, within_time};

/// A gateway that serves; it is killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    directory: TempDir,
    sections: Sections,
    listeners: BTreeMap<String, SocketAddr>,
    admin: Admin,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts the binary and waits until it serves, but no longer than this.
    pub(crate) async fn start(directory: TempDir, sections: Sections, patience: Duration) -> Self {
        let file = directory.path().join("tidegate.toml");
        replace(&file, sections.text(directory.path()));
        let mut command = tidegate_with_few_files();
        command.args(["run", "--ready-json", "-c"]).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let log = Arc::<Mutex<String>>::default();
        let stderr = child.stderr.take().expect("stderr is piped");
        let logging = tokio::spawn(collect(BufReader::new(stderr).lines(), Arc::clone(&log)));
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let ready = within_time(patience, "the gateway to serve", read_ready(&mut lines)).await;
        let Ok(Ready { listeners, admin }) = ready else {
            let _ = logging.await;
            panic!("the gateway did not start:\n{}\n{}", log.lock(), sections.text(directory.path()));
        };
        tokio::spawn(collect(lines, Arc::default()));
        let admin = Admin::new(admin, sections.token().map(str::to_owned));
        Self { child, directory, sections, listeners, admin, log }
    }

    /// Where the plain listener serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener("http")
    }

    /// Where a listener serves.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        *self.listeners.get(name).unwrap_or_else(|| panic!("no listener {name:?} in {:?}", self.listeners))
    }

    /// A connection to the plain listener.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// An h2c connection to the plain listener.
    pub(crate) async fn h2(&self) -> H2Client {
        H2Client::connect(self.address()).await
    }

    /// A GET on a connection of its own.
    pub(crate) async fn get(&self, target: &str) -> Response {
        self.call(&Request::get(target)).await
    }

    /// A request on a connection of its own.
    pub(crate) async fn call(&self, request: &Request) -> Response {
        self.client().await.call(request).await
    }

    /// Bytes on a connection of their own, and the first answer to them.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> Response {
        let mut client = self.client().await;
        client.send(bytes).await;
        client.receive().await
    }

    /// The admin listener.
    pub(crate) fn admin(&self) -> &Admin {
        &self.admin
    }

    /// What the gateway wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    /// Waits until the log holds this text.
    pub(crate) async fn until_logged(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), async || self.log.lock().contains(text).then_some(())).await;
    }

    /// Waits for the access line of a request for this target.
    pub(crate) async fn access_line(&self, target: &str) -> Value {
        let find = |text: String| {
            let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find(|line| line["target"] == target)
        };
        let ask = async || find(self.access_log());
        eventually(&format!("an access line of {target}"), ask).await
    }

    /// All access lines so far.
    pub(crate) fn access_log(&self) -> String {
        std::fs::read_to_string(access_log(self.directory())).unwrap_or_default()
    }

    /// The folder with the configuration file.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory().join("tidegate.toml")
    }

    /// What it was started with.
    pub(crate) fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Replaces the configuration file in one step, and leaves it to the gateway to notice.
    pub(crate) fn write(&self, sections: &Sections) {
        replace(&self.file(), sections.text(self.directory()));
    }

    /// Replaces the file's upstreams, routes and so on, and asks for a reload.
    pub(crate) async fn reload_with(&self, rest: impl Into<String>) -> Value {
        self.write(&self.sections.with_rest(rest));
        self.admin.reload().await
    }

    /// The same, where the file must be in force when the call is answered; the file watch may have been quicker.
    pub(crate) async fn take_over(&self, rest: impl Into<String>) {
        self.write(&self.sections.with_rest(rest));
        self.taken_over().await;
    }

    /// Asks for a reload that must succeed.
    pub(crate) async fn taken_over(&self) {
        let report = self.admin.reload().await;
        assert!(["applied", "unchanged"].contains(&report["outcome"].as_str().unwrap_or_default()), "{report}");
    }

    /// Sends a signal, by name without `SIG`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("the gateway runs");
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().await;
        assert!(kill.expect("a shell").success(), "cannot send {name} to {id}");
    }

    /// Memory of the process that is in use now, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory the process has had in use at once, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, kind: &str) -> u64 {
        let id = self.child.id().expect("the gateway runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a Linux with /proc");
        let line = status.lines().find_map(|line| line.strip_prefix(kind)).expect("a process has memory");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kibibytes");
        kibibytes << 10
    }

    /// How many files it may have open, and how many it could be allowed at most.
    pub(crate) fn open_files(&self) -> [String; 2] {
        let id = self.child.id().expect("the gateway runs");
        let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("a Linux with /proc");
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("files are limited");
        let mut numbers = line.split_whitespace().map(str::to_owned);
        [(); 2].map(|()| numbers.next().expect("a soft and a hard limit"))
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the process ends by itself, and returns its exit code.
    pub(crate) async fn until_ended(&mut self) -> Option<i32> {
        within("the gateway to end", self.child.wait()).await.expect("a child can be waited for").code()
    }
}

impl Drop for Gateway {
    #[expect(clippy::print_stderr, reason = "the log explains why a test failed; the test runner shows it only then")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the gateway ---\n{}", self.log.lock());
        }
    }
}

/// Puts a file in place of another in one step, as editors and deployment tools do.
pub(crate) fn replace(file: &Path, content: impl AsRef<[u8]>) {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, content).expect("a writable folder");
    std::fs::rename(&fresh, file).expect("a file can be renamed over another");
}

/// Where a gateway serves.
pub(crate) struct Ready {
    /// By name.
    pub(crate) listeners: BTreeMap<String, SocketAddr>,
    pub(crate) admin: SocketAddr,
}

/// Reads the lines of `--ready-json`; an error means that the process ended before it served.
pub(crate) async fn read_ready(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<Ready, ()> {
    let mut listeners = BTreeMap::new();
    let mut admin = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
        if line["ready"] == true {
            return Ok(Ready { listeners, admin: admin.ok_or(())? });
        }
        if let Some(name) = line["listener"].as_str() {
            listeners.insert(name.to_owned(), address(&line["address"]));
        } else {
            admin = Some(address(&line["admin"]));
        }
    }
    Err(())
}

fn address(value: &Value) -> SocketAddr {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address: {value}"))
}

async fn collect<R: AsyncRead + Unpin>(mut lines: Lines<BufReader<R>>, log: Arc<Mutex<String>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = writeln!(log.lock(), "{line}");
    }
}

//! Debian's etcd, as it is. Where it is not installed a test says so and passes, unless `CI` is set.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::client::{Client, Request};
use super::wait::{eventually, within};

/// A server of its own in a folder of its own; killed when dropped.
pub(crate) struct Etcd {
    program: PathBuf,
    address: SocketAddr,
    peers: SocketAddr,
    directory: TempDir,
    server: Child,
}

impl Etcd {
    /// Starts one; none where it is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path).map(|folder| folder.join("etcd")).find(|file| file.is_file());
        let Some(program) = program else {
            missing();
            return None;
        };
        let directory = tempfile::tempdir().expect("a folder for temporary files");
        let (address, peers) = (free_port(), free_port());
        let server = run(&program, directory.path(), address, peers);
        let etcd = Self { program, address, peers, directory, server };
        etcd.until_up().await;
        Some(etcd)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it; its keys stay on disk.
    pub(crate) async fn kill(&mut self) {
        within("etcd to end", self.server.kill()).await.expect("a child can be killed");
    }

    /// Starts it again where it was, with the keys it had.
    pub(crate) async fn restart(&mut self) {
        self.server = run(&self.program, self.directory.path(), self.address, self.peers);
        self.until_up().await;
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Value {
        self.ask("/v3/kv/put", &json!({ "key": STANDARD.encode(key), "value": STANDARD.encode(value) })).await
    }

    pub(crate) async fn delete(&self, key: &str) {
        self.ask("/v3/kv/deleterange", &json!({ "key": STANDARD.encode(key) })).await;
    }

    /// Forgets all revisions before this one.
    pub(crate) async fn compact(&self, revision: &str) {
        self.ask("/v3/kv/compaction", &json!({ "revision": revision })).await;
    }

    async fn until_up(&self) {
        let is_up = async || {
            let mut stream = tokio::net::TcpStream::connect(self.address).await.ok()?;
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            stream.write_all(b"GET /health HTTP/1.1\r\nhost: etcd\r\nconnection: close\r\n\r\n").await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.contains("\"true\"").then_some(())
        };
        eventually("etcd to serve", is_up).await;
    }

    async fn ask(&self, path: &str, body: &Value) -> Value {
        let request = Request::new("POST", path).field("host", "etcd").body(body.to_string());
        let answer = Client::connect(self.address).await.call(&request).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        answer.json()
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run has to say so")]
fn missing() {
    assert!(std::env::var_os("CI").is_none(), "etcd is not installed: .ci/setup.sh test");
    eprintln!("NOT TESTED: etcd is not installed (.ci/setup.sh test installs it)");
}

/// A port nobody listens on now.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn run(program: &Path, directory: &Path, address: SocketAddr, peers: SocketAddr) -> Child {
    let (client, peer) = (format!("http://{address}"), format!("http://{peers}"));
    Command::new(program)
        .arg("--data-dir")
        .arg(directory)
        .args(["--name", "test", "--unsafe-no-fsync", "--initial-cluster", &format!("test={peer}")])
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("etcd can be run")
}

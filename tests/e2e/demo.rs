//! `tidegate demo`: what somebody tries first does what it says.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::harness::admin::Admin;
use crate::harness::command::tidegate;
use crate::harness::gateway::read_ready;
use crate::harness::wait::within;
use crate::harness::{Client, Request};

/// The demo as a process, on ports that the system chose.
struct Demo {
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
    _folder: TempDir,
}

impl Demo {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let mut command = tidegate();
        command.args(["demo", "--port", "0", "--admin-port", "0"]).args(more).env("TMPDIR", folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary can be run");
        let stdout = child.stdout.take().expect("stdout is piped");
        Self { output: BufReader::new(stdout).lines(), _child: child, _folder: folder }
    }

    /// The next address that it prints behind this text.
    async fn printed(&mut self, text: &str) -> SocketAddr {
        let address = async {
            while let Some(line) = self.output.next_line().await.expect("text") {
                if let Some((_, rest)) = line.split_once(text) {
                    let end = rest.find('/').expect("a path");
                    return rest[..end].parse().expect("an address");
                }
            }
            panic!("no {text:?} before its output ended");
        };
        within("an address to be printed", address).await
    }
}

fn products(key: &str) -> Request {
    Request::get("/products").field("apikey", key)
}

#[tokio::test]
async fn it_wants_a_key_asks_three_instances_and_limits_each_consumer() {
    let mut demo = Demo::start(&["--ready-json"]);
    let ready = within("the demo to serve", read_ready(&mut demo.output)).await.expect("it serves");
    let mut client = Client::connect(ready.listeners["http"]).await;
    assert_eq!(client.call(&Request::get("/products")).await.status(), 401);
    let mut instances = BTreeSet::new();
    for _ in 0..3 {
        let answer = client.call(&products("alice-key")).await;
        assert_eq!((answer.status(), &answer.json()["consumer"]), (200, &"alice".into()), "{}", answer.text());
        instances.extend(answer.field("x-instance-id").map(str::to_owned));
    }
    assert_eq!(instances.len(), 3, "{instances:?}");
    // A slow machine earns another one every six seconds.
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 20 {
        statuses.push(client.call(&products("alice-key")).await.status());
    }
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!(passed >= 7 && passed + 1 == statuses.len(), "ten with those before: {statuses:?}");
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert_eq!(client.call(&products("bob-key")).await.status(), 200, "others have limits of their own");
}

#[tokio::test]
async fn what_it_prints_can_be_tried_at_once() {
    let mut demo = Demo::start(&[]);
    let gateway = demo.printed("-H 'apikey: alice-key' http://").await;
    let admin = demo.printed("curl -s http://").await;
    assert_eq!(Client::connect(gateway).await.call(&products("alice-key")).await.status(), 200);
    let instances = Admin::new(admin, None).get("/upstreams").await;
    assert!(instances.to_string().contains("inventory"), "{instances}");
}

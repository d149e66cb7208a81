//! A million hostile calls. Not part of the default run: `cargo test -p tidegate --test e2e -- --ignored zoo_marathon`.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::task::JoinSet;

use super::{BARE, Cage, MEMORY};
use crate::harness::sections::{plugin, policy};
use crate::harness::{Client, Gateway, Origin, Request, Setup, guests, route, upstream};

const CALLS: usize = 1_000_000;
const CONNECTIONS: usize = 8;
/// Short, because one call in twenty takes all of it.
const CAGE: Cage = Cage { cpu: "1ms", ..BARE };

/// What the guests are told to do, by how often: what takes its whole budget is rarer.
const MISDEEDS: [(&str, &str); 20] = [
    ("/hostile", "trap"),
    ("/hostile", "value"),
    ("/hostile", "trap"),
    ("/hostile", "name"),
    ("/hostile", "recurse"),
    ("/hostile", "status-99"),
    ("/hostile", "trap"),
    ("/hostile", "host"),
    ("/hostile", "content-length"),
    ("/hostile", "consumer"),
    ("/hostile", "trap"),
    ("/hostile", ":path"),
    ("/hostile", "local-framing"),
    ("/hostile", "response-framing"),
    ("/hostile", "trap"),
    ("/echo-bomb", ""),
    ("/table-bomb", ""),
    ("/hostile", "status-1000"),
    ("/hostile", "memory"),
    ("/hostile", "loop"),
];

/// One route for each kind of guest, and one for everybody else.
async fn start(origin: &Origin) -> Gateway {
    let setup = Setup::new("").limits("requests_per_connection = 4000000000").quiet();
    let mut text = upstream("origin", &[origin]) + &route("free", "origin", "path = { prefix = \"/free\" }");
    for name in ["hostile", "echo-bomb", "table-bomb"] {
        let file = match name {
            "hostile" => guests::guest(name),
            _ => guests::animal(name, setup.directory()).await,
        };
        text += &plugin(name, &file, &CAGE.bars());
        text += &policy(name, name, CAGE.on_failure);
        text += &route(name, "origin", &format!("path = {{ prefix = \"/{name}\" }}\npolicies = [\"{name}\"]"));
    }
    setup.rest(text).start().await
}

/// One connection's share of so many calls; all must be refused. Now and then somebody else asks beside it, and must not be.
async fn misbehave(gateway: SocketAddr, calls: usize, first: usize) {
    let requests: Vec<Request> = MISDEEDS.iter().map(|(path, mode)| Request::get(path).field("x-mode", mode)).collect();
    let mut client = Client::connect(gateway).await;
    let mut other = Client::connect(gateway).await;
    for number in first..first + calls {
        let index = number % requests.len();
        if index == 0 {
            assert_eq!(other.call(&Request::get("/free")).await.status(), 200);
        }
        let answer = client.call(&requests[index]).await;
        assert_eq!(answer.status(), 503, "{:?}: {}", MISDEEDS[index], answer.text());
    }
}

async fn all_misbehave(gateway: &Gateway, calls: usize) {
    let share = calls / CONNECTIONS;
    let clients: JoinSet<()> = (0..CONNECTIONS).map(|client| misbehave(gateway.address(), share, client)).collect();
    clients.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
async fn zoo_marathon() {
    let origin = Origin::start().await;
    let mut gateway = start(&origin).await;
    all_misbehave(&gateway, 1000).await;
    let (before, began) = (gateway.resident(), Instant::now());
    all_misbehave(&gateway, CALLS).await;
    let (after, took) = (gateway.resident(), began.elapsed());
    assert!(gateway.is_alive());
    println!(
        "{CALLS} hostile calls in {:.0} s; memory {:.1} MiB before, {:.1} MiB after; {} other requests",
        took.as_secs_f64(),
        before as f64 / 1_048_576.0,
        after as f64 / 1_048_576.0,
        origin.count("/free")
    );
    let metrics = gateway.admin().metrics().await;
    for outcome in ["trap", "illegal", "out_of_time", "out_of_memory"] {
        println!("{outcome}: {}", metrics.sum("tidegate_policy_calls_total", &[("outcome", outcome)]));
    }
    assert!(after <= before + MEMORY + (8 << 20), "grown by {} bytes", after - before);
}

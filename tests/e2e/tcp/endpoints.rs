//! Which endpoints connections go to: who is taken out, who comes back, who keeps a client.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::{connect, line, relaying};
use crate::harness::peer::{self, Peer};
use crate::harness::wait::within;
use crate::harness::{Client, Gateway, Origin, Reply, Request, eventually};

/// Who is out stays out while a test runs.
const FOR_LONG: &str = "[upstream.outliers]\nejection = \"1h\"\nmax_ejection = \"1h\"\n";

/// Why an endpoint is out; `None` where it is not.
async fn ejection(gateway: &Gateway, address: SocketAddr) -> Option<String> {
    let endpoint = gateway.admin().endpoint("peers", address).await.expect("the endpoint is known");
    endpoint["ejection"]["cause"].as_str().map(str::to_owned)
}

/// A connection that is served as its client expects.
async fn echoed(gateway: &Gateway) {
    let mut client = connect(gateway).await;
    client.write_all(b"anybody?").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(peer::all(&mut client).await, b"anybody?");
}

/// A connection that says something, and takes what comes of it.
async fn tried(gateway: &Gateway) {
    let mut client = connect(gateway).await;
    client.write_all(b"anybody?").await.unwrap();
    let _ = within("an end", client.read(&mut [0; 64])).await;
}

async fn tries(gateway: &Gateway, address: SocketAddr) -> f64 {
    let labels = [("upstream", "peers"), ("endpoint", &*address.to_string())];
    gateway.admin().metrics().await.sum("tidegate_endpoint_tries_total", &labels)
}

/// A client of origins, from this address.
async fn client_from(address: impl Into<IpAddr>, gateway: &Gateway) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((address, 0).into()).expect("all of 127.0.0.0/8 is this machine");
    Client::over(within("a connection", socket.connect(gateway.listener("tcp"))).await.expect("the gateway accepts"))
}

/// The name of the origin at the other end of a connection.
async fn name(client: &mut Client) -> String {
    client.call(&Request::get("/")).await.text()
}

/// The origins at the other ends of so many connections, one after another.
async fn names(gateway: &Gateway, count: usize) -> String {
    let mut names = String::new();
    for _ in 0..count {
        names += &name(&mut Client::connect(gateway.listener("tcp")).await).await;
    }
    names
}

async fn three() -> [Origin; 3] {
    [Origin::named("a").await, Origin::named("b").await, Origin::named("c").await]
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_ejected_and_no_client_notices() {
    let down = Origin::down("down");
    let gateway = relaying(&[down.address(), Peer::echoing().await, Peer::echoing().await], FOR_LONG).await;
    let ask = async || {
        echoed(&gateway).await;
        ejection(&gateway, down.address()).await
    };
    let cause = eventually("an ejection", ask).await;
    assert!(cause.contains("failed tries in a row, last: no connection"), "{cause}");
    let before = tries(&gateway, down.address()).await;
    for _ in 0..6 {
        echoed(&gateway).await;
    }
    assert_eq!(tries(&gateway, down.address()).await, before, "it is asked no more");
}

#[tokio::test]
async fn an_endpoint_that_breaks_off_before_a_word_is_ejected_and_one_that_ends_in_order_is_not() {
    let (orderly, broken) = (Peer::hanging_up(|_| false).await, Peer::hanging_up(|_| true).await);
    let gateway = relaying(&[orderly, broken, Peer::echoing().await, Peer::echoing().await], FOR_LONG).await;
    let ask = async || {
        tried(&gateway).await;
        ejection(&gateway, broken).await
    };
    let cause = eventually("an ejection", ask).await;
    assert!(cause.contains("failed tries in a row, last: the connection broke"), "{cause}");
    // Its turn comes as often and before the other's, and two of the four may be out.
    assert_eq!(ejection(&gateway, orderly).await, None);
}

#[tokio::test]
async fn a_connection_that_ends_in_order_makes_those_that_broke_off_forgotten() {
    let by_turns = Peer::hanging_up(|connection| connection % 2 == 0).await;
    // By then the other one has broken off six times.
    let late = Peer::hanging_up(|connection| connection >= 12).await;
    let gateway = relaying(&[by_turns, late, Peer::echoing().await, Peer::echoing().await], FOR_LONG).await;
    let ask = async || {
        tried(&gateway).await;
        ejection(&gateway, late).await
    };
    eventually("an ejection", ask).await;
    assert_eq!(ejection(&gateway, by_turns).await, None);
}

#[tokio::test]
async fn an_endpoint_that_never_says_a_word_is_let_back_by_a_connection() {
    let (listener, peer) = (Origin::down("only told things"), Peer::echoing().await);
    let gateway = relaying(&[listener.address(), peer], "[upstream.outliers]\nejection = \"50ms\"\n").await;
    let ask = async || {
        echoed(&gateway).await;
        ejection(&gateway, listener.address()).await
    };
    eventually("an ejection", ask).await;
    listener.listen().await;
    let mut silent: Vec<TcpStream> = Vec::new();
    let ask = async || {
        silent.push(connect(&gateway).await);
        ejection(&gateway, listener.address()).await.is_none().then_some(())
    };
    eventually("the endpoint to be back", ask).await;
    assert!(listener.requests().is_empty());
}

#[tokio::test]
async fn an_endpoint_whose_checks_fail_gets_no_connection_until_they_pass() {
    let [a, b, _] = three().await;
    let checks = "[upstream.outliers]\nenabled = false\n[upstream.health]\npath = \"/health\"\ninterval = \"20ms\"\n\
                  successes = 1\nhttp_failures = 1\n";
    let gateway = relaying(&[a.address(), b.address()], checks).await;
    assert_eq!(names(&gateway, 4).await, "abab");
    a.script(|seen| match seen.target() {
        "/health" => Reply::new(500).into(),
        _ => Reply::ok("a").into(),
    });
    gateway.admin().until_healthy("peers", a.address(), false).await;
    assert_eq!(names(&gateway, 4).await, "bbbb");
    a.answer_well();
    gateway.admin().until_healthy("peers", a.address(), true).await;
    assert_eq!(names(&gateway, 4).await.matches('a').count(), 2);
}

#[tokio::test]
async fn a_client_keeps_its_endpoint_where_its_address_is_the_key() {
    let [a, b, c] = three().await;
    let hash = "balancer = { hash = \"client-address\", load_factor = 0 }";
    let gateway = relaying(&[a.address(), b.address(), c.address()], hash).await;
    let mut homes = BTreeSet::new();
    for number in 1..=16_u8 {
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            seen.insert(name(&mut client_from([127, 0, 0, number], &gateway).await).await);
        }
        assert_eq!(seen.len(), 1, "client {number} was at {seen:?}");
        homes.extend(seen);
    }
    assert!(homes.len() > 1, "all sixteen clients are at {homes:?}");
}

#[tokio::test]
async fn a_client_with_many_connections_does_not_overload_its_endpoint() {
    let [a, b, c] = three().await;
    let gateway = relaying(&[a.address(), b.address(), c.address()], "balancer = { hash = \"client-address\" }").await;
    let (mut held, mut shares) = (Vec::new(), BTreeMap::<String, u32>::new());
    for _ in 0..12 {
        let mut client = Client::connect(gateway.listener("tcp")).await;
        *shares.entry(name(&mut client).await).or_default() += 1;
        held.push(client);
    }
    // A quarter more than its third of them, rounded up.
    assert!(shares.values().all(|share| *share <= 5), "{shares:?}");
}

#[tokio::test]
async fn an_upstream_takes_no_more_connections_at_once_than_it_may() {
    let gateway = relaying(&[Peer::echoing().await], "max_requests = 1").await;
    let mut first = connect(&gateway).await;
    first.write_all(b"first").await.unwrap();
    assert_eq!(peer::some(&mut first, 5).await, b"first");
    assert!(peer::all(&mut connect(&gateway).await).await.is_empty());
    let refused = line(&gateway, Some("upstream-busy")).await;
    assert_eq!((&refused["tries"], &refused["upstream"]), (&0.into(), &"peers".into()));
    first.shutdown().await.unwrap();
    assert!(peer::all(&mut first).await.is_empty());
    line(&gateway, None).await;
    echoed(&gateway).await;
}

#[tokio::test]
async fn another_endpoint_is_asked_only_after_what_the_operator_names() {
    let down = Origin::down("down");
    let gateway = relaying(&[down.address(), Peer::echoing().await], "retry_on = [\"reset\"]").await;
    assert!(peer::all(&mut connect(&gateway).await).await.is_empty());
    assert_eq!(line(&gateway, Some("upstream-connect")).await["tries"], 1);
}

//! Connections that serve one check after another.

use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use super::*;
use crate::observe::metrics::TryFailure;
use crate::upstream::traffic::{Failing, Heard};

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstate";

/// What an origin does upon one request.
#[derive(Clone, Copy, Debug)]
enum Does {
    Say(&'static [u8]),
    Hang,
}

/// An origin that does the same things on each connection, and closes where it has no more to do.
struct Scripted {
    address: EndpointAddress,
    accepted: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Scripted {
    async fn start(script: &[Does]) -> Self {
        let script: Arc<[Does]> = script.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = EndpointAddress::Ip(listener.local_addr().unwrap());
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                connections.spawn(play(stream, Arc::clone(&script)));
            }
        });
        Self { address, accepted, serving }
    }

    fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn play(mut stream: TcpStream, script: Arc<[Does]>) {
    for does in &*script {
        if !matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {
            return;
        }
        match does {
            Does::Say(octets) => stream.write_all(octets).await.unwrap(),
            Does::Hang => std::future::pending().await,
        }
    }
}

/// What so many checks of an endpoint that is held for healthy find.
async fn found(address: &EndpointAddress, check: &HealthCheck, count: usize) -> Vec<Finding> {
    let (transport, room) = (Transport::default(), Room::for_connections(1));
    let mut prober = Prober::new(&transport, address, check, &room);
    let mut found = Vec::new();
    for _ in 0..count {
        found.push(prober.ask(true).await);
    }
    found
}

#[tokio::test]
async fn a_connection_serves_thirty_checks_and_the_next_one_opens_another() {
    let mut origin = Origin::start().await;
    assert_eq!(found(&origin.address, &check(), 61).await, vec![Finding::Good(200); 61]);
    let mut closing = Vec::new();
    for _ in 0..61 {
        closing.push(origin.requests.recv().await.unwrap().headers().contains_key("connection"));
    }
    let says_close: Vec<_> = (1..=61).filter(|number| closing[number - 1]).collect();
    assert_eq!(says_close, [30, 60]);
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
async fn a_task_keeps_the_connection_of_its_checks() {
    let origin = Origin::start().await;
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![wanted(&endpoint(origin.address.clone()), check())]);
    checks(&mut events, 5).await;
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn each_check_opens_a_connection_where_none_is_to_be_kept() {
    let alone = HealthCheck { reuse_connection: false, ..check() };
    let seldom = HealthCheck { interval: Duration::from_secs(61), ..check() };
    for check in [alone, seldom] {
        let mut origin = Origin::start().await;
        found(&origin.address, &check, 3).await;
        assert_eq!(origin.connections(), 3);
        for _ in 0..3 {
            assert_eq!(origin.requests.recv().await.unwrap().headers()["connection"], "close");
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_breaks_costs_no_check() {
    for script in [
        // Closed between two checks, or upon the second one.
        &[Does::Say(GOOD)][..],
        &[Does::Say(GOOD), Does::Say(b"")],
        &[Does::Say(GOOD), Does::Say(b"HTTP/1.1 200 OK\r\ncontent-le")],
        // What some servers say of a connection that was silent for too long.
        &[Does::Say(GOOD), Does::Say(b"HTTP/1.1 408 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")],
    ] {
        let origin = Scripted::start(script).await;
        assert_eq!(found(&origin.address, &check(), 4).await, vec![Finding::Good(200); 4], "{script:?}");
        assert_eq!(origin.connections(), 4);
    }
}

#[tokio::test]
async fn an_endpoint_that_was_killed_is_found_by_the_next_check() {
    let origin = Scripted::start(&[Does::Say(GOOD); 9]).await;
    let (transport, check, room) = (Transport::default(), check(), Room::for_connections(1));
    let mut prober = Prober::new(&transport, &origin.address, &check, &room);
    assert_eq!(prober.ask(true).await, Finding::Good(200));
    origin.serving.abort();
    let _ = origin.serving.await;
    assert_eq!(prober.ask(true).await, Finding::Unreachable("connection refused".into()));
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_found_by_the_next_check_and_then_asked_anew() {
    let origin = Scripted::start(&[Does::Say(GOOD), Does::Hang]).await;
    let impatient = HealthCheck { timeout: Duration::from_millis(100), ..check() };
    let late = Finding::Unreachable("no answer within 100ms".into());
    let found = found(&origin.address, &impatient, 3).await;
    assert_eq!(found, [Finding::Good(200), late, Finding::Good(200)]);
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn connections_that_fall_silent_while_they_wait_are_not_kept_any_more() {
    let origin = Scripted::start(&[Does::Say(GOOD), Does::Hang]).await;
    let impatient = HealthCheck { timeout: Duration::from_millis(100), ..check() };
    let found = found(&origin.address, &impatient, 29).await;
    assert_eq!(found.iter().filter(|finding| !finding.is_good()).count(), 1, "{found:?}");
    assert_eq!(origin.connections(), 28);
}

#[tokio::test]
async fn what_traffic_says_against_an_endpoint_makes_the_next_check_open_a_connection() {
    let origin = Origin::start().await;
    let endpoint = endpoint(origin.address.clone());
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![wanted(&endpoint, check())]);
    checks(&mut events, 2).await;
    assert_eq!(origin.connections(), 1);
    endpoint.traffic.hear(Heard::Bad(Failing::Try(TryFailure::Connect)));
    checks(&mut events, 3).await;
    assert!(origin.connections() > 1);
}

#[tokio::test]
async fn interim_answers_are_passed_over_but_not_for_ever() {
    const INTERIM: &str = "HTTP/1.1 103 Early\r\n\r\n";
    for (count, is_good) in [(2, true), (16, true), (17, false)] {
        let answer = [INTERIM.repeat(count).as_bytes(), GOOD].concat();
        let origin = Scripted::start(&[Does::Say(answer.leak())]).await;
        let found = found(&origin.address, &check(), 1).await;
        assert_eq!(found[0].is_good(), is_good, "{count}: {found:?}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_only_where_it_may_serve_on() {
    for (answer, finding) in [
        (&b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"[..], Finding::Good(200)),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", Finding::Good(200)),
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", Finding::Bad(500)),
        // The answer to a question that nobody asked yet.
        (b"HTTP/1.1 204 x\r\n\r\nHTTP/1.1 500 Oops\r\n\r\n", Finding::Good(204)),
    ] {
        let origin = Scripted::start(&[Does::Say(answer); 3]).await;
        assert_eq!(found(&origin.address, &check(), 2).await, [finding.clone(), finding]);
        assert_eq!(origin.connections(), 2, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_asked_over_new_connections() {
    let origin = Origin::start().await;
    let endpoint = endpoint(origin.address.clone());
    endpoint.mark(false, "before");
    let patient = HealthCheck { successes: 3, ..check() };
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![wanted(&endpoint, patient)]);
    change(&mut events).await;
    checks(&mut events, 3).await;
    assert_eq!(origin.connections(), 4, "three that brought it back, and one for all after them");
}

#[tokio::test]
async fn connections_wait_where_there_is_room_for_them() {
    let (origin, transport, check) = (Origin::start().await, Transport::default(), check());
    let room = Room::for_connections(1);
    let mut first = Prober::new(&transport, &origin.address, &check, &room);
    let mut second = Prober::new(&transport, &origin.address, &check, &room);
    first.ask(true).await;
    second.ask(true).await;
    first.ask(true).await;
    second.ask(true).await;
    assert_eq!(origin.connections(), 3);
    drop(first);
    second.ask(true).await;
    second.ask(true).await;
    assert_eq!(origin.connections(), 4, "there is room now");
}

//! Clients that are unusual and within their rights.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::client::tcp;
use crate::harness::origin::Seen;
use crate::harness::script::Step;
use crate::harness::sections::{plugin, policy, upstream_with};
use crate::harness::wait::within;
use crate::harness::{Answer, ByHand, Gateway, Origin, Reply, Request, Setup, guests, route, upstream};

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

async fn by_hand() -> (Gateway, ByHand) {
    let origin = ByHand::listen().await;
    let gateway = Setup::new(origin.upstream("origin", "") + &route("all", "origin", "")).start().await;
    (gateway, origin)
}

const EXPECTING: &str = "POST / HTTP/1.1\r\nhost: edge.test\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

#[tokio::test]
async fn a_body_sent_octet_by_octet_arrives_and_costs_little_memory() {
    let (gateway, origin) = proxied().await;
    assert_eq!(gateway.get("/").await.status(), 200);
    let before = gateway.resident();
    let mut client = gateway.client().await;
    client.send("PUT /drops HTTP/1.1\r\nhost: edge.test\r\ncontent-length: 3000\r\n\r\n").await;
    for sent in 1..=3000 {
        client.send("x").await;
        // One at a time, so that each of them is read by itself.
        let has_come = |seen: &[Seen]| seen.last().is_some_and(|seen| seen.body.len() == sent);
        origin.until("what was sent", has_come).await;
    }
    assert_eq!(client.receive().await.status(), 200);
    let grown = gateway.resident().saturating_sub(before);
    assert!(grown < 6 << 20, "{} KiB for a body of 3 KB", grown >> 10);
}

#[tokio::test]
async fn an_answer_without_waiting_for_an_expected_body_ends_the_connection() {
    let (gateway, origin) = by_hand().await;
    let mut client = gateway.client().await;
    client.send(EXPECTING).await;
    let mut connection = origin.accept().await;
    assert_eq!(connection.receive_head().await.field("expect"), Some("100-continue"));
    connection.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
    let answer = client.receive().await;
    assert_eq!((answer.status(), answer.field("connection")), (403, Some("close")));
    let _ = client.try_send("GET /smuggled HTTP/1.1\r\nhost: edge.test\r\n\r\n").await;
    assert!(client.until_closed().await.is_empty(), "what follows may be the body or a request");
    assert!(connection.until_closed().await.is_empty());
}

#[tokio::test]
async fn a_client_that_is_never_told_to_go_on_may_do_so() {
    let (gateway, origin) = by_hand().await;
    let mut client = gateway.client().await;
    client.send(EXPECTING).await;
    let mut connection = origin.accept().await;
    connection.receive_head().await;
    client.send("hello").await;
    assert_eq!(connection.receive_some().await, b"hello");
    connection.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    let answer = client.receive().await;
    assert_eq!((answer.status(), answer.field("connection")), (204, None));
}

#[tokio::test]
async fn a_policy_refuses_before_the_body_is_sent() {
    let origin = Origin::start().await;
    let sections = upstream("origin", &[&origin])
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "")
        + &route("all", "origin", "policies = [\"keys\"]");
    let gateway = Setup::new(sections).start().await;
    let mut client = gateway.client().await;
    client.send(EXPECTING).await;
    let answer = client.receive().await;
    assert_eq!((answer.status(), answer.field("connection")), (401, Some("close")));
    assert!(client.until_closed().await.is_empty());
    let mut client = gateway.client().await;
    for _ in 0..2 {
        assert_eq!(client.call(&Request::post("/", "a body that is sent at once")).await.status(), 401);
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn what_follows_an_upgrade_is_a_request_where_it_is_denied_and_a_tunnels_where_it_is_granted() {
    let (gateway, origin) = proxied().await;
    let upgrade = Request::get("/socket").field("connection", "Upgrade").field("upgrade", "websocket").bytes();
    origin.script(|seen| Reply::ok(seen.target()).into());
    let mut client = gateway.client().await;
    client.send([upgrade.as_slice(), &Request::get("/next").bytes()].concat()).await;
    assert_eq!(client.receive().await.text(), "/socket");
    assert_eq!(client.receive().await.text(), "/next");
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    origin.answer(Answer::raw(format!("{head}first")).then(Step::Echo));
    let mut client = gateway.client().await;
    client.send([upgrade.as_slice(), b"early"].concat()).await;
    assert_eq!(client.receive_head().await.word(1), "101");
    let mut came = Vec::new();
    while came.len() < 10 {
        came.extend(client.receive_some().await);
    }
    assert_eq!(came, b"firstearly");
}

#[tokio::test]
async fn a_last_answer_arrives_although_the_client_sends_more() {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).limits("requests_per_connection = 1").start().await;
    let mut client = gateway.client().await;
    client.send([Request::get("/").bytes(), Request::get("/more").bytes()].concat()).await;
    assert_eq!(client.receive_head().await.field("connection"), Some("close"));
    client.send(Request::get("/and-more").bytes()).await;
    assert_eq!(client.receive_some().await, b"origin");
    assert!(client.receive_some().await.is_empty(), "an orderly end");
    assert_eq!(origin.only_request().target(), "/");
}

#[tokio::test]
async fn an_http_1_0_client_may_keep_its_connection() {
    let (gateway, _origin) = proxied().await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        client.send("GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n").await;
        let answer = client.receive().await;
        assert_eq!((answer.text().as_str(), answer.field("connection")), ("origin", Some("keep-alive")));
    }
}

#[tokio::test]
async fn a_body_is_sent_again_as_far_as_it_could_be_kept() {
    let (broken, up) = (Origin::named("broken").await, Origin::named("up").await);
    broken.answer(Answer::reset());
    up.script(|seen| Reply::ok(seen.body.clone()).into());
    let text = upstream_with("shop", "retries = 1", &[(&broken, 100), (&up, 100)]) + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    let body = |length: usize| (0..length).map(|place| (place % 251) as u8).collect::<Vec<_>>();
    for request in [
        Request::new("PUT", "/").body("").chunked(),
        Request::new("PUT", "/").body(body(60 << 10)),
        Request::new("PUT", "/").body(body(60 << 10)).chunked(),
    ] {
        for _ in 0..2 {
            assert_eq!(gateway.call(&request).await.status(), 200);
        }
    }
    assert!(up.requests().iter().all(|seen| seen.complete && seen.body == body(seen.body.len())));
    assert_eq!((up.requests().len(), broken.requests().len()), (6, 3), "each was tried on both, in turn");
    let too_large = Request::new("PUT", "/").body(body(70 << 10));
    let mut statuses = [gateway.call(&too_large).await.status(), gateway.call(&too_large).await.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 502]);
}

#[tokio::test]
async fn ten_mebibytes_go_up_and_down_at_the_same_time() {
    let (gateway, origin) = by_hand().await;
    let whole = 10 << 20;
    let (mut reading, mut writing) = tcp(gateway.address()).await.into_split();
    let head = format!("POST / HTTP/1.1\r\nhost: edge.test\r\ncontent-length: {whole}\r\nconnection: close\r\n\r\n");
    tokio::spawn(async move {
        writing.write_all(head.as_bytes()).await.expect("the gateway takes a head");
        for piece in 0..whole >> 16 {
            writing.write_all(&vec![piece as u8; 1 << 16]).await.expect("the gateway takes a body");
        }
        // The end of our direction would be taken for a client that left.
        std::future::pending::<()>().await;
    });
    let mut connection = origin.accept().await;
    connection.receive_head().await;
    connection.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {whole}\r\n\r\n")).await;
    tokio::spawn(async move {
        let mut echoed = 0;
        while echoed < whole {
            let piece = connection.receive_some().await;
            echoed += piece.len();
            connection.send(piece).await;
        }
    });
    let mut answer = Vec::new();
    within("all of it", reading.read_to_end(&mut answer)).await.expect("a whole answer");
    let body = answer.get(answer.len() - whole..).expect("ten mebibytes");
    assert!(body.chunks(1 << 16).enumerate().all(|(piece, octets)| octets.iter().all(|octet| *octet == piece as u8)));
}

#[tokio::test]
async fn every_target_the_gate_lets_through_is_answered() {
    let (gateway, origin) = proxied().await;
    origin.script(|seen| Reply::ok(seen.target()).into());
    let mut odd = String::new();
    for octet in (b'!'..=b'~').filter(|octet| !b"\"#<>\\^`{|}?/%".contains(octet)) {
        let _ = write!(odd, "{}", char::from(octet));
    }
    let mut client = gateway.client().await;
    for (target, seen) in [
        (format!("/{odd}?{odd}?/"), format!("/{odd}?{odd}?/")),
        ("http://edge.test".to_owned(), "/".to_owned()),
        ("http://edge.test?a=b".to_owned(), "/?a=b".to_owned()),
        ("HTTP://edge.test/a?".to_owned(), "/a?".to_owned()),
        ("//double//slash".to_owned(), "//double//slash".to_owned()),
        ("/?".to_owned(), "/?".to_owned()),
    ] {
        client.send(format!("GET {target} HTTP/1.1\r\nhost: edge.test\r\n\r\n")).await;
        let answer = client.receive().await;
        assert_eq!((answer.status(), answer.text()), (200, seen), "{target}");
    }
    for authority in ["[::1]", "[::1]:80", "edge.test:", "edge.test:00080", "under_score.test", "1.2.3.4:65535"] {
        client.send(format!("GET http://{authority}/ HTTP/1.1\r\nhost: {authority}\r\n\r\n")).await;
        assert_eq!(client.receive().await.status(), 200, "{authority}");
    }
}

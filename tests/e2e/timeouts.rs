//! How long each side may do nothing.

use crate::harness::script::Step;
use crate::harness::sections::upstream_with;
use crate::harness::{Answer, ByHand, Client, Full, Gateway, Origin, Request, Setup, h2, route};

async fn by_hand(timeouts: &str) -> (Gateway, ByHand) {
    let origin = ByHand::listen().await;
    let upstream = origin.upstream("origin", &format!("retries = 0\n[upstream.timeouts]\n{timeouts}"));
    (Setup::new(upstream + &route("all", "origin", "")).start().await, origin)
}

async fn scripted(timeouts: &str, answer: Answer) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    origin.answer(answer);
    let more = format!("retries = 0\n[upstream.timeouts]\n{timeouts}");
    let text = upstream_with("origin", &more, &[(&origin, 100)]) + &route("all", "origin", "");
    (Setup::new(text).start().await, origin)
}

async fn upgraded(client: &mut Client) {
    client.send(Request::get("/socket").field("connection", "Upgrade").field("upgrade", "websocket").bytes()).await;
}

const CONNECT: &str = "[upstream.timeouts]\nconnect = \"100ms\"";

#[tokio::test]
async fn an_endpoint_to_which_no_connection_comes_about_is_given_up() {
    let full = Full::listen().await;
    let gateway = Setup::new(full.upstream("full", CONNECT, &[]) + &route("all", "full", "")).start().await;
    let answers = [
        gateway.call(&Request::post("/first", "body")).await,
        gateway.h2().await.call(h2::post("http://edge.test/second"), &["body"]).await,
    ];
    for (answer, target) in answers.iter().zip(["/first", "/second"]) {
        assert_eq!((answer.status(), answer.json()["status"].as_u64()), (504, Some(504)), "{target}");
        assert_eq!(answer.json()["detail"], "no connection to the service in time", "{target}");
        let line = gateway.access_line(target).await;
        assert_eq!(line["cause"], "upstream-connect-timeout", "{line}");
        assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration < 2000.0), "not the default: {line}");
    }
}

#[tokio::test]
async fn where_no_connection_comes_about_another_endpoint_is_asked_whatever_the_method() {
    let (full, up) = (Full::listen().await, Origin::named("up").await);
    let upstream = full.upstream("shop", CONNECT, &[up.address()]);
    let gateway = Setup::new(upstream + &route("all", "shop", "")).start().await;
    assert_eq!(gateway.call(&Request::post("/first", "body")).await.text(), "up");
    assert_eq!(gateway.get("/between").await.text(), "up");
    assert_eq!(gateway.h2().await.call(h2::post("http://edge.test/third"), &["body"]).await.text(), "up");
    // The full one is first in turn, the other one second.
    for (target, tries) in [("/first", 2), ("/between", 1), ("/third", 2)] {
        assert_eq!(gateway.access_line(target).await["tries"], tries, "{target}");
    }
    let kind = [("upstream", "shop"), ("kind", "connect_timeout")];
    assert_eq!(gateway.admin().metrics().await.sum("tidegate_endpoint_failures_total", &kind), 2.0);
    let bodies: Vec<_> = up.requests().into_iter().map(|seen| String::from_utf8(seen.body)).collect();
    assert_eq!(bodies, [Ok("body".to_owned()), Ok(String::new()), Ok("body".to_owned())]);
}

#[tokio::test]
async fn an_origin_that_takes_nothing_is_given_up() {
    let (gateway, origin) = by_hand("write = \"200ms\"").await;
    let mut client = gateway.client().await;
    let request = Request::post("/", vec![b'x'; 32 << 20]);
    let call = tokio::spawn(async move {
        let _ = client.try_send(request.bytes()).await;
        client.receive().await
    });
    let connection = origin.accept().await;
    assert_eq!(call.await.expect("an answer").status(), 504);
    drop(connection);
    assert_eq!(gateway.access_line("/").await["cause"], "upstream-timeout");
}

#[tokio::test]
async fn an_origin_that_stops_within_its_answer_is_given_up() {
    let answer = Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").then(Step::Hang);
    let (gateway, origin) = scripted("read = \"200ms\"", answer).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "200");
    assert_eq!(client.until_closed().await, b"half");
    assert_eq!(gateway.access_line("/").await["cause"], "upstream-timeout");
    origin.until_left_alone().await;
}

#[tokio::test]
async fn an_upgrade_that_is_not_answered_is_given_up_like_any_request() {
    let (gateway, origin) = scripted("read = \"200ms\"\ntunnel = \"10m\"", Answer::hang()).await;
    let mut client = gateway.client().await;
    upgraded(&mut client).await;
    assert_eq!(client.receive().await.status(), 504);
    origin.until_left_alone().await;
}

#[tokio::test]
async fn a_tunnel_in_which_nobody_speaks_is_closed() {
    let answer = Answer::raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    let (gateway, origin) = scripted("tunnel = \"200ms\"", answer.then(Step::Echo)).await;
    let mut client = gateway.client().await;
    upgraded(&mut client).await;
    assert_eq!(client.receive_head().await.word(1), "101");
    assert!(client.until_closed().await.is_empty());
    origin.until_left_alone().await;
    assert_eq!(gateway.access_line("/socket").await["status"], 101);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_in_its_time() {
    let (gateway, origin) = by_hand("idle = \"1s\"").await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    let mut connection = origin.accept().await;
    connection.receive_head().await;
    connection.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.receive().await.status(), 204);
    assert!(connection.until_closed().await.is_empty());
}

#[tokio::test]
async fn a_body_that_stops_is_refused_and_the_origin_left_alone() {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).limits("body_timeout = \"200ms\"").start().await;
    for framing in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut client = gateway.client().await;
        client.send(format!("POST / HTTP/1.1\r\nhost: edge.test\r\n{framing}")).await;
        let answer = client.receive().await;
        assert_eq!((answer.status(), answer.field("connection")), (408, Some("close")));
        assert!(client.until_closed().await.is_empty());
        origin.until_left_alone().await;
    }
    assert_eq!(gateway.access_line("/").await["cause"], "body-stalled");
    assert!(origin.requests().iter().all(|seen| !seen.complete && seen.body == b"half"));
}

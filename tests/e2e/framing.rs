//! Where messages end, and how bodies travel.

use crate::harness::message::Framing;
use crate::harness::script::Step;
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Setup, h2};

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

#[tokio::test]
async fn a_chunked_request_body_arrives_whole_and_the_connection_goes_on() {
    let (gateway, origin) = proxied().await;
    let body = "tide".repeat(5000);
    let mut client = gateway.client().await;
    assert_eq!(client.call(&Request::post("/", body.clone()).chunked()).await.status(), 200);
    assert_eq!(client.call(&Request::get("/next")).await.status(), 200);
    let requests = origin.requests();
    assert_eq!(requests[0].body, body.as_bytes());
    assert_eq!(requests[0].head.all("content-length"), Vec::<&str>::new());
    assert_eq!(requests[1].target(), "/next");
}

#[tokio::test]
async fn a_chunked_response_body_arrives_whole_and_the_connection_goes_on() {
    let (gateway, origin) = proxied().await;
    let body = "gate".repeat(5000);
    origin.answer(Reply::ok(body.clone()).chunked());
    let mut client = gateway.client().await;
    for _ in 0..2 {
        let answer = client.call(&Request::get("/")).await;
        assert_eq!(answer.text(), body);
        assert_eq!(answer.head.response_framing(false), Framing::Chunked);
    }
}

#[tokio::test]
async fn a_response_that_ends_with_its_connection_arrives_whole() {
    let (gateway, origin) = proxied().await;
    origin.answer(Answer::raw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end").then(Step::Close));
    assert_eq!(gateway.get("/").await.text(), "until the end");
}

#[tokio::test]
async fn an_empty_last_data_frame_ends_a_body_once() {
    let (gateway, origin) = proxied().await;
    let client = gateway.h2().await;
    for pieces in [&["hello", ""][..], &[""][..], &["a", "b", ""][..]] {
        assert_eq!(client.call(h2::post("http://edge.test/"), pieces).await.status(), 200);
        assert_eq!(client.call(h2::get("http://edge.test/after"), &[]).await.status(), 200);
    }
    let bodies: Vec<_> =
        origin.requests().iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect();
    assert_eq!(bodies, ["hello", "", "", "", "ab", ""]);
    assert_eq!(origin.connections(), 1, "nothing was left over that would spoil the origin's connection");
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_and_the_connection_goes_on() {
    let (gateway, origin) = proxied().await;
    origin.script(|seen| match seen.method() {
        "HEAD" => Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"),
        _ => Reply::ok("after").into(),
    });
    let mut client = gateway.client().await;
    let answer = client.call(&Request::new("HEAD", "/")).await;
    assert_eq!((answer.status(), answer.field("content-length")), (200, Some("1234")));
    assert_eq!(client.call(&Request::get("/")).await.text(), "after");
}

#[tokio::test]
async fn statuses_without_a_body_leave_the_connection_usable() {
    let (gateway, origin) = proxied().await;
    let mut client = gateway.client().await;
    for status in [204, 304] {
        origin.answer(Reply::new(status).field("etag", "\"x\""));
        let answer = client.call(&Request::get("/")).await;
        assert_eq!((answer.status(), answer.field("etag")), (status, Some("\"x\"")));
        assert_eq!(answer.field("transfer-encoding"), None);
    }
    origin.answer_well();
    assert_eq!(client.call(&Request::get("/")).await.text(), "origin");
}

#[tokio::test]
async fn a_large_request_body_streams() {
    let (gateway, origin) = proxied().await;
    let (half, whole) = (4 << 20, 8 << 20);
    let mut client = gateway.client().await;
    client.send(format!("POST /large HTTP/1.1\r\nHost: edge.test\r\nContent-Length: {whole}\r\n\r\n")).await;
    client.send(vec![b'x'; half]).await;
    origin
        .until("half a body before the other half is sent", |seen| seen.first().is_some_and(|s| s.body.len() == half))
        .await;
    client.send(vec![b'y'; half]).await;
    assert_eq!(client.receive().await.status(), 200);
    assert_eq!(origin.only_request().body.len(), whole);
}

#[tokio::test]
async fn a_large_response_body_streams() {
    let (gateway, origin) = proxied().await;
    let half = 4 << 20;
    let latch = Latch::new();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 2 * half);
    origin.answer(
        Answer::raw(head)
            .then(Step::Send(vec![b'x'; half]))
            .then(Step::Wait(latch.clone()))
            .then(Step::Send(vec![b'y'; half])),
    );
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    client.receive_head().await;
    let mut came = 0;
    while came < half {
        came += client.receive_some().await.len();
    }
    latch.open();
    while came < 2 * half {
        came += client.receive_some().await.len();
    }
    assert_eq!(came, 2 * half);
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it_and_then_the_answer() {
    let (gateway, origin) = proxied().await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: edge.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
    assert_eq!(client.receive_head().await.word(1), "100");
    client.send("hello").await;
    assert_eq!(client.receive().await.status(), 200);
    assert_eq!(origin.only_request().body, b"hello");
}

#[tokio::test]
async fn an_http_1_0_client_is_served_and_its_connection_closed() {
    let (gateway, origin) = proxied().await;
    let mut client = gateway.client().await;
    client.send("GET /old HTTP/1.0\r\n\r\n").await;
    let answer = client.receive().await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "origin"));
    assert!(client.until_closed().await.is_empty());
    assert_eq!(origin.only_request().target(), "/old");
}

#[tokio::test]
async fn an_http_1_0_client_never_sees_chunks() {
    let (gateway, origin) = proxied().await;
    origin.answer(Reply::ok("in pieces").chunked());
    let mut client = gateway.client().await;
    client.send("GET / HTTP/1.0\r\nHost: edge.test\r\n\r\n").await;
    let answer = client.receive().await;
    assert_eq!(answer.field("transfer-encoding"), None);
    assert_eq!(answer.text(), "in pieces");
}

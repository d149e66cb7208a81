//! What the other tests lean on: origins do as told, clients and loads notice what goes wrong.

use super::load::{Load, duplicates};
use super::metrics::Metrics;
use super::script::Step;
use super::{Answer, Client, Latch, Origin, Reply, Request, Response, eventually};

#[tokio::test]
async fn an_origin_records_what_it_is_sent() {
    let origin = Origin::start().await;
    let mut client = Client::connect(origin.address()).await;
    client.call(&Request::post("/a?b", "hello").field("X-A", "1")).await;
    client.call(&Request::post("/b", "x".repeat(2500)).chunked()).await;
    let [first, second] = &origin.requests()[..] else { panic!("two requests") };
    assert_eq!((first.method(), first.target(), first.field("x-a")), ("POST", "/a?b", Some("1")));
    assert!(first.head.raw.starts_with(b"POST /a?b HTTP/1.1\r\nHost: edge.test\r\nX-A: 1\r\n"));
    assert_eq!((first.body.as_slice(), first.complete), (&b"hello"[..], true));
    assert_eq!((second.body.len(), second.connection, origin.connections()), (2500, 1, 1));
}

#[tokio::test]
async fn a_stopped_origin_refuses_and_comes_back_under_its_address() {
    let origin = Origin::start().await;
    let mut client = Client::connect(origin.address()).await;
    client.call(&Request::get("/")).await;
    origin.stop().await;
    assert!(client.try_call(&Request::get("/")).await.is_err());
    let refused = tokio::net::TcpStream::connect(origin.address()).await;
    assert_eq!(refused.expect_err("nobody listens").kind(), std::io::ErrorKind::ConnectionRefused);
    origin.listen().await;
    assert_eq!(Client::connect(origin.address()).await.call(&Request::get("/")).await.text(), "origin");
}

#[tokio::test]
async fn an_answer_waits_for_its_latch() {
    let (origin, latch) = (Origin::start().await, Latch::new());
    origin.answer(Answer::after(&latch, Reply::ok("late").chunked()));
    let mut client = Client::connect(origin.address()).await;
    client.send(Request::get("/").bytes()).await;
    origin.until("the request", |seen| seen.len() == 1).await;
    latch.open();
    assert_eq!(client.receive().await.text(), "late");
}

#[tokio::test]
async fn a_client_notices_resets_and_bodies_that_break_off() {
    let origin = Origin::start().await;
    let half = |framing: &str| Answer::raw(format!("HTTP/1.1 200 OK\r\n{framing}")).then(Step::Close);
    for answer in [
        Answer::reset(),
        half("content-length: 10\r\n\r\nhalf"),
        half("transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        half("content-le"),
    ] {
        origin.answer(answer.clone());
        let came = Client::connect(origin.address()).await.try_call(&Request::get("/")).await;
        assert!(came.is_err(), "{answer:?} was taken for {came:?}");
    }
}

#[tokio::test]
async fn a_load_counts_failures_and_closed_connections() {
    let origin = Origin::start().await;
    origin.script(|seen| match seen.field("x-load-number") {
        Some("3") => Answer::reset(),
        Some("5") => Reply::new(500).into(),
        Some("7") => Reply::ok("bye").field("connection", "close").into(),
        _ => Reply::ok("well").into(),
    });
    let tally = Load::run(origin.address(), 2, 20, Request::get("/"), Response::text).await;
    assert_eq!((tally.answered, tally.failed.len(), tally.closed), (18, 2, 2), "{tally:?}");
    assert_eq!(tally.kinds.get("well"), Some(&17));
    assert!(duplicates(&[&origin]).is_empty());
    let mut client = Client::connect(origin.address()).await;
    client.call(&Request::get("/").field("x-load-number", "4")).await;
    assert_eq!(duplicates(&[&origin]), ["4"]);
}

#[tokio::test]
async fn an_origin_knows_when_it_is_left_alone() {
    let origin = Origin::start().await;
    origin.answer(Answer::hang());
    let mut client = Client::connect(origin.address()).await;
    client.send(Request::get("/").bytes()).await;
    origin.until("the request", |seen| seen.len() == 1).await;
    drop(client);
    origin.until_left_alone().await;
}

#[tokio::test]
async fn metrics_are_summed_over_the_labels_asked_for() {
    let text =
        "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"1\"} 2\na{x=\"1\",y=\"2\"} 3\na{x=\"2\",y=\"1\"} 4\nb 1.5\n";
    let metrics = Metrics::parse(text);
    assert_eq!(metrics.sum("a", &[("x", "1")]), 5.0);
    assert_eq!(metrics.sum("a", &[("y", "1"), ("x", "2")]), 4.0);
    assert_eq!((metrics.sum("b", &[]), metrics.sum("c", &[])), (1.5, 0.0));
}

#[tokio::test]
async fn waiting_polls_until_there_is_an_answer() {
    let mut times = 0;
    let ask = async || {
        times += 1;
        (times == 3).then_some("there")
    };
    assert_eq!(eventually("the third time", ask).await, "there");
}

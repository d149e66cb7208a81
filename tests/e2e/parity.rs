//! HTTP/1 and HTTP/2 are served by two engines: what they tell of a request must not depend on which.

use serde_json::Value;

use crate::harness::script::Step;
use crate::harness::sections::upstream_with;
use crate::harness::{Answer, Gateway, Origin, Reply, Request, Setup, h2, route};

/// What the access log and the metrics tell of a request, but for names, times and places.
async fn told(gateway: &Gateway, target: &str) -> Vec<Value> {
    let line = gateway.access_line(target).await;
    ["status", "cause", "tries", "route", "upstream", "policy", "bytes_out"].map(|key| line[key].clone()).to_vec()
}

#[tokio::test]
async fn both_engines_tell_the_same_of_an_answer() {
    let origin = Origin::start().await;
    let more = "retries = 0\n[upstream.timeouts]\nread = \"200ms\"";
    let text = upstream_with("origin", more, &[(&origin, 100)]) + &route("all", "origin", "path = { prefix = \"/r\" }");
    let gateway = Setup::new(text).start().await;
    // No connection is kept: which worker has one, and tries it in vain, is no matter of the engine.
    let raw = |text: &str| Answer::raw(text).then(Step::Close);
    let reply = |reply: Reply| Answer::from(reply.field("connection", "close")).then(Step::Close);
    for (name, answer) in [
        ("well", reply(Reply::ok("a body"))),
        ("empty", reply(Reply::new(204))),
        ("error", reply(Reply::new(500).body("sorry"))),
        ("reset", Answer::reset()),
        ("hang", Answer::hang()),
        ("silent", raw("")),
        ("half-a-head", raw("HTTP/1.1 200 OK\r\ncontent-le")),
        ("no-http", raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        ("two-lengths", raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc")),
    ] {
        origin.answer(answer);
        let (first, second) = (format!("/r/{name}-1"), format!("/r/{name}-2"));
        let status = gateway.get(&first).await.status();
        let other = gateway.h2().await.call(h2::get(&format!("http://edge.test{second}")), &[]).await.status();
        assert_eq!(status, other, "{name}");
        assert_eq!(told(&gateway, &first).await, told(&gateway, &second).await, "{name}");
    }
    assert_eq!(gateway.get("/nowhere").await.status(), 404);
    assert_eq!(gateway.h2().await.call(h2::get("http://edge.test/nobody"), &[]).await.status(), 404);
    assert_eq!(told(&gateway, "/nowhere").await, told(&gateway, "/nobody").await);
}

#[tokio::test]
async fn both_engines_tell_the_same_of_an_answer_that_breaks_off() {
    let origin = Origin::start().await;
    let more = "retries = 0\n[upstream.timeouts]\nread = \"200ms\"";
    let gateway =
        Setup::new(upstream_with("origin", more, &[(&origin, 100)]) + &route("all", "origin", "")).start().await;
    for (name, framing, step) in [
        ("short", "content-length: 10\r\n\r\nhalf", Step::Close),
        ("chunks", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", Step::Close),
        ("stuck", "content-length: 10\r\n\r\nhalf", Step::Hang),
    ] {
        origin.answer(Answer::raw(format!("HTTP/1.1 200 OK\r\n{framing}")).then(step));
        let (first, second) = (format!("/{name}-1"), format!("/{name}-2"));
        let mut client = gateway.client().await;
        assert!(client.try_call(&Request::get(&first)).await.is_err(), "{name}");
        assert!(
            gateway.h2().await.try_call(h2::get(&format!("http://edge.test{second}")), &[]).await.is_err(),
            "{name}"
        );
        assert_eq!(told(&gateway, &first).await, told(&gateway, &second).await, "{name}");
    }
}

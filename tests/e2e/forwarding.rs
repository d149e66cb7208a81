//! What becomes of the fields of a message on its way.

use crate::harness::sections::upstream_with;
use crate::harness::{Gateway, Origin, Reply, Request, Setup, h2, route};

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

/// A gateway that believes `X-Forwarded-*` of everybody on this machine.
async fn behind_a_trusted_proxy() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let setup = Setup::proxying(&origin).section("[forwarded]\ntrusted = [\"127.0.0.0/8\"]\n");
    (setup.start().await, origin)
}

fn spoofed() -> Request {
    Request::get("/")
        .field("x-forwarded-for", "203.0.113.9")
        .field("x-forwarded-proto", "https")
        .field("x-forwarded-host", "evil.test")
        .field("forwarded", "for=203.0.113.9")
}

#[tokio::test]
async fn target_fields_and_body_reach_the_origin_as_they_were_sent() {
    let (gateway, origin) = proxied().await;
    let request = Request::post("/a%20b/c?x=1&y=%26", "hello")
        .field("X-Case", "Kept Value")
        .field("x-twice", "one")
        .field("x-twice", "two")
        .field("x-empty", "");
    let answer = gateway.call(&request).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "origin"));
    let seen = origin.only_request();
    assert_eq!((seen.method(), seen.target()), ("POST", "/a%20b/c?x=1&y=%26"));
    assert_eq!(seen.field("host"), Some("edge.test"));
    assert_eq!(seen.field("x-case"), Some("Kept Value"));
    assert_eq!(seen.all("x-twice"), ["one", "two"]);
    assert_eq!(seen.field("x-empty"), Some(""));
    assert_eq!(seen.body, b"hello");
}

#[tokio::test]
async fn status_fields_and_body_reach_the_client_as_they_were_answered() {
    let (gateway, origin) = proxied().await;
    origin.answer(
        Reply::new(418).field("set-cookie", "a=1").field("set-cookie", "b=2").field("etag", "\"x\"").body("teapot"),
    );
    let answer = gateway.get("/").await;
    assert_eq!((answer.status(), answer.text().as_str()), (418, "teapot"));
    assert_eq!(answer.head.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.field("etag"), Some("\"x\""));
}

#[tokio::test]
async fn a_request_without_an_id_is_given_one_that_both_sides_see() {
    let (gateway, origin) = proxied().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = gateway.get("/").await;
        ids.push(answer.field("x-request-id").expect("every answer carries the request id").to_owned());
    }
    let seen: Vec<_> = origin.requests().iter().map(|seen| seen.all("x-request-id").join(",")).collect();
    assert_eq!(seen, ids);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_legal_request_id_is_kept() {
    let (gateway, origin) = proxied().await;
    let answer = gateway.call(&Request::get("/").field("X-Request-Id", "order-4711.a_b")).await;
    assert_eq!(answer.field("x-request-id"), Some("order-4711.a_b"));
    assert_eq!(origin.only_request().all("x-request-id"), ["order-4711.a_b"]);
}

#[tokio::test]
async fn an_illegal_request_id_is_replaced() {
    let (gateway, origin) = proxied().await;
    let long = "x".repeat(500);
    for illegal in ["two words", "<script>", "a\"b", "", long.as_str()] {
        let answer = gateway.call(&Request::get("/").field("x-request-id", illegal)).await;
        let id = answer.field("x-request-id").expect("every answer carries the request id").to_owned();
        assert_ne!(id, illegal);
        let seen = origin.requests().pop().expect("the request reached the origin");
        assert_eq!(seen.all("x-request-id"), [id.as_str()]);
    }
}

#[tokio::test]
async fn two_request_ids_never_reach_the_origin() {
    let (gateway, origin) = proxied().await;
    gateway.call(&Request::get("/").field("x-request-id", "one").field("x-request-id", "two")).await;
    assert_eq!(origin.only_request().all("x-request-id").len(), 1);
}

#[tokio::test]
async fn forwarding_fields_of_a_stranger_are_replaced() {
    let (gateway, origin) = proxied().await;
    gateway.call(&spoofed()).await;
    let seen = origin.only_request();
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.all("x-forwarded-host"), ["edge.test"]);
    assert!(!String::from_utf8_lossy(&seen.head.raw).contains("203.0.113.9"), "{:?}", seen.head);
}

#[tokio::test]
async fn forwarding_fields_of_a_trusted_proxy_are_kept_and_continued() {
    let (gateway, origin) = behind_a_trusted_proxy().await;
    gateway.call(&spoofed()).await;
    let seen = origin.only_request();
    assert_eq!(seen.all("x-forwarded-for").join(", "), "203.0.113.9, 127.0.0.1");
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    let line = gateway.access_line("/").await;
    assert_eq!(line["client"], "203.0.113.9", "the client is who stood before the trusted proxy");
}

#[tokio::test]
async fn hop_by_hop_fields_of_a_request_end_here() {
    let (gateway, origin) = proxied().await;
    let request = Request::get("/")
        .field("Connection", "keep-alive, X-Private, close")
        .field("X-Private", "for this hop")
        .field("Keep-Alive", "timeout=5")
        .field("Proxy-Connection", "keep-alive")
        .field("TE", "trailers, deflate")
        .field("Upgrade", "h2c")
        .field("HTTP2-Settings", "AAMAAABkAAQAAP__")
        .field("X-Public", "for all");
    gateway.call(&request).await;
    let seen = origin.only_request();
    for name in ["x-private", "keep-alive", "proxy-connection", "te", "upgrade", "http2-settings"] {
        assert_eq!(seen.all(name), Vec::<&str>::new(), "{name}");
    }
    assert!(seen.all("connection").iter().all(|value| *value == "keep-alive"), "{:?}", seen.all("connection"));
    assert_eq!(seen.field("x-public"), Some("for all"));
}

#[tokio::test]
async fn a_client_cannot_have_the_gateways_own_fields_removed_by_nominating_them() {
    let (gateway, origin) = proxied().await;
    let request = Request::get("/").field("Connection", "x-forwarded-for, x-request-id, host");
    gateway.call(&request).await;
    if let Some(seen) = origin.requests().first() {
        assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(seen.all("x-request-id").len(), 1);
        assert_eq!(seen.all("host"), ["edge.test"]);
    }
}

#[tokio::test]
async fn hop_by_hop_fields_of_a_response_end_here() {
    let (gateway, origin) = proxied().await;
    let reply = Reply::ok("x")
        .field("connection", "keep-alive, x-private")
        .field("x-private", "for this hop")
        .field("keep-alive", "timeout=5")
        .field("proxy-connection", "keep-alive")
        .field("x-public", "for all");
    origin.answer(reply);
    let mut client = gateway.client().await;
    let answer = client.call(&Request::get("/")).await;
    for name in ["x-private", "keep-alive", "proxy-connection"] {
        assert_eq!(answer.field(name), None, "{name}");
    }
    assert!(!answer.head.all("connection").concat().contains("private"));
    assert_eq!(answer.field("x-public"), Some("for all"));
    assert_eq!(client.call(&Request::get("/")).await.status(), 200, "and the connection goes on");
}

#[tokio::test]
async fn cookie_crumbs_of_http2_are_joined_for_an_http1_origin() {
    let (gateway, origin) = proxied().await;
    let request = http::Request::get("http://edge.test/").header("cookie", "a=1").header("cookie", "b=2");
    let request = request.body(()).expect("a legal request");
    assert_eq!(gateway.h2().await.call(request, &[]).await.status(), 200);
    assert_eq!(origin.only_request().all("cookie"), ["a=1; b=2"]);
}

#[tokio::test]
async fn the_authority_of_http2_becomes_the_host() {
    let (gateway, origin) = proxied().await;
    assert_eq!(gateway.h2().await.call(h2::get("http://shop.test/x?y=z"), &[]).await.status(), 200);
    let seen = origin.only_request();
    assert_eq!(seen.all("host"), ["shop.test"]);
    assert_eq!(seen.target(), "/x?y=z");
    assert_eq!(seen.all("x-forwarded-host"), ["shop.test"]);
}

#[tokio::test]
async fn an_upstream_may_be_asked_under_a_host_of_its_own() {
    let origin = Origin::start().await;
    let upstream = upstream_with("origin", "host = \"inventory.internal\"", &[(&origin, 100)]);
    let gateway = Setup::new(upstream + &route("all", "origin", "")).start().await;
    gateway.get("/").await;
    let seen = origin.only_request();
    assert_eq!(seen.all("host"), ["inventory.internal"]);
    assert_eq!(seen.all("x-forwarded-host"), ["edge.test"]);
}

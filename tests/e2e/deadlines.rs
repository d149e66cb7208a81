//! How long a request of a route may take, and what its endpoints are told of it.

use std::time::Duration;

use crate::harness::script::Step;
use crate::harness::sections::upstream_with;
use crate::harness::{Answer, Gateway, Origin, Reply, Request, Setup, h2, route};

async fn gateway(timeouts: &str, upstream: &str, origins: &[&Origin]) -> Gateway {
    let endpoints: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    let route = route("all", "shop", &format!("[route.timeouts]\n{timeouts}"));
    Setup::new(upstream_with("shop", upstream, &endpoints) + &route).start().await
}

async fn cause(gateway: &Gateway, target: &str) -> String {
    gateway.access_line(target).await["cause"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_try_that_takes_too_long_is_made_elsewhere() {
    let (stuck, up) = (Origin::named("stuck").await, Origin::named("up").await);
    stuck.answer(Answer::hang());
    let gateway = gateway("try = \"100ms\"", "", &[&stuck, &up]).await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.text(), "up");
    }
}

#[tokio::test]
async fn the_total_holds_over_all_tries_and_blames_no_endpoint() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer(Answer::hang());
    b.answer(Answer::hang());
    let gateway = gateway("try = \"300ms\"\ntotal = \"450ms\"", "retries = 5", &[&a, &b]).await;
    let answer = gateway.get("/one").await;
    assert_eq!(answer.status(), 504);
    assert_eq!(answer.json()["detail"], "the request took longer than it may");
    let line = gateway.access_line("/one").await;
    assert_eq!((&line["cause"], &line["tries"]), (&"deadline".into(), &2.into()));
    let failures = gateway.admin().metrics().await.sum("tidegate_endpoint_failures_total", &[("upstream", "shop")]);
    assert_eq!(failures, 1.0, "the second try was ended by the request, not by its endpoint");
}

#[tokio::test]
async fn an_answer_is_cut_where_the_total_ends_within_its_body() {
    let origin = Origin::start().await;
    origin.answer(Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").then(Step::Hang));
    let gateway = gateway("total = \"300ms\"", "", &[&origin]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/half").bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "200");
    assert_eq!(client.until_closed().await, b"half");
    let line = gateway.access_line("/half").await;
    assert_eq!((&line["cause"], &line["bytes_out"]), (&"deadline".into(), &4.into()));
    origin.until_left_alone().await;
}

#[tokio::test]
async fn an_answer_within_the_total_comes_whole_and_keeps_the_connection() {
    let origin = Origin::start().await;
    let gateway = gateway("total = \"10s\"\ntry = \"5s\"", "", &[&origin]).await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        assert_eq!(client.call(&Request::post("/", "body")).await.text(), "origin");
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_route_has_silences_of_its_own() {
    let origin = Origin::start().await;
    let long = "retries = 0\n[upstream.timeouts]\nread = \"10m\"";
    let gateway = gateway("first_byte = \"100ms\"\nidle = \"200ms\"", long, &[&origin]).await;
    origin.answer(Answer::hang());
    assert_eq!(gateway.get("/head").await.status(), 504);
    assert_eq!(cause(&gateway, "/head").await, "upstream-timeout");
    origin.answer(Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").then(Step::Hang));
    let mut client = gateway.client().await;
    client.send(Request::get("/body").bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "200");
    assert_eq!(client.until_closed().await, b"half");
    assert_eq!(cause(&gateway, "/body").await, "upstream-timeout");
}

#[tokio::test]
async fn endpoints_are_told_what_is_left_and_not_what_the_client_made_up() {
    let origin = Origin::start().await;
    let gateway = gateway("total = \"8s\"\ndeadline_header = \"x-request-timeout-ms\"", "", &[&origin]).await;
    let request = Request::get("/").field("x-request-timeout-ms", "999999");
    assert_eq!(gateway.call(&request).await.status(), 200);
    let uri = "http://edge.test/two";
    assert_eq!(gateway.h2().await.call(h2::get(uri), &[]).await.status(), 200);
    for seen in origin.requests() {
        let told = seen.all("x-request-timeout-ms");
        assert!(matches!(told[..], [left] if (1..=8000).contains(&left.parse::<u32>().unwrap())), "{told:?}");
    }
}

#[tokio::test]
async fn the_total_holds_over_http_2_too() {
    let origin = Origin::start().await;
    let gateway = gateway("total = \"200ms\"", "retries = 0", &[&origin]).await;
    origin.answer(Answer::hang());
    let answer = gateway.h2().await.call(h2::get("http://edge.test/head"), &[]).await;
    assert_eq!(answer.status(), 504);
    assert_eq!(cause(&gateway, "/head").await, "deadline");
    origin.answer(Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").then(Step::Hang));
    let answer = gateway.h2().await.try_call(h2::get("http://edge.test/body"), &[]).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(cause(&gateway, "/body").await, "deadline");
}

#[tokio::test]
async fn a_client_that_sends_slowly_costs_its_endpoint_nothing() {
    let origin = Origin::start().await;
    let gateway = gateway("try = \"200ms\"", "retries = 0", &[&origin]).await;
    let mut client = gateway.client().await;
    client.send("POST /slow HTTP/1.1\r\nhost: edge.test\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert_eq!(client.receive().await.status(), 504);
    assert_eq!(cause(&gateway, "/slow").await, "deadline");
    assert!(gateway.get("/").await.status() == 200 && origin.count("/slow") == 1);
}

#[tokio::test]
async fn a_slow_reader_is_held_to_the_total() {
    let origin = Origin::start().await;
    origin.answer(Reply::ok(vec![b'x'; 32 << 20]));
    let gateway = gateway("total = \"300ms\"", "", &[&origin]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/large").bytes()).await;
    let begun = std::time::Instant::now();
    origin.until_left_alone().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "the client reads nothing, and that is no reason to wait");
    assert_eq!(cause(&gateway, "/large").await, "deadline");
}

//! A second endpoint asked beside a slow one.

use crate::harness::sections::upstream_with;
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Setup, route};

async fn gateway(upstream: &str, origins: &[&Origin]) -> Gateway {
    let endpoints: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    let route = route("all", "shop", "hedge = { after = \"100ms\" }");
    Setup::new(upstream_with("shop", upstream, &endpoints) + &route).start().await
}

async fn hedges(gateway: &Gateway) -> f64 {
    gateway.admin().metrics().await.sum("tidegate_endpoint_tries_total", &[("upstream", "shop"), ("kind", "hedge")])
}

/// Waits until nothing is under way to any endpoint.
async fn until_idle(gateway: &Gateway) {
    gateway.admin().until_metric("tidegate_endpoint_requests_in_flight", &[("upstream", "shop")], 0.0).await;
}

#[tokio::test]
async fn a_get_that_meets_a_slow_endpoint_is_answered_by_another() {
    let (slow, quick) = (Origin::named("slow").await, Origin::named("quick").await);
    slow.answer(Answer::hang());
    let gateway = gateway("", &[&slow, &quick]).await;
    let mut client = gateway.client().await;
    for _ in 0..4 {
        assert_eq!(client.call(&Request::get("/")).await.text(), "quick");
    }
    let asked_first = slow.requests().len();
    assert!(asked_first > 0 && quick.requests().len() == 4);
    assert_eq!(hedges(&gateway).await, asked_first as f64);
    slow.until_left_alone().await;
    assert_eq!(quick.connections(), 1, "the connection that won serves on, as one to its own endpoint");
    until_idle(&gateway).await;
    let line = gateway.access_line("/").await;
    assert_eq!((&line["tries"], &line["endpoint"]), (&2.into(), &quick.address().to_string().into()));
}

#[tokio::test]
async fn the_first_endpoint_may_still_be_the_quicker_one() {
    let (slow, slower) = (Origin::named("slow").await, Origin::named("slower").await);
    let latch = Latch::new();
    slow.answer(Answer::after(&latch, Reply::ok("slow")));
    slower.answer(Answer::hang());
    let gateway = gateway("", &[&slow, &slower]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    slower.until("the second request", |seen| seen.len() == 1).await;
    latch.open();
    assert_eq!(client.receive().await.text(), "slow");
    slower.until_left_alone().await;
    until_idle(&gateway).await;
}

#[tokio::test]
async fn nothing_is_sent_twice_that_may_not_be() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let latch = Latch::new();
    for origin in [&a, &b] {
        origin.answer(Answer::after(&latch, Reply::ok("late")));
    }
    let gateway = gateway("retries = 0\n[upstream.timeouts]\nread = \"400ms\"", &[&a, &b]).await;
    let requests = [Request::post("/", "body"), Request::new("PUT", "/").body("body"), Request::new("POST", "/")];
    for request in &requests {
        assert_eq!(gateway.call(request).await.status(), 504, "{request:?}");
    }
    assert_eq!((a.requests().len() + b.requests().len(), hedges(&gateway).await), (3, 0.0));
}

#[tokio::test]
async fn a_second_endpoint_costs_a_retry_of_the_budget() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let latch = Latch::new();
    for origin in [&a, &b] {
        origin.answer(Answer::after(&latch, Reply::ok("late")));
    }
    let gateway = gateway("retry_budget = 0", &[&a, &b]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    let refused = [("upstream", "shop")];
    gateway.admin().until_metric("tidegate_endpoint_retries_refused_total", &refused, 1.0).await;
    latch.open();
    assert_eq!(client.receive().await.text(), "late");
    assert_eq!((a.requests().len() + b.requests().len(), hedges(&gateway).await), (1, 0.0));
}

#[tokio::test]
async fn where_one_of_the_two_fails_the_other_answers() {
    let (first, second) = (Origin::named("first").await, Origin::named("second").await);
    let (fail, answer) = (Latch::new(), Latch::new());
    first.answer(Answer::after(&fail, Answer::reset()));
    second.answer(Answer::after(&answer, Reply::ok("second")));
    let gateway = gateway("retries = 0", &[&first, &second]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    second.until("the second request", |seen| seen.len() == 1).await;
    fail.open();
    first.until_left_alone().await;
    answer.open();
    assert_eq!(client.receive().await.text(), "second");
    until_idle(&gateway).await;
    let metrics = gateway.admin().metrics().await;
    assert_eq!(metrics.sum("tidegate_endpoint_failures_total", &[("kind", "reset")]), 1.0);
}

#[tokio::test]
async fn where_both_fail_the_client_is_told() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let latch = Latch::new();
    for origin in [&a, &b] {
        origin.answer(Answer::after(&latch, Answer::reset()));
    }
    let gateway = gateway("retries = 0", &[&a, &b]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    for origin in [&a, &b] {
        origin.until("a request", |seen| seen.len() == 1).await;
    }
    latch.open();
    assert_eq!(client.receive().await.status(), 502);
    until_idle(&gateway).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_both() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer(Answer::hang());
    b.answer(Answer::hang());
    let gateway = gateway("", &[&a, &b]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    for origin in [&a, &b] {
        origin.until("a request", |seen| seen.len() == 1).await;
    }
    drop(client);
    for origin in [&a, &b] {
        origin.until_left_alone().await;
    }
    until_idle(&gateway).await;
}

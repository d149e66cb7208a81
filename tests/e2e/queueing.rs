//! Requests that wait where their upstream has enough to do.

use crate::harness::sections::upstream_with;
use crate::harness::{Answer, Client, Gateway, Latch, Origin, Reply, Request, Setup, h2, route};

fn text(more: &str, origins: &[&Origin]) -> String {
    let endpoints: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    upstream_with("shop", more, &endpoints) + &route("all", "shop", "")
}

/// An origin that answers once the latch is open, and a gateway before it.
async fn busy(more: &str) -> (Gateway, Origin, Latch) {
    let (origin, latch) = (Origin::start().await, Latch::new());
    origin.answer(Answer::after(&latch, Reply::ok("late")));
    (Setup::new(text(more, &[&origin])).start().await, origin, latch)
}

async fn asked(gateway: &Gateway, target: &str) -> Client {
    let mut client = gateway.client().await;
    client.send(Request::get(target).bytes()).await;
    client
}

/// Sends a request that has to wait, and returns when it does, so many in all.
async fn waiting(gateway: &Gateway, target: &str, in_all: f64) -> Client {
    let client = asked(gateway, target).await;
    gateway.admin().until_metric("tidegate_queue_requests_waiting", &[("upstream", "shop")], in_all).await;
    client
}

async fn ended(gateway: &Gateway, outcome: &str) -> f64 {
    let labels = [("upstream", "shop"), ("outcome", outcome)];
    gateway.admin().metrics().await.sum("tidegate_queue_requests_total", &labels)
}

#[tokio::test]
async fn who_came_first_is_served_first_whatever_worker_he_came_to() {
    let (gateway, origin, latch) = busy("max_in_flight = 1\nqueue = { most = 10, timeout = \"20s\" }").await;
    let mut clients = vec![asked(&gateway, "/0").await];
    origin.until("a request", |seen| seen.len() == 1).await;
    for (number, in_all) in [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)] {
        clients.push(waiting(&gateway, &format!("/{number}"), in_all).await);
    }
    latch.open();
    for client in &mut clients {
        assert_eq!(client.receive().await.text(), "late");
    }
    let order: Vec<_> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(order, ["/0", "/1", "/2", "/3", "/4"]);
    assert_eq!(ended(&gateway, "served").await, 4.0);
}

#[tokio::test]
async fn a_line_that_is_full_and_a_wait_that_is_too_long_are_told_apart() {
    let (gateway, origin, latch) = busy("max_in_flight = 1\nqueue = { most = 1, timeout = \"1s\" }").await;
    let mut served = asked(&gateway, "/served").await;
    origin.until("a request", |seen| seen.len() == 1).await;
    let mut late = waiting(&gateway, "/late", 1.0).await;
    let full = gateway.get("/full").await;
    assert_eq!((full.status(), full.field("retry-after")), (503, Some("1")));
    assert_eq!(gateway.access_line("/full").await["cause"], "queue-full");
    let late = late.receive().await;
    assert_eq!((late.status(), late.field("retry-after")), (503, Some("1")));
    assert_eq!(gateway.access_line("/late").await["cause"], "queue-timeout");
    latch.open();
    assert_eq!(served.receive().await.status(), 200);
    assert_eq!((ended(&gateway, "full").await, ended(&gateway, "timeout").await), (1.0, 1.0));
}

#[tokio::test]
async fn a_client_that_leaves_holds_nobody_up() {
    let (gateway, origin, latch) = busy("max_in_flight = 1\nqueue = { most = 10, timeout = \"20s\" }").await;
    let mut first = asked(&gateway, "/first").await;
    origin.until("a request", |seen| seen.len() == 1).await;
    let leaving = waiting(&gateway, "/leaving", 1.0).await;
    let mut last = waiting(&gateway, "/last", 2.0).await;
    drop(leaving);
    gateway.admin().until_metric("tidegate_queue_requests_waiting", &[("upstream", "shop")], 1.0).await;
    latch.open();
    assert_eq!((first.receive().await.status(), last.receive().await.status()), (200, 200));
    assert_eq!((origin.count("/leaving"), ended(&gateway, "left").await), (0, 1.0));
}

#[tokio::test]
async fn who_waits_is_served_over_a_reload_and_over_http_2() {
    let more = "max_in_flight = 1\nqueue = { most = 10, timeout = \"20s\" }";
    let (gateway, origin, latch) = busy(more).await;
    let mut first = asked(&gateway, "/first").await;
    origin.until("a request", |seen| seen.len() == 1).await;
    let mut second = waiting(&gateway, "/second", 1.0).await;
    let h2 = gateway.h2().await;
    let third = tokio::spawn(async move { h2.call(h2::get("http://edge.test/third"), &[]).await.status() });
    gateway.admin().until_metric("tidegate_queue_requests_waiting", &[("upstream", "shop")], 2.0).await;
    gateway.take_over(text(&format!("retries = 1\n{more}"), &[&origin])).await;
    latch.open();
    assert_eq!((first.receive().await.status(), second.receive().await.status()), (200, 200));
    assert_eq!(third.await.unwrap(), 200);
    let order: Vec<_> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(order, ["/first", "/second", "/third"]);
}

#[tokio::test]
async fn an_upstream_takes_no_more_requests_at_once_than_it_may() {
    let (a, b, latch) = (Origin::named("a").await, Origin::named("b").await, Latch::new());
    for origin in [&a, &b] {
        origin.answer(Answer::after(&latch, Reply::ok("late")));
    }
    let gateway = Setup::new(text("max_requests = 3", &[&a, &b])).start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(asked(&gateway, "/").await);
    }
    for (origin, count) in [(&a, 2), (&b, 1)] {
        origin.until("requests", |seen| seen.len() == count).await;
    }
    let refused = gateway.get("/refused").await;
    assert_eq!((refused.status(), refused.field("retry-after")), (503, Some("1")));
    assert_eq!(gateway.access_line("/refused").await["cause"], "upstream-busy");
    latch.open();
    for client in &mut clients {
        assert_eq!(client.receive().await.status(), 200);
    }
    assert_eq!(gateway.get("/").await.status(), 200, "there is room again");
}

#[tokio::test]
async fn who_waits_for_the_upstream_as_a_whole_is_served_when_it_has_room() {
    let (gateway, origin, latch) = busy("max_requests = 1\nqueue = { most = 10, timeout = \"20s\" }").await;
    let mut first = asked(&gateway, "/first").await;
    origin.until("a request", |seen| seen.len() == 1).await;
    let mut second = waiting(&gateway, "/second", 1.0).await;
    latch.open();
    assert_eq!((first.receive().await.status(), second.receive().await.status()), (200, 200));
}

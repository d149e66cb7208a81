//! A plugin that misbehaves hurts nobody but itself.

use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, guests, route, upstream};

const LIMITS: &str = "[plugin.limits]\ncpu = \"20ms\"\nmemory = \"4MiB\"\noutput = \"64KiB\"\n";

/// `/deny` and `/allow` are guarded by the hostile plugin, everything else by nothing.
async fn hostile() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let text = upstream("origin", &[&origin])
        + &plugin("hostile", &guests::guest("hostile"), LIMITS)
        + &policy("denying", "hostile", "on_failure = \"deny\"")
        + &policy("allowing", "hostile", "on_failure = \"allow\"")
        + &route("deny", "origin", "path = { prefix = \"/deny\" }\npolicies = [\"denying\"]")
        + &route("allow", "origin", "path = { prefix = \"/allow\" }\npolicies = [\"allowing\"]")
        + &route("free", "origin", "");
    (Setup::new(text).start().await, origin)
}

fn asking(path: &str, mode: &str) -> Request {
    Request::get(path).field("x-mode", mode)
}

/// Puts the plugin through one misdeed on both routes, and looks at everything around it.
async fn survives(mode: &str, outcome: &str) {
    let (mut gateway, origin) = hostile().await;
    let (mut guarded, mut free) = (gateway.client().await, gateway.client().await);
    for round in 1..=3 {
        let denied = guarded.call(&asking("/deny", mode)).await;
        assert_eq!(denied.status(), 503, "{mode}: {}", denied.text());
        assert_eq!(denied.json()["status"], 503);
        let allowed = guarded.call(&asking("/allow", mode)).await;
        assert_eq!((allowed.status(), allowed.text().as_str()), (200, "origin"), "{mode}");
        assert_eq!(free.call(&asking("/free", mode)).await.status(), 200);
        let metrics = gateway.admin().metrics().await;
        for policy in ["denying", "allowing"] {
            let labels = [("policy", policy), ("outcome", outcome)];
            assert_eq!(metrics.sum("tidegate_policy_calls_total", &labels), f64::from(round), "{mode}: {policy}");
        }
    }
    let well = guarded.call(&asking("/deny", "well")).await;
    assert_eq!(well.status(), 200, "the next call finds a fresh instance");
    assert_eq!(origin.count("/deny"), 1, "what was denied never reached the origin");
    assert!(gateway.is_alive());
}

#[tokio::test]
async fn an_endless_loop_is_stopped() {
    survives("loop", "out_of_time").await;
}

#[tokio::test]
async fn a_trap_is_contained() {
    survives("trap", "trap").await;
}

#[tokio::test]
async fn memory_has_an_end() {
    survives("memory", "out_of_memory").await;
}

#[tokio::test]
async fn a_header_value_with_a_line_break_is_refused() {
    survives("crlf", "illegal").await;
}

#[tokio::test]
async fn a_header_that_frames_the_message_is_refused() {
    survives("content-length", "illegal").await;
    survives("transfer-encoding", "illegal").await;
}

#[tokio::test]
async fn a_header_that_routes_the_message_is_refused() {
    survives("host", "illegal").await;
}

#[tokio::test]
async fn an_impossible_status_is_refused() {
    survives("status-99", "illegal").await;
    survives("status-1000", "illegal").await;
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    survives("huge-body", "illegal").await;
}

#[tokio::test]
async fn a_consumer_that_does_not_exist_is_refused() {
    survives("unknown-consumer", "illegal").await;
}

#[tokio::test]
async fn a_failing_policy_leaves_the_request_as_it_was() {
    let (gateway, origin) = hostile().await;
    gateway.call(&asking("/allow", "crlf").field("x-mine", "kept")).await;
    let seen = origin.only_request();
    assert_eq!(seen.all("x-mine"), ["kept"]);
    let added: Vec<_> = seen.head.fields.iter().filter(|(name, _)| name.contains("evil")).collect();
    assert!(added.is_empty(), "{added:?}");
}

#[tokio::test]
async fn loops_on_one_route_do_not_stop_another() {
    let (gateway, origin) = hostile().await;
    let mut looping = Vec::new();
    for _ in 0..8 {
        let mut client = gateway.client().await;
        client.send(asking("/deny", "loop").bytes()).await;
        looping.push(client);
    }
    let mut free = gateway.client().await;
    for _ in 0..20 {
        assert_eq!(free.call(&Request::get("/free")).await.status(), 200);
    }
    for client in &mut looping {
        assert_eq!(client.receive().await.status(), 503);
    }
    assert_eq!(origin.count("/deny"), 0);
}

#[tokio::test]
async fn the_log_says_which_policy_failed_and_how() {
    let (gateway, _origin) = hostile().await;
    gateway.call(&asking("/deny", "trap")).await;
    gateway.until_logged("denying").await;
    let line = gateway.access_line("/deny").await;
    assert_eq!(line["status"], 503);
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("denying")), "{line}");
}

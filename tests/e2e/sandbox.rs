//! A plugin that misbehaves hurts nobody but itself.

use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, eventually, guests, route, upstream};

const LIMITS: &str = "[plugin.limits]\ncpu = \"100ms\"\nmemory = \"16MiB\"\noutput = \"64KiB\"\n";

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

/// Puts the plugin through these misdeeds on both routes, and looks at everything around it.
async fn survives(outcomes: &[&str], modes: &[&str]) {
    let (mut gateway, origin) = hostile().await;
    let (mut guarded, mut free) = (gateway.client().await, gateway.client().await);
    for (index, mode) in modes.iter().chain(modes).enumerate() {
        let denied = guarded.call(&asking("/deny", mode)).await;
        assert_eq!(denied.status(), 503, "{mode}: {}", denied.text());
        assert_eq!(denied.json()["status"], 503);
        let allowed = guarded.call(&asking("/allow", mode)).await;
        assert_eq!((allowed.status(), allowed.text().as_str()), (200, "origin"), "{mode}");
        assert_eq!(allowed.field("x-hostile"), None);
        assert_eq!(free.call(&asking("/free", mode)).await.status(), 200);
        let failures = u32::try_from(index + 1).expect("a small number");
        assert_failures(&gateway, outcomes, failures).await;
    }
    let tame = guarded.call(&asking("/deny", "none")).await;
    assert_eq!((tame.status(), tame.field("x-hostile")), (200, Some("tame")), "the next call finds a fresh instance");
    assert_eq!(origin.count("/deny"), 1, "what was denied never reached the origin");
    assert!(gateway.is_alive());
}

async fn assert_failures(gateway: &Gateway, outcomes: &[&str], failures: u32) {
    let metrics = gateway.admin().metrics().await;
    for policy in ["denying", "allowing"] {
        let of =
            |outcome: &&str| metrics.sum("tidegate_policy_calls_total", &[("policy", policy), ("outcome", outcome)]);
        assert_eq!(outcomes.iter().map(of).sum::<f64>(), f64::from(failures), "{outcomes:?} of {policy}");
    }
}

#[tokio::test]
async fn an_endless_loop_is_stopped() {
    survives(&["out_of_time"], &["loop"]).await;
}

#[tokio::test]
async fn traps_are_contained() {
    survives(&["trap"], &["trap", "recurse"]).await;
}

#[tokio::test]
async fn memory_has_an_end() {
    survives(&["out_of_memory"], &["memory"]).await;
}

#[tokio::test]
async fn illegal_names_and_values_are_refused() {
    survives(&["illegal"], &["value", "name", ":path"]).await;
}

#[tokio::test]
async fn fields_that_frame_or_route_a_message_are_refused() {
    let modes = ["content-length", "transfer-encoding", "host", "connection", "response-framing", "local-framing"];
    survives(&["illegal"], &modes).await;
}

#[tokio::test]
async fn impossible_statuses_are_refused() {
    survives(&["illegal"], &["status-99", "status-1000"]).await;
}

#[tokio::test]
async fn output_over_the_limit_is_refused() {
    // Which of the limits such an output meets first is the host's choice.
    survives(&["illegal", "trap", "out_of_memory"], &["huge-body", "many-headers"]).await;
}

#[tokio::test]
async fn a_consumer_that_does_not_exist_is_refused() {
    survives(&["illegal"], &["consumer"]).await;
}

#[tokio::test]
async fn a_failing_policy_leaves_the_request_as_it_was() {
    let (gateway, origin) = hostile().await;
    gateway.call(&asking("/allow", "value").field("x-mine", "kept")).await;
    let seen = origin.only_request();
    assert_eq!(seen.all("x-mine"), ["kept"]);
    assert_eq!((seen.field("x-lie"), seen.field("x-smuggled")), (None, None));
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
    assert_eq!((line["cause"].as_str(), line["policy"].as_str()), (Some("policy-failed"), Some("denying")));
}

#[tokio::test]
async fn the_log_says_how_often_one_failure_came_and_hides_no_other_one() {
    let (gateway, _origin) = hostile().await;
    let modes = [
        ("trap", "trapped"),
        ("memory", "out of memory budget"),
        ("value", "illegal decision"),
        ("loop", "CPU budget"),
    ];
    for (mode, failure) in modes {
        let target = format!("/deny/{mode}");
        gateway.call(&asking(&target, mode)).await;
        let line = gateway.access_line(&target).await;
        let parts =
            ["policy failed", "denying", "request-policy", failure, line["request_id"].as_str().expect("an id")];
        let is_it = |line: &str| parts.iter().all(|part| line.contains(part));
        eventually(&format!("a line of {mode}"), async || gateway.log().lines().any(is_it).then_some(())).await;
    }
}

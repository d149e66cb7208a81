//! A plugin that misbehaves hurts nobody but itself.

use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, eventually, guests, route, upstream};

const LIMITS: &str = "[plugin.limits]\ncpu = \"100ms\"\nmemory = \"16MiB\"\noutput = \"64KiB\"\n";

/// `/deny` and `/allow` are guarded by the hostile plugin, everything else by nothing.
async fn hostile() -> (Gateway, Origin) {
    hostile_with("").await
}

/// The same with further keys of the plugin.
async fn hostile_with(keys: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let text = upstream("origin", &[&origin])
        + &plugin("hostile", &guests::guest("hostile"), &format!("{keys}{LIMITS}"))
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

/// How it fails in other ways than by a trap, and what the log calls that.
const OTHER_FAILURES: [(&str, &str); 3] =
    [("memory", "out of memory budget"), ("value", "illegal decision"), ("loop", "CPU budget")];

#[tokio::test]
async fn the_log_says_how_often_one_failure_came_and_hides_no_other_one() {
    // Where a second is over before the next trap, the log tells of that one, and nothing was to be hidden: once more.
    eventually("a trap that is left out of the log", async || {
        let (gateway, _origin) = hostile_with("quarantine = { failures = 0 }\n").await;
        gateway.call(&asking("/deny/trap-0", "trap")).await;
        for (mode, _) in OTHER_FAILURES {
            gateway.call(&asking(&format!("/deny/{mode}"), mode)).await;
        }
        let again = until_told_again_of_traps(&gateway).await;
        let left_out = number_left_out(&again);
        if left_out == 0 {
            return None;
        }
        let told_of = format!("/deny/trap-{}", left_out + 1);
        assert!(is_about(&again, &request_id(&gateway, &told_of).await), "not of {told_of}: {again}");
        for (mode, failure) in OTHER_FAILURES {
            let id = request_id(&gateway, &format!("/deny/{mode}")).await;
            let log = gateway.log();
            let line =
                log.lines().find(|line| is_about(line, &id)).unwrap_or_else(|| panic!("no line of {mode}: {log}"));
            assert!(line.contains(failure), "{line}");
            assert_eq!(number_left_out(line), 0, "traps do not count: {line}");
        }
        Some(())
    })
    .await;
}

/// Has it trap until the log has a second line of that.
async fn until_told_again_of_traps(gateway: &Gateway) -> String {
    let mut traps = 0;
    eventually("a second line of traps", async || {
        traps += 1;
        gateway.call(&asking(&format!("/deny/trap-{traps}"), "trap")).await;
        let log = gateway.log();
        let mut of_traps = log.lines().filter(|line| line.contains("policy failed") && line.contains("trapped"));
        of_traps.nth(1).map(str::to_owned)
    })
    .await
}

async fn request_id(gateway: &Gateway, target: &str) -> String {
    gateway.access_line(target).await["request_id"].as_str().expect("an id").to_owned()
}

/// Whether a line of the log tells that the policy failed at this request.
fn is_about(line: &str, request_id: &str) -> bool {
    ["policy failed", "denying", "request-policy", request_id].iter().all(|part| line.contains(part))
}

/// How many failures of its kind a line says were left out before it.
fn number_left_out(line: &str) -> usize {
    let (_, rest) = line.split_once("more_like_this=").expect("a number of failures");
    rest.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

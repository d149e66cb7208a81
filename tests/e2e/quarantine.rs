//! A policy that keeps failing is left out, and comes back by itself.

use serde_json::Value;

use crate::harness::gateway::replace;
use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Response, Setup, eventually, guests, route, upstream};

/// Three failures, and no call for as long as a test may take.
const FOR_LONG: &str = "quarantine = { failures = 3, window = \"60s\", pause = \"60s\" }";
const FOR_AN_INSTANT: &str = "quarantine = { failures = 3, window = \"60s\", pause = \"10ms\" }";

/// `/deny` and `/allow` are guarded by the hostile plugin, which lies in the gateway's own folder. It is called for each request: what
/// is remembered, and by which worker, is another matter.
async fn guarded(quarantine: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let setup = Setup::new("");
    let file = setup.copy(&guests::guest("hostile"), "hostile.wasm");
    let text = upstream("origin", &[&origin])
        + &plugin("hostile", &file, &format!("{quarantine}\nlimits = {{ decisions = 0 }}"))
        + &policy("denying", "hostile", "on_failure = \"deny\"")
        + &policy("allowing", "hostile", "on_failure = \"allow\"")
        + &route("deny", "origin", "path = { prefix = \"/deny\" }\npolicies = [\"denying\"]")
        + &route("allow", "origin", "path = { prefix = \"/allow\" }\npolicies = [\"allowing\"]");
    (setup.rest(text).start().await, origin)
}

async fn ask(gateway: &Gateway, path: &str, mode: &str) -> Response {
    gateway.call(&Request::get(path).field("x-mode", mode)).await
}

async fn trip(gateway: &Gateway, path: &str) {
    for mode in ["trap", "name", "trap"] {
        ask(gateway, path, mode).await;
    }
}

async fn status(gateway: &Gateway, name: &str) -> Value {
    let plugins = gateway.admin().get("/plugins").await;
    let policies = plugins[0]["policies"].as_array().cloned().unwrap_or_default();
    policies.into_iter().find(|policy| policy["name"] == name).unwrap_or_else(|| panic!("no {name} in {plugins}"))
}

#[tokio::test]
async fn a_quarantined_policy_that_denies_refuses_what_it_would_have_passed() {
    let (gateway, origin) = guarded(FOR_LONG).await;
    trip(&gateway, "/deny").await;
    let refused = ask(&gateway, "/deny/tame", "none").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(origin.count("/deny/tame"), 0);
    let line = gateway.access_line("/deny/tame").await;
    assert_eq!((line["cause"].as_str(), line["policy"].as_str()), (Some("quarantined"), Some("denying")));
}

#[tokio::test]
async fn a_quarantined_policy_that_allows_is_passed_over() {
    let (gateway, _origin) = guarded(FOR_LONG).await;
    trip(&gateway, "/allow").await;
    let passed = ask(&gateway, "/allow", "none").await;
    assert_eq!((passed.status(), passed.field("x-hostile")), (200, None));
    let other = ask(&gateway, "/deny", "none").await;
    assert_eq!((other.status(), other.field("x-hostile")), (200, Some("tame")), "the other policy is called");
}

#[tokio::test]
async fn an_operator_sees_the_quarantine_in_status_metrics_and_log() {
    let (gateway, _origin) = guarded(FOR_LONG).await;
    let admin = gateway.admin();
    assert_eq!(status(&gateway, "denying").await["standing"], "good");
    assert_eq!(status(&gateway, "denying").await["image"], "unused: its instances serve many calls each");
    trip(&gateway, "/deny").await;
    ask(&gateway, "/deny", "none").await;
    let denying = status(&gateway, "denying").await;
    assert_eq!((&denying["standing"], &denying["failures"]["quarantined"]), (&"quarantined".into(), &1.into()));
    assert!(denying["last_failure"].as_str().is_some_and(|text| text.starts_with("trapped")), "{denying}");
    admin.until_metric("tidegate_policy_quarantined", &[("policy", "denying")], 1.0).await;
    admin.until_metric("tidegate_policy_quarantined", &[("policy", "allowing")], 0.0).await;
    let refused = [("policy", "denying"), ("outcome", "quarantined")];
    admin.until_metric("tidegate_policy_calls_total", &refused, 1.0).await;
    gateway.until_logged("policy quarantined").await;
    assert_eq!(gateway.log().matches("policy quarantined").count(), 1);
}

#[tokio::test]
async fn a_policy_that_works_again_is_called_again() {
    let (gateway, _origin) = guarded(FOR_AN_INSTANT).await;
    trip(&gateway, "/deny").await;
    let tame = async || {
        let answer = ask(&gateway, "/deny", "none").await;
        (answer.status() == 200).then_some(answer)
    };
    assert_eq!(eventually("the probe", tame).await.field("x-hostile"), Some("tame"));
    assert_eq!(status(&gateway, "denying").await["standing"], "good");
    gateway.until_logged("quarantine lifted").await;
}

#[tokio::test]
async fn a_new_version_of_the_plugin_starts_with_a_clean_slate() {
    let (gateway, _origin) = guarded(FOR_LONG).await;
    trip(&gateway, "/deny").await;
    assert_eq!(ask(&gateway, "/deny", "none").await.status(), 503);
    let greeter = std::fs::read(guests::guest("greeter_v1")).expect("a built guest");
    replace(&gateway.directory().join("hostile.wasm"), greeter);
    gateway.taken_over().await;
    assert_eq!(ask(&gateway, "/deny", "none").await.field("x-version"), Some("1"));
    assert_eq!(status(&gateway, "denying").await["standing"], "good");
}

#[tokio::test]
async fn an_instance_per_request_keeps_nothing_and_decides_all_the_same() {
    let (gateway, _origin) = guarded("instances = \"per-request\"").await;
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "/deny", "none").await.field("x-hostile"), Some("tame"));
        assert_eq!(ask(&gateway, "/deny", "trap").await.status(), 503);
    }
    let denying = status(&gateway, "denying").await;
    assert_eq!((&denying["instances"], &denying["calls"]), (&0.into(), &6.into()));
}

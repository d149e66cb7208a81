//! What the gateway lends to a plugin, through the real binary.

use crate::harness::sections::{consumer, plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, guests, route, upstream};

const ALL: &str =
    "grants = [\"log\", \"clock\", \"random\", \"counters\", \"shared-data\", \"consumers\", \"metrics\"]";

/// The policy `all`, which uses every capability; `limits` are those of its plugin.
fn everything(limits: &str) -> String {
    plugin("everything", &guests::guest("wants_everything"), &format!("{ALL}\n{limits}"))
        + &policy("all", "everything", "")
        + &consumer("alice", "alice-key")
}

/// One route, with policies or without.
fn behind(origin: &Origin, sections: &str, policies: &str) -> String {
    upstream("origin", &[origin]) + sections + &route("all", "origin", policies)
}

const GUARDED: &str = "policies = [\"all\"]";

async fn guarded(limits: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::new(behind(&origin, &everything(limits), GUARDED)).start().await;
    (gateway, origin)
}

fn with_key(key: &str) -> Request {
    Request::get("/").field("apikey", key)
}

async fn seen(gateway: &Gateway) -> String {
    gateway.get("/").await.field("x-seen").expect("a count").to_owned()
}

#[tokio::test]
async fn every_capability_works_where_it_is_granted() {
    let (gateway, _origin) = guarded("").await;
    shows_every_capability(&gateway).await;
}

#[tokio::test]
async fn every_capability_works_from_an_image_too() {
    let (gateway, _origin) = guarded("instances = \"per-request\"").await;
    assert_eq!(gateway.admin().get("/plugins").await[0]["policies"][0]["image"], "used");
    shows_every_capability(&gateway).await;
    let metrics = gateway.admin().metrics().await;
    assert_eq!(metrics.sum("tidegate_policy_everything_total", &[("policy", "all"), ("known", "yes")]), 1.0);
}

/// Asks twice, each time with what the policy kept of the time before.
async fn shows_every_capability(gateway: &Gateway) {
    for (key, known, left, seen) in [("alice-key", "true", "9", "1"), ("wrong", "false", "8", "2")] {
        let answer = gateway.call(&with_key(key)).await;
        for (name, value) in [
            ("x-consumer-known", known),
            ("x-count-left", left),
            ("x-seen", seen),
            ("x-clock", "sane"),
            ("x-random", "sane"),
        ] {
            assert_eq!(answer.field(name), Some(value), "{name}");
        }
    }
    gateway.until_logged("wants everything: path /, consumer known false, 8 left").await;
}

#[tokio::test]
async fn what_a_plugin_counts_is_scraped_with_its_policy() {
    let (gateway, _origin) = guarded("").await;
    gateway.call(&with_key("alice-key")).await;
    gateway.call(&with_key("wrong")).await;
    gateway.call(&with_key("wrong")).await;
    let metrics = gateway.admin().metrics().await;
    let sum = |name: &str, labels: &[(&str, &str)]| metrics.sum(name, labels);
    assert_eq!(sum("tidegate_policy_everything_total", &[("policy", "all"), ("known", "yes")]), 1.0);
    assert_eq!(sum("tidegate_policy_everything_total", &[("known", r#"no\" \\ way\n"#)]), 2.0, "{}", metrics.text());
    assert_eq!(sum("tidegate_policy_everything_level", &[("policy", "all")]), 7.0);
    assert_eq!(sum("tidegate_policy_everything_seconds_bucket", &[("le", "0.001")]), 0.0);
    assert_eq!(sum("tidegate_policy_everything_seconds_bucket", &[("le", "0.0025")]), 3.0);
    assert_eq!(sum("tidegate_policy_series_dropped_total", &[("policy", "all")]), 0.0);
}

#[tokio::test]
async fn names_that_a_client_makes_up_neither_break_a_scrape_nor_fill_it() {
    let (gateway, _origin) = guarded("").await;
    let mut client = gateway.client().await;
    for name in ["calls_total", "everything_seconds_count", "1} 2", "a_total 5 #", "no-total"] {
        client.call(&Request::get("/").field("x-name", name)).await;
    }
    let admin = gateway.admin();
    assert_eq!(admin.metrics().await.sum("tidegate_policy_series_dropped_total", &[]), 5.0);
    for number in 0..30 {
        client.call(&Request::get("/").field("x-name", &format!("n{number}_total"))).await;
    }
    let metrics = admin.metrics().await;
    let kept = metrics.text().matches("# TYPE tidegate_policy_n").count();
    assert_eq!(kept, 13, "sixteen names less the guest's own three");
    assert_eq!(metrics.sum("tidegate_policy_series_dropped_total", &[("policy", "all")]), 5.0 + 17.0);
}

#[tokio::test]
async fn a_policy_that_stays_keeps_its_data_and_its_series_over_a_reload() {
    let (gateway, origin) = guarded("").await;
    assert_eq!(seen(&gateway).await, "1");
    let other = behind(&origin, &everything("[plugin.limits]\nlog_lines = 5"), GUARDED);
    gateway.take_over(other).await;
    assert_eq!(seen(&gateway).await, "2");
    let metrics = gateway.admin().metrics().await;
    assert_eq!(metrics.sum("tidegate_policy_everything_total", &[("policy", "all")]), 2.0);
}

#[tokio::test]
async fn a_policy_that_goes_takes_its_data_and_its_series_with_it() {
    let (gateway, origin) = guarded("").await;
    assert_eq!(seen(&gateway).await, "1");
    gateway.take_over(behind(&origin, "", "")).await;
    let metrics = gateway.admin().metrics().await;
    assert!(!metrics.text().contains("everything"), "{}", metrics.text());
    gateway.take_over(behind(&origin, &everything(""), GUARDED)).await;
    assert_eq!(seen(&gateway).await, "1");
    let metrics = gateway.admin().metrics().await;
    assert_eq!(metrics.sum("tidegate_policy_everything_total", &[("policy", "all")]), 1.0);
}

#[tokio::test]
async fn lines_over_the_budget_are_told_of_and_not_written() {
    let (gateway, _origin) = guarded("[plugin.limits]\nlog_lines = 0").await;
    assert_eq!(gateway.get("/").await.status(), 200);
    gateway.until_logged("1 line of this policy was not written").await;
    assert!(!gateway.log().contains("wants everything"), "{}", gateway.log());
}

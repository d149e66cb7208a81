use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

struct Sample;

impl Gauges for Sample {
    fn collect(&self, out: &mut GaugeSink) {
        for (endpoint, weight) in [("10.0.0.1:80", 5), ("10.0.0.2:80", 3)] {
            let latency = Some(Duration::from_micros(1500));
            out.endpoint(
                "u",
                endpoint,
                &EndpointGauges { healthy: true, ejected: false, draining: false, weight, in_flight: 2, latency },
            );
            out.policy("keys", endpoint, &PolicyGauges { instances: 3, idle: 1, quarantined: true });
        }
        out.keyset("accounts", &KeysetGauges { keys: 2, age: Some(Duration::from_secs(3)) });
        out.discovery("u", "dns u.internal:80", DiscoveryGauges { endpoints: 2, up_to_date: true });
        out.counters(&CounterStoreGauges { size: 10, evictions: 4 });
        out.shared_counters(true);
    }
}

/// A set in which every metric has a series.
fn populated() -> Metrics {
    let metrics = Metrics::new();
    let listener = metrics.listener("http");
    drop(listener.connection());
    listener.refused_connection("full");
    listener.refused_request("bare-lf");
    listener.tls_failure("no-certificate");
    let tcp = metrics.tcp("db");
    tcp.ended("complete");
    tcp.received(1);
    let route = metrics.route("r");
    drop(route.enter());
    route.request(200, Duration::from_millis(3), 10, 20);
    metrics.local_answer("no_route", 404);
    let endpoint = metrics.endpoint("u", "10.0.0.1:80");
    endpoint.attempt(Try::First);
    endpoint.response(200, Duration::from_millis(2));
    endpoint.failure(TryFailure::Reset);
    endpoint.health_check(true);
    metrics.endpoint_change("u", "10.0.0.1:80", "ejected");
    drop(metrics.queue("u").wait());
    metrics.retry_refused("u", "10.0.0.1:80");
    let policy = metrics.policy("keys", "api-key");
    drop(policy.sample());
    policy.call(CallOutcome::Forward);
    drop(metrics.policy_series("keys"));
    metrics.keyset("accounts").fetch(true);
    metrics.shared_counters().decided_there();
    metrics.discovery("u", "dns u.internal:80").changed.increment();
    metrics.consumers(["alice"]).request("alice", 200);
    metrics.access_lines().full.increment();
    metrics.reload(ReloadResult::Applied { generation: 7 }, 0);
    metrics
}

#[test]
fn each_metric_is_written_once_with_all_its_series_below_it() {
    let text = populated().render(&Sample);
    let mut seen = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with("# HELP")) {
        match line.strip_prefix("# TYPE ") {
            Some(head) => {
                current = head.split(' ').next().unwrap().to_owned();
                assert!(seen.insert(current.clone()), "{current} is written twice");
            }
            None => assert!(line.starts_with(&current), "{line} stands below {current}"),
        }
    }
    assert_eq!(seen, populated().names().into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
}

#[test]
fn counters_end_in_total_and_nothing_else_does() {
    let text = populated().render(&Sample);
    for head in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = head.split_once(' ').unwrap();
        assert_eq!(kind == "counter", name.ends_with("_total"), "{head}");
    }
}

#[test]
fn a_request_shows_in_its_route_by_class_duration_and_bytes() {
    let metrics = Metrics::new();
    let route = metrics.route("r");
    route.request(204, Duration::from_millis(3), 10, 20);
    metrics.route("r").request(503, Duration::from_millis(3), 1, 2);
    route.request(0, Duration::ZERO, 0, 0);
    let text = metrics.render(&());
    assert_eq!(value(&text, "tidegate_requests_total{route=\"r\",class=\"2xx\"}"), Some(1.0));
    assert_eq!(value(&text, "tidegate_requests_total{route=\"r\",class=\"5xx\"}"), Some(1.0));
    assert_eq!(value(&text, "tidegate_requests_total{route=\"r\",class=\"none\"}"), Some(1.0));
    assert_eq!(value(&text, "tidegate_request_duration_seconds_count{route=\"r\"}"), Some(3.0));
    assert_eq!(value(&text, "tidegate_request_body_bytes_total{route=\"r\"}"), Some(11.0));
    assert_eq!(value(&text, "tidegate_response_body_bytes_total{route=\"r\"}"), Some(22.0));
}

#[test]
fn a_local_answer_shows_with_its_cause_and_exact_status() {
    let metrics = Metrics::new();
    metrics.local_answer("policy", 429);
    metrics.local_answer("policy", 429);
    metrics.local_answer("policy", 401);
    let text = metrics.render(&());
    assert_eq!(value(&text, "tidegate_local_responses_total{cause=\"policy\",status=\"429\"}"), Some(2.0));
    assert_eq!(value(&text, "tidegate_local_responses_total{cause=\"policy\",status=\"401\"}"), Some(1.0));
}

#[test]
fn each_outcome_of_a_call_has_a_series_of_its_own() {
    use CallOutcome::{
        Decline, Forward, Illegal, Observe, OutOfMemory, OutOfTime, Overloaded, Pick, Quarantined, Respond, Trap,
    };
    let metrics = Metrics::new();
    let policy = metrics.policy("p", "g");
    let failures = [OutOfTime, Trap, OutOfMemory, Illegal, Overloaded, Quarantined];
    for outcome in [Forward, Respond, Pick, Decline, Observe].into_iter().chain(failures) {
        policy.call(outcome);
    }
    let text = metrics.render(&());
    let calls = text.lines().filter(|line| line.starts_with("tidegate_policy_calls_total{"));
    assert_eq!(calls.map(|line| assert!(line.ends_with(" 1"), "{line}")).count(), 11);
}

#[test]
fn one_call_in_sixty_four_is_measured_and_the_first_is() {
    let metrics = Metrics::new();
    let policy = metrics.policy("p", "g");
    let measured: Vec<bool> = (0..129).map(|_| policy.sample().is_some()).collect();
    assert!(measured[0] && measured[64] && measured[128]);
    assert_eq!(measured.iter().filter(|measured| **measured).count(), 3);
}

#[test]
fn what_no_snapshot_names_is_dropped_and_the_rest_counts_on() {
    let metrics = populated();
    metrics.route("old").request(200, Duration::ZERO, 0, 0);
    metrics.endpoint("u", "10.0.0.9:80").attempt(Try::Retry);
    metrics.route(UNROUTED).request(404, Duration::ZERO, 0, 0);
    metrics.retain(["r"], [("u", "10.0.0.1:80")], [], [], &metrics.consumers(["alice"]));
    let text = metrics.render(&());
    assert_eq!(value(&text, "tidegate_requests_total{route=\"r\",class=\"2xx\"}"), Some(1.0));
    assert_eq!(value(&text, "tidegate_requests_total{route=\"(none)\",class=\"4xx\"}"), Some(1.0));
    for gone in ["\"old\"", "10.0.0.9", "\"keys\""] {
        assert!(!text.contains(gone), "{gone} is still there");
    }
    assert!(text.contains("tidegate_build_info{version="));
}

#[test]
fn a_rejected_configuration_shows_its_problems_and_leaves_the_generation() {
    let metrics = Metrics::new();
    metrics.reload(ReloadResult::Applied { generation: 3 }, 0);
    metrics.reload(ReloadResult::Rejected, 2);
    let text = metrics.render(&());
    assert_eq!(value(&text, "tidegate_config_generation"), Some(3.0));
    assert_eq!(value(&text, "tidegate_config_problems"), Some(2.0));
    assert_eq!(value(&text, "tidegate_reloads_total{outcome=\"rejected\"}"), Some(1.0));
    metrics.reload(ReloadResult::Unchanged, 0);
    assert_eq!(value(&metrics.render(&()), "tidegate_config_problems"), Some(0.0));
}

#[test]
fn gauges_are_read_at_each_scrape() {
    let metrics = Metrics::new();
    let text = metrics.render(&Sample);
    let endpoint = "{upstream=\"u\",endpoint=\"10.0.0.2:80\"}";
    assert_eq!(value(&text, &format!("tidegate_endpoint_weight{endpoint}")), Some(3.0));
    assert_eq!(value(&text, &format!("tidegate_endpoint_latency_seconds{endpoint}")), Some(0.0015));
    assert_eq!(
        value(&text, "tidegate_policy_instances{policy=\"keys\",plugin=\"10.0.0.1:80\",state=\"busy\"}"),
        Some(2.0)
    );
    assert!(!metrics.render(&()).contains("tidegate_endpoint_weight"));
}

#[test]
fn threads_that_count_at_once_lose_nothing() {
    let metrics = Metrics::new();
    let route = metrics.route("r");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| route.request(200, Duration::from_millis(1), 1, 1)));
        }
    });
    assert_eq!(value(&metrics.render(&()), "tidegate_requests_total{route=\"r\",class=\"2xx\"}"), Some(4000.0));
}

/// Metric names in PromQL text: what starts like one of ours, without the suffix that a histogram adds.
fn names_in(expression: &str) -> impl Iterator<Item = String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("tidegate_") || word.starts_with("process_"));
    ours.map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
}

fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(text) if key == "expr" || key == "query" => found.push(text.to_owned()),
                    _ => expressions(value, found),
                }
            }
        }
        serde_json::Value::Array(array) => array.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_only_for_metrics_there_are_and_shows_each_of_our_own() {
    let dashboard = include_str!("../../../../deploy/grafana/dashboards/tidegate.json");
    let mut found = Vec::new();
    expressions(&serde_json::from_str(dashboard).unwrap(), &mut found);
    let asked: BTreeSet<String> = found.iter().flat_map(|expression| names_in(expression)).collect();
    let names = Metrics::new().names();
    for name in &asked {
        assert!(names.contains(&name.as_str()), "the dashboard asks for {name}, which is not there");
    }
    let not_shown: Vec<_> =
        names.into_iter().filter(|name| name.starts_with("tidegate_") && !asked.contains(*name)).collect();
    assert_eq!(not_shown, ["tidegate_config_last_success_timestamp_seconds"]);
}

#[test]
fn consumers_are_counted_by_name_as_long_as_there_are_few_enough() {
    let metrics = Metrics::new();
    let names: Vec<_> = (0..consumer::MOST + 5).map(|number| format!("c{number}")).collect();
    let consumers = metrics.consumers(names.iter().map(String::as_str));
    names.iter().for_each(|name| consumers.request(name, 200));
    consumers.request("c0", 503);
    let count = |text: &str, name: &str, class: &str| {
        value(text, &format!("tidegate_consumer_requests_total{{consumer=\"{name}\",class=\"{class}\"}}"))
    };
    let text = metrics.render(&());
    assert_eq!((count(&text, "c0", "2xx"), count(&text, "c0", "5xx")), (Some(1.0), Some(1.0)));
    assert_eq!(count(&text, "(others)", "2xx"), Some(5.0));
    metrics.retain([], [], [], [], &metrics.consumers(["c1"]));
    let text = metrics.render(&());
    assert_eq!((count(&text, "c0", "2xx"), count(&text, "c1", "2xx")), (None, Some(1.0)));
}

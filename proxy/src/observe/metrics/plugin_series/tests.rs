use proptest::prelude::*;

use crate::observe::metrics::Metrics;

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn dropped(metrics: &Metrics, policy: &str) -> f64 {
    value(&metrics.render(&()), &format!("tidegate_policy_series_dropped_total{{policy=\"{policy}\"}}")).unwrap()
}

/// Whether one counter of this name and these labels is kept.
fn keeps(name: &str, labels: &[(&str, &str)]) -> bool {
    let metrics = Metrics::new();
    metrics.policy_series("p").add(name, labels.iter().copied(), 1.0);
    dropped(&metrics, "p") == 0.0
}

#[test]
fn what_a_policy_counts_is_shown_under_its_name() {
    let metrics = Metrics::new();
    let series = metrics.policy_series("p");
    series.add("hits_total", [("tier", "gold"), ("a", "1")], 2.5);
    series.add("hits_total", [("a", "1"), ("tier", "gold")], 1.0);
    series.set("level", [], -3.0);
    series.observe("wait_seconds", [], 0.002);
    let text = metrics.render(&());
    assert_eq!(value(&text, "tidegate_policy_hits_total{policy=\"p\",a=\"1\",tier=\"gold\"}"), Some(3.5), "{text}");
    assert_eq!(value(&text, "tidegate_policy_level{policy=\"p\"}"), Some(-3.0));
    assert_eq!(value(&text, "tidegate_policy_wait_seconds_bucket{policy=\"p\",le=\"0.001\"}"), Some(0.0));
    assert_eq!(value(&text, "tidegate_policy_wait_seconds_bucket{policy=\"p\",le=\"0.0025\"}"), Some(1.0));
    assert_eq!(value(&text, "tidegate_policy_wait_seconds_sum{policy=\"p\"}"), Some(0.002));
    assert!(text.contains("# TYPE tidegate_policy_hits_total counter\n"), "{text}");
}

#[test]
fn policies_share_a_name_and_not_a_series() {
    let metrics = Metrics::new();
    metrics.policy_series("a").add("hits_total", [], 1.0);
    metrics.policy_series("b").add("hits_total", [], 2.0);
    let text = metrics.render(&());
    assert_eq!(text.matches("# TYPE tidegate_policy_hits_total ").count(), 1);
    assert_eq!(value(&text, "tidegate_policy_hits_total{policy=\"b\"}"), Some(2.0));
}

#[test]
fn a_counter_ends_in_total_and_nothing_else_does() {
    let metrics = Metrics::new();
    let series = metrics.policy_series("p");
    series.add("hits", [], 1.0);
    series.set("hits_total", [], 1.0);
    series.observe("hits_total", [], 1.0);
    assert_eq!(dropped(&metrics, "p"), 3.0);
}

#[test]
fn a_name_that_is_a_gauge_is_no_histogram_for_any_policy_until_it_is_free() {
    let metrics = Metrics::new();
    metrics.policy_series("a").set("age_seconds", [], 1.0);
    metrics.policy_series("a").observe("age_seconds", [], 1.0);
    metrics.policy_series("b").observe("age_seconds", [], 1.0);
    assert_eq!((dropped(&metrics, "a"), dropped(&metrics, "b")), (1.0, 1.0));
    metrics.retain([], [], ["b"], [], &metrics.consumers([]));
    metrics.policy_series("b").observe("age_seconds", [], 1.0);
    assert_eq!(dropped(&metrics, "b"), 1.0);
    assert!(metrics.render(&()).contains("# TYPE tidegate_policy_age_seconds histogram\n"));
}

#[test]
fn names_that_the_gateway_writes_itself_are_not_to_be_had() {
    for name in ["calls_total", "series_dropped_total"] {
        assert!(!keeps(name, &[]), "{name}");
    }
    let metrics = Metrics::new();
    let series = metrics.policy_series("p");
    series.set("instances", [], 1.0);
    series.observe("call_duration_seconds", [], 1.0);
    for suffix in ["call_duration_seconds_bucket", "wait_seconds_sum", "wait_seconds_count"] {
        series.set(suffix, [], 1.0);
    }
    assert_eq!(dropped(&metrics, "p"), 5.0);
}

#[test]
fn illegal_names_and_labels_are_dropped_and_counted() {
    for name in
        ["", "_total ", "1_total", "a-b_total", "a:b_total", "é_total", "a\n_total", &("a".repeat(60) + "_total")]
    {
        assert!(!keeps(name, &[]), "{name}");
    }
    for label in ["", "policy", "le", "__a", "a-b", "1a", "é", "a\"b", &"a".repeat(65)] {
        assert!(!keeps("a_total", &[(label, "v")]), "{label}");
    }
    assert!(!keeps("a_total", &[("a", "1"), ("b", "2"), ("a", "3")]));
    assert!(!keeps("a_total", &[("a", &"v".repeat(257))]));
    assert!(keeps("a_total", &[("a", &"v".repeat(256)), ("_b2", "")]));
}

#[test]
fn a_policy_has_so_many_names_labels_and_series_and_no_more() {
    let metrics = Metrics::new();
    let series = metrics.policy_series("p");
    for name in 0..20 {
        series.set(&format!("n{name}"), [], 1.0);
    }
    assert_eq!(dropped(&metrics, "p"), 4.0);
    let values: Vec<String> = (0..300).map(|value| value.to_string()).collect();
    for value in &values {
        series.set("n0", [("a", value.as_str())], 1.0);
    }
    assert_eq!(dropped(&metrics, "p"), 4.0 + 300.0 - 240.0, "16 of the 256 are taken");
    series.set("n0", [("a", "0")], 7.0);
    assert_eq!(value(&metrics.render(&()), "tidegate_policy_n0{policy=\"p\",a=\"0\"}"), Some(7.0), "old ones go on");
    let names: Vec<String> = (0..9).map(|label| format!("l{label}")).collect();
    let labels: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert!(keeps("a_total", labels.get(..8).unwrap()));
    assert!(!keeps("a_total", &labels));
}

#[test]
fn amounts_that_are_none_are_ignored() {
    let metrics = Metrics::new();
    let series = metrics.policy_series("p");
    for amount in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        series.add("a_total", [], amount);
        series.observe("b_seconds", [], amount);
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        series.set("c", [], value);
    }
    assert!(!metrics.render(&()).contains("policy=\"p\",") && dropped(&metrics, "p") == 0.0);
}

#[test]
fn a_sum_beyond_all_measure_is_still_a_number() {
    let metrics = Metrics::new();
    let series = metrics.policy_series("p");
    for _ in 0..3 {
        series.add("a_total", [], f64::MAX);
        series.observe("b_seconds", [], f64::MAX);
    }
    let text = metrics.render(&());
    assert_eq!(value(&text, "tidegate_policy_a_total{policy=\"p\"}"), Some(f64::MAX));
    assert_eq!(value(&text, "tidegate_policy_b_seconds_sum{policy=\"p\"}"), Some(f64::MAX));
}

#[test]
fn a_policy_that_goes_takes_its_series_with_it() {
    let metrics = Metrics::new();
    let held = metrics.policy_series("p");
    held.add("a_total", [], 1.0);
    metrics.policy_series("q").add("a_total", [], 1.0);
    metrics.retain([], [], ["q"], [], &metrics.consumers([]));
    held.add("a_total", [], 1.0);
    let text = metrics.render(&());
    assert!(!text.contains("policy=\"p\"") && text.contains("policy=\"q\""), "{text}");
    assert_eq!(value(&text, "tidegate_policy_a_total{policy=\"q\"}"), Some(1.0));
    metrics.policy_series("p").add("a_total", [], 5.0);
    assert_eq!(value(&metrics.render(&()), "tidegate_policy_a_total{policy=\"p\"}"), Some(5.0));
}

#[test]
fn threads_that_start_one_series_at_once_lose_nothing() {
    let metrics = Metrics::new();
    let series = metrics.policy_series("p");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for step in 0..1000 {
                    series.add("a_total", [("step", format!("{}", step % 50).as_str())], 1.0);
                }
            });
        }
    });
    let text = metrics.render(&());
    let sum: f64 = text
        .lines()
        .filter(|line| line.starts_with("tidegate_policy_a_total{"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum();
    assert_eq!(sum, 4000.0);
}

/// Reads `name{a="b",...} value`, and fails on anything else.
fn sample(line: &str) -> Result<(), String> {
    let fail = || format!("no sample: {line:?}");
    let (name, mut rest) = line.split_at(line.find(['{', ' ']).ok_or_else(fail)?);
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if let Some(mut labels) = rest.strip_prefix('{') {
        loop {
            let (label, quoted) = labels.split_once("=\"").ok_or_else(fail)?;
            is_name(label).then_some(()).ok_or_else(fail)?;
            let mut escaped = false;
            let is_end = |c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            };
            labels = quoted.get(quoted.find(is_end).ok_or_else(fail)? + 1..).ok_or_else(fail)?;
            match labels.strip_prefix(',') {
                Some(more) => labels = more,
                None => break,
            }
        }
        rest = labels.strip_prefix('}').ok_or_else(fail)?;
    }
    let number = rest.strip_prefix(' ').ok_or_else(fail)?.parse::<f64>().map_err(|_| fail())?;
    (is_name(name) && number.is_finite()).then_some(()).ok_or_else(fail)
}

proptest! {
    #[test]
    fn a_scrape_is_well_formed_whatever_plugins_say(
        calls in prop::collection::vec(
            (0..3_u8, "[a-c_]{0,3}(_total|_seconds|_bucket|)|.*", prop::collection::vec((".{0,8}|[a-z]{0,3}", ".*"), 0..10), any::<f64>()),
            0..40,
        ),
    ) {
        let metrics = Metrics::new();
        for (index, (kind, name, labels, number)) in calls.iter().enumerate() {
            let series = metrics.policy_series(if index % 2 == 0 { "p" } else { "q" });
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            match kind {
                0 => series.add(name, labels, *number),
                1 => series.set(name, labels, *number),
                _ => series.observe(name, labels, *number),
            }
        }
        let text = metrics.render(&());
        let mut seen = std::collections::HashSet::new();
        for line in text.split('\n').filter(|line| !line.is_empty() && !line.starts_with("# HELP ")) {
            match line.strip_prefix("# TYPE ") {
                Some(head) => prop_assert!(seen.insert(head.split(' ').next().unwrap().to_owned()), "{} twice", head),
                None => prop_assert_eq!(sample(line), Ok(())),
            }
        }
    }
}

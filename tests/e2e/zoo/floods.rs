//! Guests that fill what they were lent.

use super::{Cage, GROWTH, Zoo, caged};

#[tokio::test]
async fn a_flooded_log_gets_its_lines_and_a_count_of_the_rest() {
    let mut zoo = Zoo::of("log-flood", Cage::granting("grants = [\"log\"]")).await;
    let grown = zoo.provoke(&caged(), 20, 200).await;
    assert!(grown <= GROWTH, "grown by {grown} bytes");
    zoo.gateway.until_logged("lines of this policy were not written").await;
    let log = zoo.gateway.log();
    // 10 000 lines were asked for; a hundred a second are written.
    let written = log.lines().filter(|line| line.contains("flooded")).count();
    assert!((100..5000).contains(&written), "{written} lines");
    assert!(!log.lines().any(|line| line.starts_with("level=ERROR")), "a line was forged");
    assert!(log.lines().all(|line| line.len() < 64 << 10), "a line was not cut");
}

#[tokio::test]
async fn flooded_metrics_stay_readable() {
    let mut zoo = Zoo::of("metric-flood", Cage::granting("grants = [\"metrics\"]")).await;
    let grown = zoo.provoke(&caged(), 50, 200).await;
    assert!(grown <= GROWTH, "grown by {grown} bytes");
    let metrics = zoo.gateway.admin().metrics().await;
    let series = metrics.text().lines().filter(|line| line.starts_with("tidegate_policy_flood_total{")).count();
    assert_eq!(series, 256);
    // What has a series was added to it, the rest is counted as dropped.
    let kept = metrics.sum("tidegate_policy_flood_total", &[("policy", "caged")]);
    let dropped = metrics.sum("tidegate_policy_series_dropped_total", &[("policy", "caged")]);
    assert_eq!(kept + dropped, 110.0 * 200.0);
}

#[tokio::test]
async fn flooded_data_stays_within_its_megabyte() {
    let mut zoo = Zoo::of("data-flood", Cage::granting("grants = [\"shared-data\"]")).await;
    let grown = zoo.provoke(&caged(), 50, 200).await;
    // 43 MiB were written, one may be kept.
    assert!(grown <= GROWTH, "grown by {grown} bytes");
    assert_eq!(zoo.came_to("forward").await, 110.0, "to be refused a write is no failure");
}

#[tokio::test]
async fn counters_come_to_an_end() {
    let mut zoo = Zoo::of("counter-flood", Cage::granting("grants = [\"counters\"]")).await;
    let grown = zoo.provoke(&caged(), 50, 200).await;
    assert!(grown <= GROWTH, "grown by {grown} bytes");
}

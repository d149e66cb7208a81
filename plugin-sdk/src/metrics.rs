//! Numbers for the gateway's metrics. Grant: `metrics`.
//!
//! ```no_run
//! use tidegate_plugin_sdk::metrics;
//!
//! metrics::add("lookups_total", &[("result", "hit")], 1.0);
//! ```
//!
//! They appear as `tidegate_policy_<name>` with the label `policy` and those given. Names are letters, digits and `_`, at
//! most 64 bytes; those that end in `_total` are counters, and none ends in `_bucket`, `_sum` or `_count`. A policy may
//! have 16 names, 8 labels each (not `policy`, `le`, or one that starts with `__`; values of at most 256 bytes), and 256
//! sets of label values in all. So a label takes its values from a short list, never from a request. A name is of one kind
//! over all policies. What breaks a rule is not kept, and counted in `tidegate_policy_series_dropped_total`.

#[cfg(target_arch = "wasm32")]
use crate::contract::labelled as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::metrics as gateway;

/// Adds to a counter; `name` ends in `_total`. A negative or infinite amount is ignored.
pub fn add(name: &str, labels: &[(&str, &str)], amount: f64) {
    gateway::add(name, labels, amount);
}

/// Sets a gauge. An infinite value is ignored.
pub fn set(name: &str, labels: &[(&str, &str)], value: f64) {
    gateway::set(name, labels, value);
}

/// Counts a value in a histogram; a negative or infinite one is ignored.
///
/// `name` ends in a unit, which says where the buckets are: `_seconds` (1 ms to 10 s), `_bytes` (64 B to 16 MiB), any other
/// (1 to 10 000).
pub fn observe(name: &str, labels: &[(&str, &str)], value: f64) {
    gateway::observe(name, labels, value);
}

//! Metrics collected, under the gateway's rules for names.

use std::collections::{BTreeMap, HashMap};

use super::{TestHost, with};

/// Name and labels, in the order of their names.
type Series = (String, BTreeMap<String, String>);

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Collected {
    numbers: HashMap<Series, f64>,
    observations: HashMap<Series, Vec<f64>>,
}

impl TestHost {
    /// The sum of a counter, or the value of a gauge; `None` where nothing was counted under this name and these labels,
    /// or the gateway would not keep it.
    #[must_use]
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        with(|state| state.metrics.numbers.get(&series(name, labels)).copied())
    }

    /// What a histogram was given, in order.
    #[must_use]
    pub fn observations(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        with(|state| state.metrics.observations.get(&series(name, labels)).cloned().unwrap_or_default())
    }
}

pub(crate) fn add(name: &str, labels: &[(&str, &str)], amount: f64) {
    if amount.is_finite() && amount >= 0.0 && name.ends_with("_total") && is_legal(name, labels) {
        with(|state| *state.metrics.numbers.entry(series(name, labels)).or_default() += amount);
    }
}

pub(crate) fn set(name: &str, labels: &[(&str, &str)], value: f64) {
    if value.is_finite() && !name.ends_with("_total") && is_legal(name, labels) {
        with(|state| state.metrics.numbers.insert(series(name, labels), value));
    }
}

pub(crate) fn observe(name: &str, labels: &[(&str, &str)], value: f64) {
    if value.is_finite() && value >= 0.0 && !name.ends_with("_total") && is_legal(name, labels) {
        with(|state| state.metrics.observations.entry(series(name, labels)).or_default().push(value));
    }
}

fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    (name.to_owned(), labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn is_legal(name: &str, labels: &[(&str, &str)]) -> bool {
    let names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
    let is_twice = |at: usize| names.get(..at).is_some_and(|before| names.get(at).is_some_and(|n| before.contains(n)));
    is_identifier(name)
        && !["_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix))
        && labels.len() <= 8
        && names.iter().all(|name| is_identifier(name) && !name.starts_with("__") && !["policy", "le"].contains(name))
        && labels.iter().all(|(_, value)| value.len() <= 256)
        && !(0..names.len()).any(is_twice)
}

fn is_identifier(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

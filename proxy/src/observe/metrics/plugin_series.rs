//! Series that plugins keep, beside the gateway's own: bounded in number, and well-formed whatever a plugin says.
//!
//! Here names and labels come from outside, so that each is checked when it is first used. A series that is known is
//! found without a lock.

mod legal;
mod names;
mod value;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hashbrown::HashTable;
use parking_lot::Mutex;
use prometheus::proto::{Metric, MetricFamily};
use smallvec::SmallVec;

use super::scrape;
use super::series::Counter;
use names::Names;
use value::Value;

/// What every name begins with.
const PREFIX: &str = "tidegate_policy_";
const HELP: &str = "Kept by policies; the plugin's author knows what it means.";

/// Names that one policy may use, as the contract says.
const MAX_NAMES: usize = 16;
/// Labels of one series, as the contract says.
const MAX_LABELS: usize = 8;
/// Series of one policy, as the contract says.
const MAX_SERIES: usize = 256;

/// How a series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Labels as a plugin gives them, in the order of their names.
type Labels<'a> = SmallVec<[(&'a str, &'a str); MAX_LABELS]>;

/// The series of all policies.
#[derive(Debug, Default)]
pub(super) struct PluginSeries {
    policies: Mutex<BTreeMap<String, Arc<PolicySeries>>>,
    names: Arc<Names>,
}

/// The series that one policy keeps.
#[derive(Debug)]
pub struct PolicySeries {
    known: ArcSwap<HashTable<Arc<Series>>>,
    /// Names used so far; locked by whoever adds a series.
    used: Mutex<Vec<Box<str>>>,
    names: Arc<Names>,
    spread: RandomState,
    dropped: Counter,
}

#[derive(Debug)]
struct Series {
    hash: u64,
    name: Box<str>,
    labels: Vec<(Box<str>, Box<str>)>,
    value: Value,
}

impl PluginSeries {
    /// The series of one policy; `dropped` counts what was asked of them in vain.
    pub(super) fn policy(&self, name: &str, dropped: impl FnOnce() -> Counter) -> Arc<PolicySeries> {
        let new = || Arc::new(PolicySeries::new(Arc::clone(&self.names), dropped()));
        Arc::clone(self.policies.lock().entry(name.to_owned()).or_insert_with(new))
    }

    /// Forgets the series of every policy that is not wanted; a request that still runs under one adds to nothing.
    pub(super) fn retain(&self, wanted: impl Fn(&str) -> bool) {
        self.policies.lock().retain(|policy, _| wanted(policy));
    }

    /// Everything that policies keep, each name once.
    pub(super) fn collect(&self) -> impl Iterator<Item = MetricFamily> {
        let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
        for (policy, series) in &*self.policies.lock() {
            for one in series.in_order() {
                let name = format!("{PREFIX}{}", one.name);
                let empty = || scrape::empty(&name, HELP, one.value.kind().metric_type());
                families.entry(name.clone()).or_insert_with(empty).mut_metric().push(one.metric(policy));
            }
        }
        families.into_values()
    }
}

impl PolicySeries {
    fn new(names: Arc<Names>, dropped: Counter) -> Self {
        Self { known: ArcSwap::default(), used: Mutex::default(), names, spread: RandomState::new(), dropped }
    }

    /// Adds to a counter; a negative, infinite or unknown amount is ignored.
    pub fn add<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>, amount: f64) {
        if amount.is_finite() && amount >= 0.0 {
            self.record(Kind::Counter, name, labels, amount);
        }
    }

    /// Sets a gauge; an infinite or unknown value is ignored.
    pub fn set<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>, value: f64) {
        if value.is_finite() {
            self.record(Kind::Gauge, name, labels, value);
        }
    }

    /// Counts a value in a histogram; a negative, infinite or unknown one is ignored.
    pub fn observe<'a>(&self, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>, value: f64) {
        if value.is_finite() && value >= 0.0 {
            self.record(Kind::Histogram, name, labels, value);
        }
    }

    fn record<'a>(&self, kind: Kind, name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>, number: f64) {
        let mut labels: Labels<'a> = labels.into_iter().collect();
        labels.sort_unstable();
        let hash = self.spread.hash_one((kind, name, labels.as_slice()));
        let known = self.known.load();
        match known.find(hash, |series| series.is(kind, name, &labels)) {
            Some(series) => series.value.record(number),
            None => match self.add_series(hash, kind, name, &labels) {
                Some(series) => series.value.record(number),
                None => self.dropped.increment(),
            },
        }
    }

    /// `None` where the name or a label is not legal, or there are too many.
    fn add_series(&self, hash: u64, kind: Kind, name: &str, labels: &Labels<'_>) -> Option<Arc<Series>> {
        if self.known.load().len() >= MAX_SERIES || !legal::name(kind, name) || !legal::labels(labels) {
            return None;
        }
        let mut used = self.used.lock();
        let known = self.known.load();
        if let Some(series) = known.find(hash, |series| series.is(kind, name, labels)) {
            return Some(Arc::clone(series));
        }
        if known.len() >= MAX_SERIES || !self.may_use(&mut used, kind, name) {
            return None;
        }
        let series = Arc::new(Series::new(hash, kind, name, labels)?);
        let mut grown = HashTable::clone(&known);
        grown.insert_unique(hash, Arc::clone(&series), |series| series.hash);
        self.known.store(Arc::new(grown));
        Some(series)
    }

    fn may_use(&self, used: &mut Vec<Box<str>>, kind: Kind, name: &str) -> bool {
        if used.iter().any(|known| **known == *name) {
            return self.names.is(name, kind);
        }
        let claimed = used.len() < MAX_NAMES && self.names.claim(name, kind);
        if claimed {
            used.push(name.into());
        }
        claimed
    }

    fn in_order(&self) -> Vec<Arc<Series>> {
        let mut all: Vec<_> = self.known.load().iter().cloned().collect();
        all.sort_unstable_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        all
    }
}

impl Drop for PolicySeries {
    fn drop(&mut self) {
        self.used.get_mut().iter().for_each(|name| self.names.release(name));
    }
}

impl Series {
    fn new(hash: u64, kind: Kind, name: &str, labels: &Labels<'_>) -> Option<Self> {
        let labels = labels.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect();
        Some(Self { hash, name: name.into(), labels, value: Value::new(kind, name)? })
    }

    fn is(&self, kind: Kind, name: &str, labels: &Labels<'_>) -> bool {
        self.value.kind() == kind && *self.name == *name && self.labels().eq(labels.iter().copied())
    }

    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    fn metric(&self, policy: &str) -> Metric {
        let mut metric = self.value.collect();
        metric.set_label(scrape::labels([("policy", policy)].into_iter().chain(self.labels())));
        metric
    }
}

#[cfg(test)]
mod tests;

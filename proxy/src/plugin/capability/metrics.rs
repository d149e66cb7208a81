//! `metrics`: numbers of a policy beside the gateway's own.

use crate::observe::metrics::PolicySeries;
use crate::plugin::contract::v0_1::bindings::metrics::{Host, Label};
use crate::plugin::instance::HostState;
use crate::plugin::scope;

impl Host for HostState {
    fn add(&mut self, name: String, labels: Vec<Label>, amount: f64) -> wasmtime::Result<()> {
        self.count(|series| series.add(&name, pairs(&labels), amount))
    }

    fn set(&mut self, name: String, labels: Vec<Label>, value: f64) -> wasmtime::Result<()> {
        self.count(|series| series.set(&name, pairs(&labels), value))
    }

    fn observe(&mut self, name: String, labels: Vec<Label>, value: f64) -> wasmtime::Result<()> {
        self.count(|series| series.observe(&name, pairs(&labels), value))
    }
}

impl HostState {
    fn count(&self, count: impl FnOnce(&PolicySeries)) -> wasmtime::Result<()> {
        scope::see("`metrics`", |_| count(self.series()))
    }
}

fn pairs(labels: &[Label]) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|label| (label.name.as_str(), label.value.as_str()))
}

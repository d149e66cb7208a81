//! A metric name and its series, one for each set of label values in use.
//!
//! Stands in for the `*Vec` types of the `prometheus` crate: they find a series by a hash over the label values joined
//! without a separator (0.14), so that `("a", "10.0.0.1:80")` and `("a1", "0.0.0.1:80")` would be one series.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Metric, MetricFamily};

use super::scrape;
use super::series::Series;

/// A metric name with `N` labels; a clone is the same series.
#[derive(Clone, Debug)]
pub(super) struct Family<S, const N: usize> {
    desc: Desc,
    series: Arc<RwLock<BTreeMap<[Box<str>; N], S>>>,
}

impl<S: Series, const N: usize> Family<S, N> {
    pub(super) fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        let labels = labels.map(str::to_owned).to_vec();
        let desc = legal(Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new()));
        Self { desc, series: Arc::default() }
    }

    /// The series with these label values, made at the first call.
    ///
    /// Takes a lock: handles are kept, not asked for again per request.
    pub(super) fn series(&self, values: [&str; N]) -> S {
        let new = || legal(S::new(&self.desc.fq_name, &self.desc.help));
        self.series.write().entry(values.map(Box::from)).or_insert_with(new).clone()
    }

    /// Forgets every series whose label values are not wanted; who still holds one adds to nothing.
    pub(super) fn retain(&self, keep: impl Fn([&str; N]) -> bool) {
        self.series.write().retain(|values, _| keep(values.each_ref().map(AsRef::as_ref)));
    }

    fn metric(&self, values: &[Box<str>; N], series: &S) -> Metric {
        let names = self.desc.variable_labels.iter().map(String::as_str);
        let mut metric = series.collect();
        metric.set_label(scrape::labels(names.zip(values.iter().map(AsRef::as_ref))));
        metric
    }
}

impl<S: Series, const N: usize> Collector for Family<S, N> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = scrape::empty(&self.desc.fq_name, &self.desc.help, S::KIND);
        let series = self.series.read();
        family.set_metric(series.iter().map(|(values, one)| self.metric(values, one)).collect());
        vec![family]
    }
}

/// What the crate made of names, help and buckets that are literals of this program.
///
/// Label values, the only part that comes from outside, are never checked by the crate, so nothing outside gets here.
#[expect(clippy::expect_used, reason = "a wrong literal is a mistake in the program that its first test run shows")]
pub(super) fn legal<T>(made: prometheus::Result<T>) -> T {
    made.expect("metric names, help and buckets are legal and no name is used twice")
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::super::series::Counter;
    use super::*;

    fn family() -> Family<Counter, 2> {
        Family::new("x_total", "Help.", ["b", "a"])
    }

    fn text(family: &Family<Counter, 2>) -> String {
        let registry = Registry::new();
        registry.register(Box::new(family.clone())).unwrap();
        scrape::text(&registry.gather())
    }

    #[test]
    fn the_same_labels_give_the_same_series() {
        let family = family();
        family.series(["1", "2"]).increment();
        family.series(["1", "2"]).increment();
        assert_eq!(text(&family), "# HELP x_total Help.\n# TYPE x_total counter\nx_total{b=\"1\",a=\"2\"} 2\n");
    }

    #[test]
    fn label_values_that_join_to_the_same_text_are_two_series() {
        let family = family();
        family.series(["a", "10.0.0.1:80"]).increment();
        family.series(["a1", "0.0.0.1:80"]).increment();
        assert_eq!(text(&family).matches(" 1\n").count(), 2);
    }

    #[test]
    fn a_series_that_is_not_retained_is_gone_and_starts_anew() {
        let family = family();
        let held = family.series(["gone", ""]);
        family.series(["kept", ""]).add(3);
        family.retain(|[first, _]| first == "kept");
        held.increment();
        assert!(!text(&family).contains("gone"));
        assert_eq!(family.series(["gone", ""]).value(), 0);
        assert_eq!(family.series(["kept", ""]).value(), 3);
    }

    #[test]
    fn a_family_without_series_writes_nothing() {
        assert_eq!(text(&family()), "");
    }
}

//! A metric name and its series, one for each set of label values in use.
//!
//! Written here rather than taken from the `prometheus` crate for one defect and one cost: its vectors find a series by a
//! hash over the joined label values without a separator (0.14), so that `("a", "10.0.0.1:80")` and `("a1",
//! "0.0.0.1:80")` are one series; and its histogram does four atomic operations where two do.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::RwLock;

use super::exposition::{Labels, header};
use super::series::Series;

/// A metric name with `N` labels.
pub(super) struct Family<S, const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    series: RwLock<BTreeMap<[Box<str>; N], S>>,
}

impl<S: Series, const N: usize> Family<S, N> {
    pub(super) fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, series: RwLock::default() }
    }

    /// The series with these label values, made at the first call.
    ///
    /// Takes a lock: handles are kept, not asked for again per request.
    pub(super) fn series(&self, values: [&str; N]) -> S {
        self.series.write().entry(values.map(Box::from)).or_default().clone()
    }

    /// Forgets every series whose label values are not wanted; who still holds one adds to nothing.
    pub(super) fn retain(&self, keep: impl Fn([&str; N]) -> bool) {
        self.series.write().retain(|values, _| keep(values.each_ref().map(AsRef::as_ref)));
    }
}

impl<S, const N: usize> fmt::Debug for Family<S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What can be written for a scrape.
pub(super) trait Exposed {
    /// Its metric name.
    fn name(&self) -> &'static str;
    /// Appends all series; nothing at all where there is none.
    fn write(&self, out: &mut String);
}

impl<S: Series, const N: usize> Exposed for Family<S, N> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn write(&self, out: &mut String) {
        let series = self.series.read();
        if series.is_empty() {
            return;
        }
        header(out, self.name, self.help, S::KIND);
        for (values, one) in series.iter() {
            let pairs = self.labels.into_iter().zip(values.iter().map(AsRef::as_ref));
            one.write(out, self.name, &Labels::new(pairs));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::series::Counter;
    use super::*;

    fn family() -> Family<Counter, 2> {
        Family::new("x_total", "Help.", ["a", "b"])
    }

    fn text(family: &Family<Counter, 2>) -> String {
        let mut out = String::new();
        family.write(&mut out);
        out
    }

    #[test]
    fn the_same_labels_give_the_same_series() {
        let family = family();
        family.series(["1", "2"]).increment();
        family.series(["1", "2"]).increment();
        assert_eq!(text(&family), "# HELP x_total Help.\n# TYPE x_total counter\nx_total{a=\"1\",b=\"2\"} 2\n");
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

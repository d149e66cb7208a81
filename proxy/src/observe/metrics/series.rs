//! What one series counts with: atomics behind an `Arc`, so that a handle is a pointer and a request never looks one up.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::exposition::{Labels, sample};

/// A kind of series, as a family creates and writes it.
pub(super) trait Series: Clone + Default {
    /// The word after `# TYPE name`.
    const KIND: &'static str;
    /// Appends its lines.
    fn write(&self, out: &mut String, name: &str, labels: &Labels<'_>);
}

/// A number that only grows.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The number so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Series for Counter {
    const KIND: &'static str = "counter";

    fn write(&self, out: &mut String, name: &str, labels: &Labels<'_>) {
        sample(out, name, "", labels, self.value());
    }
}

/// A number that goes up and down.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge(Arc<AtomicI64>);

impl Gauge {
    pub(super) fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds one until the guard is dropped.
    pub(super) fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held { gauge: self.clone() }
    }
}

impl Series for Gauge {
    const KIND: &'static str = "gauge";

    fn write(&self, out: &mut String, name: &str, labels: &Labels<'_>) {
        sample(out, name, "", labels, self.0.load(Ordering::Relaxed));
    }
}

/// One unit of a gauge: a connection that is open, a request under way.
#[derive(Debug)]
pub struct Held {
    gauge: Gauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a histogram measures, and with it where its buckets end.
pub(super) trait Scale {
    /// Upper bounds, in seconds as they are shown and in nanoseconds as they are compared.
    const BOUNDS: [(&str, u64); BOUNDS];
}

const BOUNDS: usize = 14;

/// Requests: what lies between a fast answer and a timeout.
#[derive(Clone, Debug)]
pub(super) struct Exchange;

impl Scale for Exchange {
    const BOUNDS: [(&str, u64); BOUNDS] = [
        ("0.0005", 500_000),
        ("0.001", 1_000_000),
        ("0.0025", 2_500_000),
        ("0.005", 5_000_000),
        ("0.01", 10_000_000),
        ("0.025", 25_000_000),
        ("0.05", 50_000_000),
        ("0.1", 100_000_000),
        ("0.25", 250_000_000),
        ("0.5", 500_000_000),
        ("1", 1_000_000_000),
        ("2.5", 2_500_000_000),
        ("5", 5_000_000_000),
        ("10", 10_000_000_000),
    ];
}

/// Calls of a policy: from under a microsecond to a spent CPU budget.
#[derive(Clone, Debug)]
pub(super) struct Call;

impl Scale for Call {
    const BOUNDS: [(&str, u64); BOUNDS] = [
        ("0.0000005", 500),
        ("0.000001", 1_000),
        ("0.0000025", 2_500),
        ("0.000005", 5_000),
        ("0.00001", 10_000),
        ("0.000025", 25_000),
        ("0.00005", 50_000),
        ("0.0001", 100_000),
        ("0.00025", 250_000),
        ("0.001", 1_000_000),
        ("0.0025", 2_500_000),
        ("0.01", 10_000_000),
        ("0.025", 25_000_000),
        ("0.1", 100_000_000),
    ];
}

/// How often durations fell between fixed bounds.
#[derive(Debug)]
pub(super) struct Histogram<S> {
    buckets: Arc<Buckets>,
    scale: PhantomData<S>,
}

/// The last bucket is the one without a bound. The count is the sum of the buckets, never a number of its own, so that
/// a scrape in the middle of an observation still sees `_count` equal to `+Inf`.
#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS + 1],
    nanoseconds: AtomicU64,
}

impl<S> Clone for Histogram<S> {
    fn clone(&self) -> Self {
        Self { buckets: Arc::clone(&self.buckets), scale: PhantomData }
    }
}

impl<S> Default for Histogram<S> {
    fn default() -> Self {
        Self { buckets: Arc::default(), scale: PhantomData }
    }
}

impl<S: Scale> Histogram<S> {
    /// Counts one duration: two additions.
    pub(super) fn observe(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = S::BOUNDS.partition_point(|(_, bound)| *bound < nanoseconds);
        if let Some(count) = self.buckets.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.buckets.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl<S: Scale> Series for Histogram<S> {
    const KIND: &'static str = "histogram";

    fn write(&self, out: &mut String, name: &str, labels: &Labels<'_>) {
        let bounds = S::BOUNDS.into_iter().map(|(shown, _)| shown).chain(["+Inf"]);
        let mut total = 0;
        for (bound, count) in bounds.zip(&self.buckets.counts) {
            total += count.load(Ordering::Relaxed);
            sample(out, name, "_bucket", &labels.and("le", bound), total);
        }
        let sum = Duration::from_nanos(self.buckets.nanoseconds.load(Ordering::Relaxed));
        sample(out, name, "_sum", labels, sum.as_secs_f64());
        sample(out, name, "_count", labels, total);
    }
}

/// A constant 1 whose labels are the message.
#[derive(Clone, Debug, Default)]
pub(super) struct Fact;

impl Series for Fact {
    const KIND: &'static str = "gauge";

    fn write(&self, out: &mut String, name: &str, labels: &Labels<'_>) {
        sample(out, name, "", labels, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(series: &impl Series) -> String {
        let mut out = String::new();
        series.write(&mut out, "x", &Labels::default());
        out
    }

    #[test]
    fn a_bucket_holds_what_is_not_longer_than_its_bound() {
        let histogram = Histogram::<Exchange>::default();
        histogram.observe(Duration::from_millis(1));
        histogram.observe(Duration::from_nanos(1_000_001));
        histogram.observe(Duration::from_secs(11));
        let text = text(&histogram);
        assert!(text.contains("x_bucket{le=\"0.0005\"} 0\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"0.001\"} 1\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"0.0025\"} 2\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"10\"} 2\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"+Inf\"} 3\n"), "{text}");
        assert!(text.contains("x_count 3\n"), "{text}");
        assert!(text.contains("x_sum 11.002000001\n"), "{text}");
    }

    #[test]
    fn a_duration_beyond_all_measure_does_not_panic() {
        let histogram = Histogram::<Exchange>::default();
        histogram.observe(Duration::MAX);
        assert!(text(&histogram).contains("x_bucket{le=\"+Inf\"} 1\n"));
    }

    #[test]
    fn the_shown_bounds_are_the_compared_ones() {
        for bounds in [Exchange::BOUNDS, Call::BOUNDS] {
            for (shown, nanoseconds) in bounds {
                let seconds: f64 = shown.parse().unwrap();
                assert!((seconds * 1e9 - nanoseconds as f64).abs() < 0.5, "{shown}");
            }
            assert!(bounds.is_sorted_by_key(|(_, nanoseconds)| *nanoseconds));
        }
    }

    #[test]
    fn a_gauge_falls_when_the_guard_is_dropped() {
        let gauge = Gauge::default();
        let held = gauge.hold();
        assert_eq!(text(&gauge), "x 1\n");
        drop(held);
        assert_eq!(text(&gauge), "x 0\n");
    }
}

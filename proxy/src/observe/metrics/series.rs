//! What one series counts with: the crate's atomics behind an `Arc`, so that a handle is a pointer and a request never
//! looks one up.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;

use prometheus::core::Metric as _;
use prometheus::proto::{Metric, MetricType};
use prometheus::{HistogramOpts, IntCounter, IntGauge};

/// A kind of series, as a family creates and collects it.
pub(super) trait Series: Clone + Debug + Send + Sync + 'static {
    /// What the family says it is.
    const KIND: MetricType;
    /// One at zero; fails on a name or help that is not legal.
    fn new(name: &str, help: &str) -> prometheus::Result<Self>;
    /// Its values now; the labels are the family's to add.
    fn collect(&self) -> Metric;
}

/// A number that only grows.
#[derive(Clone, Debug)]
pub struct Counter(IntCounter);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.0.inc();
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.inc_by(amount);
    }

    /// The number so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.get()
    }
}

impl Series for Counter {
    const KIND: MetricType = MetricType::COUNTER;

    fn new(name: &str, help: &str) -> prometheus::Result<Self> {
        IntCounter::new(name, help).map(Self)
    }

    fn collect(&self) -> Metric {
        self.0.metric()
    }
}

/// A number that goes up and down.
#[derive(Clone, Debug)]
pub(super) struct Gauge(IntGauge);

impl Gauge {
    pub(super) fn set(&self, value: i64) {
        self.0.set(value);
    }

    /// Adds one until the guard is dropped.
    pub(super) fn hold(&self) -> Held {
        self.0.inc();
        Held { gauge: self.clone() }
    }
}

impl Series for Gauge {
    const KIND: MetricType = MetricType::GAUGE;

    fn new(name: &str, help: &str) -> prometheus::Result<Self> {
        IntGauge::new(name, help).map(Self)
    }

    fn collect(&self) -> Metric {
        self.0.metric()
    }
}

/// One unit of a gauge: a connection that is open, a request under way.
#[derive(Debug)]
pub struct Held {
    gauge: Gauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.0.dec();
    }
}

/// What a histogram measures, and with it where its buckets end.
pub(super) trait Scale: Clone + Debug + Send + Sync + 'static {
    /// Upper bounds in seconds, each greater than the one before.
    const BOUNDS: [f64; 14];
}

/// Requests: what lies between a fast answer and a timeout.
#[derive(Clone, Debug)]
pub(super) struct Exchange;

impl Scale for Exchange {
    const BOUNDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
}

/// Calls of a policy: from under a microsecond to a spent CPU budget.
#[derive(Clone, Debug)]
pub(super) struct Call;

impl Scale for Call {
    const BOUNDS: [f64; 14] =
        [5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 2.5e-3, 1e-2, 2.5e-2, 0.1];
}

/// How often durations fell between fixed bounds.
#[derive(Clone, Debug)]
pub(super) struct Histogram<S> {
    seconds: prometheus::Histogram,
    scale: PhantomData<S>,
}

impl<S> Histogram<S> {
    /// Counts one duration: four atomic steps, no lock.
    pub(super) fn observe(&self, duration: Duration) {
        self.seconds.observe(duration.as_secs_f64());
    }
}

impl<S: Scale> Series for Histogram<S> {
    const KIND: MetricType = MetricType::HISTOGRAM;

    fn new(name: &str, help: &str) -> prometheus::Result<Self> {
        let options = HistogramOpts::new(name, help).buckets(S::BOUNDS.to_vec());
        Ok(Self { seconds: prometheus::Histogram::with_opts(options)?, scale: PhantomData })
    }

    fn collect(&self) -> Metric {
        self.seconds.metric()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scrape;
    use super::*;

    fn text<S: Series>(series: &S) -> String {
        let mut family = scrape::empty("x", "Help.", S::KIND);
        family.mut_metric().push(series.collect());
        scrape::text(&[family])
    }

    #[test]
    fn a_bucket_holds_what_is_not_longer_than_its_bound() {
        let histogram = Histogram::<Exchange>::new("x", "Help.").unwrap();
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
    fn a_duration_as_long_as_a_bound_is_in_its_bucket() {
        fn check<S: Scale>() {
            let histogram = Histogram::<S>::new("x", "Help.").unwrap();
            for (below, bound) in S::BOUNDS.into_iter().enumerate() {
                histogram.observe(Duration::from_secs_f64(bound));
                let bucket = histogram.collect().get_histogram().get_bucket()[below].clone();
                assert_eq!((bucket.upper_bound(), bucket.cumulative_count()), (bound, below as u64 + 1));
            }
        }
        check::<Exchange>();
        check::<Call>();
    }

    #[test]
    fn a_duration_beyond_all_measure_does_not_panic() {
        let histogram = Histogram::<Exchange>::new("x", "Help.").unwrap();
        histogram.observe(Duration::MAX);
        assert!(text(&histogram).contains("x_bucket{le=\"+Inf\"} 1\n"));
    }

    #[test]
    fn a_gauge_falls_when_the_guard_is_dropped() {
        let gauge = Gauge::new("x", "Help.").unwrap();
        let held = gauge.hold();
        assert!(text(&gauge).ends_with("\nx 1\n"));
        drop(held);
        assert!(text(&gauge).ends_with("\nx 0\n"));
    }
}

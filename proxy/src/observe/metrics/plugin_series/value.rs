//! What one series counts with.

use prometheus::core::Metric as _;
use prometheus::proto::{self, Metric, MetricType};
use prometheus::{Counter, Gauge, Histogram, HistogramOpts};

use super::{HELP, Kind};

/// 1 ms to 10 s.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// 64 B to 16 MiB.
const BYTES: &[f64] =
    &[64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];
/// For every other unit.
const OTHER: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0];

/// The crate's atomics; a series takes no lock to count.
#[derive(Debug)]
pub(super) enum Value {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl Kind {
    pub(super) fn metric_type(self) -> MetricType {
        match self {
            Self::Counter => MetricType::COUNTER,
            Self::Gauge => MetricType::GAUGE,
            Self::Histogram => MetricType::HISTOGRAM,
        }
    }
}

impl Value {
    /// `None` where the crate does not take the name; it takes every one that is legal here.
    pub(super) fn new(kind: Kind, name: &str) -> Option<Self> {
        let made = match kind {
            Kind::Counter => Counter::new(name, HELP).map(Self::Counter),
            Kind::Gauge => Gauge::new(name, HELP).map(Self::Gauge),
            Kind::Histogram => {
                let options = HistogramOpts::new(name, HELP).buckets(bounds(name).to_vec());
                Histogram::with_opts(options).map(Self::Histogram)
            }
        };
        made.ok()
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Histogram(_) => Kind::Histogram,
        }
    }

    /// `number` is finite, and not negative unless this is a gauge.
    pub(super) fn record(&self, number: f64) {
        match self {
            Self::Counter(counter) => counter.inc_by(number),
            Self::Gauge(gauge) => gauge.set(number),
            Self::Histogram(histogram) => histogram.observe(number),
        }
    }

    /// A sum that grew beyond all measure is shown as the largest number: the crate writes `inf`, which the format does
    /// not have.
    pub(super) fn collect(&self) -> Metric {
        match self {
            Self::Counter(counter) => {
                let mut shown = proto::Counter::default();
                shown.set_value(counter.get().min(f64::MAX));
                let mut metric = Metric::default();
                metric.set_counter(shown);
                metric
            }
            Self::Gauge(gauge) => gauge.metric(),
            Self::Histogram(histogram) => {
                let mut metric = histogram.metric();
                let mut shown = metric.get_histogram().clone();
                shown.set_sample_sum(shown.get_sample_sum().min(f64::MAX));
                metric.set_histogram(shown);
                metric
            }
        }
    }
}

/// Where the buckets of a histogram end, by the unit in its name.
fn bounds(name: &str) -> &'static [f64] {
    match name.rsplit_once('_').map(|(_, unit)| unit) {
        Some("seconds") => SECONDS,
        Some("bytes") => BYTES,
        _ => OTHER,
    }
}

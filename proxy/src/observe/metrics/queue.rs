//! What the line before one upstream counts.

use std::time::Instant;

use super::families::Families;
use super::series::{Counter, Exchange, Gauge, Held, Histogram};

/// Handles of one line.
#[derive(Clone, Debug)]
pub struct QueueMetrics {
    served: Counter,
    full: Counter,
    timeout: Counter,
    left: Counter,
    waiting: Gauge,
    duration: Histogram<Exchange>,
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueOutcome {
    /// There was a place.
    Served,
    /// The line was too long to begin with.
    Full,
    /// It took too long.
    Timeout,
    /// The client went away.
    Left,
}

impl QueueMetrics {
    pub(super) fn new(families: &Families, upstream: &str) -> Self {
        let ended = |outcome| families.queue_requests.series([upstream, outcome]);
        Self {
            served: ended("served"),
            full: ended("full"),
            timeout: ended("timeout"),
            left: ended("left"),
            waiting: families.queue_length.series([upstream]),
            duration: families.queue_duration.series([upstream]),
        }
    }

    /// One request waits no longer, or never did.
    pub fn ended(&self, outcome: QueueOutcome) {
        match outcome {
            QueueOutcome::Served => self.served.increment(),
            QueueOutcome::Full => self.full.increment(),
            QueueOutcome::Timeout => self.timeout.increment(),
            QueueOutcome::Left => self.left.increment(),
        }
    }

    /// One request begins to wait.
    #[must_use]
    pub fn wait(&self) -> Wait<'_> {
        Wait { metrics: self, began: Instant::now(), outcome: QueueOutcome::Left, _waiting: self.waiting.hold() }
    }
}

/// A request that waits; its client went away, unless it is told otherwise.
#[derive(Debug)]
pub struct Wait<'m> {
    metrics: &'m QueueMetrics,
    began: Instant,
    outcome: QueueOutcome,
    _waiting: Held,
}

impl Wait<'_> {
    /// It waits no longer.
    pub fn ended(mut self, outcome: QueueOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.metrics.ended(self.outcome);
        self.metrics.duration.observe(self.began.elapsed());
    }
}

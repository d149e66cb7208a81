//! What one endpoint of an upstream counts.

use std::sync::Arc;
use std::time::Duration;

use super::families::Families;
use super::series::{Counter, Exchange, Histogram};
use super::status_class::ByClass;

/// Handles of one endpoint; a clone is one pointer.
#[derive(Clone, Debug)]
pub struct EndpointMetrics(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    first_tries: Counter,
    retries: Counter,
    hedges: Counter,
    responses: ByClass,
    to_head: Histogram<Exchange>,
    connect: Counter,
    tls: Counter,
    connect_timeout: Counter,
    reset: Counter,
    timeout: Counter,
    garbage: Counter,
    checks_passed: Counter,
    checks_failed: Counter,
}

/// How a try towards an endpoint failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryFailure {
    /// No connection: refused, unreachable.
    Connect,
    /// A connection, but no TLS session that could be trusted.
    Tls,
    /// No connection in time.
    ConnectTimeout,
    /// The connection broke before a whole response head.
    Reset,
    /// No answer in time.
    Timeout,
    /// What came is no HTTP.
    Garbage,
}

/// Which try of a request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The first.
    First,
    /// One after a failed one.
    Retry,
    /// One beside a slow one.
    Hedge,
}

impl EndpointMetrics {
    pub(super) fn new(families: &Families, upstream: &str, endpoint: &str) -> Self {
        let tries = |kind| families.endpoint_tries.series([upstream, endpoint, kind]);
        let failures = |kind| families.endpoint_failures.series([upstream, endpoint, kind]);
        let checks = |outcome| families.health_checks.series([upstream, endpoint, outcome]);
        Self(Arc::new(Handles {
            first_tries: tries("first"),
            retries: tries("retry"),
            hedges: tries("hedge"),
            responses: ByClass::new(|class| families.endpoint_responses.series([upstream, endpoint, class])),
            to_head: families.endpoint_head.series([upstream, endpoint]),
            connect: failures("connect"),
            tls: failures("tls"),
            connect_timeout: failures("connect_timeout"),
            reset: failures("reset"),
            timeout: failures("timeout"),
            garbage: failures("garbage"),
            checks_passed: checks("passed"),
            checks_failed: checks("failed"),
        }))
    }

    /// One try begins.
    pub fn attempt(&self, which: Try) {
        match which {
            Try::First => self.0.first_tries.increment(),
            Try::Retry => self.0.retries.increment(),
            Try::Hedge => self.0.hedges.increment(),
        }
    }

    /// One try got a response head.
    pub fn response(&self, status: u16, to_head: Duration) {
        self.0.responses.of(status).increment();
        self.0.to_head.observe(to_head);
    }

    /// One try failed before a response head came.
    pub fn failure(&self, kind: TryFailure) {
        let counter = match kind {
            TryFailure::Connect => &self.0.connect,
            TryFailure::Tls => &self.0.tls,
            TryFailure::ConnectTimeout => &self.0.connect_timeout,
            TryFailure::Reset => &self.0.reset,
            TryFailure::Timeout => &self.0.timeout,
            TryFailure::Garbage => &self.0.garbage,
        };
        counter.increment();
    }

    /// One active check ended.
    pub fn health_check(&self, passed: bool) {
        if passed { self.0.checks_passed.increment() } else { self.0.checks_failed.increment() }
    }
}

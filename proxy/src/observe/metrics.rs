//! Prometheus metrics. Handles are resolved when a snapshot is built, so that a request only adds to atomics.

use std::time::Duration;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: prometheus::Registry,
}

impl Metrics {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self { registry: prometheus::Registry::new() }
    }
    /// The registry that `/metrics` encodes.
    #[must_use]
    pub fn registry(&self) -> &prometheus::Registry {
        &self.registry
    }
    /// Handles of one route.
    #[must_use]
    pub fn route(&self, name: &str) -> RouteMetrics {
        let _ = name;
        RouteMetrics {}
    }
    /// Handles of one endpoint of an upstream.
    #[must_use]
    pub fn endpoint(&self, upstream: &str, endpoint: &str) -> EndpointMetrics {
        let _ = (upstream, endpoint);
        EndpointMetrics {}
    }
    /// Handles of one policy.
    #[must_use]
    pub fn policy(&self, name: &str, plugin: &str) -> PolicyMetrics {
        let _ = (name, plugin);
        PolicyMetrics {}
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Handles of one route.
#[derive(Clone, Debug)]
pub struct RouteMetrics {}

impl RouteMetrics {
    /// One request ended.
    pub fn request(&self, status: u16, taken: Duration, bytes_in: u64, bytes_out: u64) {
        let _ = (status, taken, bytes_in, bytes_out);
    }
}

/// Handles of one endpoint.
#[derive(Clone, Debug)]
pub struct EndpointMetrics {}

impl EndpointMetrics {
    /// One try got a response head.
    pub fn response(&self, status: u16, to_head: Duration) {
        let _ = (status, to_head);
    }
    /// One try failed before a response head came.
    pub fn failure(&self, kind: TryFailure) {
        let _ = kind;
    }
}

/// How a try towards an endpoint failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryFailure {
    /// No connection: refused, unreachable, TLS.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// The connection broke before a whole response head.
    Reset,
    /// No answer in time.
    Timeout,
    /// What came is no HTTP.
    Garbage,
}

/// Handles of one policy.
#[derive(Clone, Debug)]
pub struct PolicyMetrics {}

/// What one call of a policy came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// Forwarded.
    Forward,
    /// Answered locally.
    Respond,
    /// Out of CPU budget.
    OutOfTime,
    /// Trapped.
    Trap,
    /// Out of memory.
    OutOfMemory,
    /// Illegal decision.
    Illegal,
    /// All instances busy.
    Overloaded,
}

impl PolicyMetrics {
    /// One call ended.
    pub fn call(&self, outcome: CallOutcome) {
        let _ = outcome;
    }
}

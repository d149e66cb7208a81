//! One instance of a service, with the state that survives reloads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

/// An address of an upstream, shared by every snapshot that names it.
#[derive(Debug)]
pub struct Endpoint {
    /// Name of the upstream it belongs to.
    pub upstream: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// `address` as text, made once.
    pub label: Arc<str>,
    healthy: AtomicBool,
    in_flight: AtomicU32,
    latency_us: AtomicU32,
    /// Written by checks and read by people; no request waits for it.
    record: Mutex<HealthRecord>,
}

/// How the verdict on an endpoint came to be.
#[derive(Clone, Debug)]
pub struct HealthRecord {
    /// When the verdict last changed; the endpoint's birth where it never did.
    pub since: SystemTime,
    /// Why it last changed; `None` where it never did.
    pub cause: Option<Arc<str>>,
    /// The last active check; `None` where none was made since checks began.
    pub last_check: Option<CheckRecord>,
}

/// What the last active check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRecord {
    /// When it ended.
    pub at: SystemTime,
    /// Whether the answer was a good one.
    pub good: bool,
    /// Checks in a row that came to the same.
    pub in_a_row: u32,
    /// What came back: `status 500`, `connection refused`.
    pub finding: Arc<str>,
}

impl Endpoint {
    /// A new endpoint is taken for healthy until a check says otherwise.
    #[must_use]
    pub fn new(upstream: Arc<str>, address: SocketAddr) -> Self {
        Self {
            upstream,
            address,
            label: address.to_string().into(),
            healthy: AtomicBool::new(true),
            in_flight: AtomicU32::new(0),
            latency_us: AtomicU32::new(0),
            record: Mutex::new(HealthRecord { since: SystemTime::now(), cause: None, last_check: None }),
        }
    }

    /// Whether active checks hold it for usable.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Sets the verdict; returns whether it changed, and keeps the cause only then.
    pub fn mark(&self, healthy: bool, cause: &str) -> bool {
        let mut record = self.record.lock();
        let changed = self.healthy.swap(healthy, Ordering::Relaxed) != healthy;
        if changed {
            record.since = SystemTime::now();
            record.cause = Some(cause.into());
        }
        changed
    }

    /// How the verdict came to be.
    #[must_use]
    pub fn health(&self) -> HealthRecord {
        self.record.lock().clone()
    }

    /// Keeps what an active check found; the verdict is [`mark`](Self::mark)'s.
    pub fn record_check(&self, good: bool, finding: &str) {
        let mut record = self.record.lock();
        let before = record.last_check.take().filter(|last| last.good == good).map_or(0, |last| last.in_a_row);
        record.last_check = Some(CheckRecord {
            at: SystemTime::now(),
            good,
            in_a_row: before.saturating_add(1),
            finding: finding.into(),
        });
    }

    /// Forgets what checks found: nobody looks any more, or looks for something else.
    pub fn forget_checks(&self) {
        self.record.lock().last_check = None;
    }

    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Moving average of the time to the response head in microseconds, 0 where none is known.
    #[must_use]
    pub fn latency_us(&self) -> u32 {
        self.latency_us.load(Ordering::Relaxed)
    }

    /// Takes one time to a response head into the average (weight 1/8; racing updates may lose one sample).
    pub fn record_latency(&self, taken: Duration) {
        let sample = u32::try_from(taken.as_micros()).unwrap_or(u32::MAX).max(1);
        let old = self.latency_us.load(Ordering::Relaxed);
        let new = if old == 0 { sample } else { (old - old / 8).saturating_add(sample / 8) };
        self.latency_us.store(new.max(1), Ordering::Relaxed);
    }

    /// Counts a request in; it is counted out when the guard is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { endpoint: Arc::clone(self) }
    }
}

/// A request under way to an endpoint.
#[derive(Debug)]
pub struct InFlight {
    endpoint: Arc<Endpoint>,
}

impl InFlight {
    /// The endpoint the request goes to.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Arc<Endpoint> {
        Arc::new(Endpoint::new("shop".into(), "127.0.0.1:9001".parse().unwrap()))
    }

    #[test]
    fn a_verdict_keeps_the_cause_of_its_last_change_only() {
        let endpoint = endpoint();
        assert!(endpoint.is_healthy() && endpoint.health().cause.is_none());
        assert!(endpoint.mark(false, "first"));
        assert!(!endpoint.mark(false, "second"));
        assert_eq!(endpoint.health().cause.as_deref(), Some("first"));
        assert!(!endpoint.is_healthy());
    }

    #[test]
    fn checks_with_the_same_outcome_are_counted_in_a_row() {
        let endpoint = endpoint();
        let seen = |endpoint: &Endpoint| {
            let last = endpoint.health().last_check.unwrap();
            (last.good, last.in_a_row, last.finding.to_string())
        };
        endpoint.record_check(false, "status 500");
        endpoint.record_check(false, "status 503");
        assert_eq!(seen(&endpoint), (false, 2, "status 503".into()));
        endpoint.record_check(true, "status 200");
        assert_eq!(seen(&endpoint), (true, 1, "status 200".into()));
        endpoint.forget_checks();
        assert_eq!(endpoint.health().last_check, None);
    }

    #[test]
    fn a_request_is_counted_until_its_guard_is_dropped() {
        let endpoint = endpoint();
        let (first, second) = (endpoint.enter(), endpoint.enter());
        assert_eq!(endpoint.in_flight(), 2);
        drop(first);
        assert_eq!((endpoint.in_flight(), second.endpoint().in_flight()), (1, 1));
    }

    #[test]
    fn latency_starts_with_the_first_sample_and_follows_slowly() {
        let endpoint = endpoint();
        endpoint.record_latency(Duration::from_micros(800));
        assert_eq!(endpoint.latency_us(), 800);
        endpoint.record_latency(Duration::from_micros(1600));
        assert_eq!(endpoint.latency_us(), 900);
        endpoint.record_latency(Duration::MAX);
        endpoint.record_latency(Duration::MAX);
        assert!(endpoint.latency_us() > 900);
    }
}

//! One instance of a service, with the state that survives reloads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

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
        }
    }

    /// Whether active checks hold it for usable.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Sets the verdict of active checks; returns whether it changed.
    pub fn set_healthy(&self, healthy: bool) -> bool {
        self.healthy.swap(healthy, Ordering::Relaxed) != healthy
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
        let new = if old == 0 { sample } else { old - old / 8 + sample / 8 };
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

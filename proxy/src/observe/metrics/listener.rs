//! What one listener counts.

use std::sync::Arc;

use super::by_key::ByKey;
use super::families::Families;
use super::family::Family;
use super::series::{Counter, Gauge, Held};

/// Handles of one listener.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    connections: Counter,
    open: Gauge,
    connections_refused: ByKey<&'static str>,
    tls_failures: ByKey<&'static str>,
    requests_refused: ByKey<&'static str>,
}

impl ListenerMetrics {
    pub(super) fn new(families: &Arc<Families>, listener: &str) -> Self {
        let by_reason = |family: fn(&Families) -> &Family<Counter, 2>| {
            let (families, listener) = (Arc::clone(families), Box::<str>::from(listener));
            ByKey::new(move |reason: Option<&'static str>| {
                family(&families).series([&listener, reason.unwrap_or("other")])
            })
        };
        Self {
            connections: families.connections_total.series([listener]),
            open: families.connections_open.series([listener]),
            connections_refused: by_reason(|families| &families.connections_refused),
            tls_failures: by_reason(|families| &families.tls_failures),
            requests_refused: by_reason(|families| &families.requests_refused),
        }
    }

    /// One connection was accepted; it is open until the guard is dropped.
    #[must_use]
    pub fn connection(&self) -> Held {
        self.connections.increment();
        self.open.hold()
    }

    /// One connection was closed at once.
    pub fn refused_connection(&self, reason: &'static str) {
        self.connections_refused.increment(reason);
    }

    /// One TLS handshake failed.
    pub fn tls_failure(&self, reason: &'static str) {
        self.tls_failures.increment(reason);
    }

    /// One request was refused before routing.
    pub fn refused_request(&self, reason: &'static str) {
        self.requests_refused.increment(reason);
    }
}

//! What the Gate of one listener asks and tells, answered from the running snapshot.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::gate::{Admission, Doorkeeper, HandshakeFailure, ProxyFault, Refused, Terms};
use crate::observe::access::AccessRecord;
use crate::observe::metrics::ListenerMetrics;
use crate::running::Running;

/// The doorkeeper of one listener.
pub(super) struct ListenerDoorkeeper {
    running: Arc<Running>,
    listener: String,
    /// For the impossible case that a snapshot has no terms of this listener: those it started with.
    first_terms: Arc<Terms>,
    metrics: ListenerMetrics,
}

impl ListenerDoorkeeper {
    /// `None` where the snapshot does not know the listener.
    pub(super) fn new(running: &Arc<Running>, listener: &str) -> Option<Self> {
        let first_terms = Arc::clone(running.snapshot().terms.get(listener)?);
        let metrics = running.process.metrics.listener(listener);
        Some(Self { running: Arc::clone(running), listener: listener.to_owned(), first_terms, metrics })
    }
}

impl Doorkeeper for ListenerDoorkeeper {
    fn terms(&self) -> Arc<Terms> {
        Arc::clone(self.running.glance().terms.get(&self.listener).unwrap_or(&self.first_terms))
    }

    fn admit(&self) -> Option<Admission> {
        let most = self.running.glance().limits.connections;
        let admission = self.running.process.connections.admit(most);
        if admission.is_none() {
            self.metrics.refused_connection("limit");
        }
        admission.map(|admission| admission.counted(self.metrics.connection()))
    }

    fn refused(&self, refused: &Refused<'_>) {
        self.metrics.refused_request(refused.refusal.reason());
        let snapshot = self.running.snapshot();
        if !snapshot.access_log.is_on() {
            return;
        }
        let line = String::from_utf8_lossy(refused.request_line);
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        snapshot.access_log.write(&AccessRecord {
            client: refused.client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.ip()),
            request_id: "",
            method,
            authority: "",
            target,
            protocol: words.next().unwrap_or_default(),
            status: refused.refusal.status(),
            bytes_in: 0,
            bytes_out: 0,
            taken: Duration::ZERO,
            route: None,
            upstream: None,
            endpoint: None,
            tries: 0,
            consumer: None,
            policy: None,
            cause: Some(refused.refusal.reason()),
        });
    }

    fn not_introduced(&self, peer: Option<SocketAddr>, fault: ProxyFault) {
        self.metrics.refused_connection(fault.reason());
        tracing::debug!(listener = self.listener, ?peer, reason = fault.reason(), "no PROXY protocol header");
    }

    fn handshake_failed(&self, client: Option<SocketAddr>, failure: HandshakeFailure) {
        self.metrics.tls_failure(failure.reason());
        tracing::debug!(listener = self.listener, ?client, reason = failure.reason(), "TLS handshake failed");
    }
}

//! What the connections of one tcp listener count.

use std::sync::Arc;

use super::by_key::ByKey;
use super::families::Families;
use super::series::Counter;

/// Handles of one tcp listener.
#[derive(Clone, Debug)]
pub struct TcpMetrics {
    ended: ByKey<&'static str>,
    received: Counter,
    sent: Counter,
}

impl TcpMetrics {
    pub(super) fn new(families: &Arc<Families>, listener: &str) -> Self {
        let bytes = |direction| families.tcp_bytes.series([listener, direction]);
        let (ended, name) = (Arc::clone(families), Box::<str>::from(listener));
        Self {
            ended: ByKey::new(move |cause: Option<&'static str>| {
                ended.tcp_connections.series([&name, cause.unwrap_or("other")])
            }),
            received: bytes("in"),
            sent: bytes("out"),
        }
    }

    /// One connection ended; `cause` is from a closed list.
    pub fn ended(&self, cause: &'static str) {
        self.ended.increment(cause);
    }

    /// Octets went from the client to the endpoint.
    pub fn received(&self, octets: u64) {
        self.received.add(octets);
    }

    /// Octets went from the endpoint to the client.
    pub fn sent(&self, octets: u64) {
        self.sent.add(octets);
    }
}

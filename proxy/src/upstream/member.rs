//! An endpoint in its place.

use std::sync::Arc;

use super::endpoint::Endpoint;
use crate::observe::metrics::EndpointMetrics;

/// An endpoint's place in one upstream.
#[derive(Clone, Debug)]
pub struct Member {
    /// The endpoint, shared with every snapshot that names it.
    pub endpoint: Arc<Endpoint>,
    /// Its share; 0 takes no new requests.
    pub weight: u32,
    /// Where it is, as the operator wrote it; empty where nothing was written.
    pub zone: Arc<str>,
    /// Which members it stands among: those of tier 0 are picked while enough of them are eligible, then those of the
    /// next as well. From its priority, and whether it is in the preferred zone.
    pub tier: u8,
    /// No new requests, those under way end in peace.
    pub draining: bool,
    /// Whether it was added at run time: nobody else lists it.
    pub added: bool,
    /// Requests it may have under way; `u32::MAX` is without limit.
    pub max_in_flight: u32,
    /// Counts its tries.
    pub metrics: EndpointMetrics,
}

impl Member {
    /// Whether it may be picked for this new request: one that warms up takes but a share of them.
    #[must_use]
    pub fn is_eligible(&self) -> bool {
        self.takes_requests() && self.endpoint.takes_request() && self.has_room()
    }

    /// Whether the operator wants requests to go there.
    #[must_use]
    pub fn takes_requests(&self) -> bool {
        self.weight > 0 && !self.draining
    }

    /// Whether it may have one more request under way. Two workers that ask at the same moment may both be told so.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.max_in_flight == u32::MAX || self.endpoint.in_flight() < self.max_in_flight
    }

    /// Whether checks, traffic and the operator let it be picked, be it busy or not.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.takes_requests() && self.endpoint.is_open()
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoint, &other.endpoint)
            && self.weight == other.weight
            && self.zone == other.zone
            && self.tier == other.tier
            && self.draining == other.draining
            && self.added == other.added
            && self.max_in_flight == other.max_in_flight
    }
}

//! Upstreams and their endpoints: who can be asked, how well each is, and what state outlives a reload.
//!
//! An [`endpoint::Endpoint`] lives as long as the process knows its address: health, in-flight count and latency are
//! kept there, in the [`registry::EndpointRegistry`], and every snapshot that names the address shares it. An
//! [`Upstream`] belongs to one snapshot.

pub mod endpoint;
pub mod health;
pub mod peer;
pub mod registry;

use std::sync::Arc;

use crate::balance::Balancer;
use crate::config::model::UpstreamTimeouts;
use endpoint::Endpoint;

/// A named set of endpoints behind one balancer, as one snapshot sees it.
#[derive(Debug)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Members in the order of the configuration, those added at run time last.
    pub members: Arc<[Member]>,
    /// Chooses among them.
    pub balancer: Arc<Balancer>,
    /// Deadlines of each try.
    pub timeouts: UpstreamTimeouts,
    /// Further tries after a failed one.
    pub retries: u32,
    /// The `Host` sent; `None` passes the client's on.
    pub host: Option<http::HeaderValue>,
}

/// An endpoint's place in one upstream.
#[derive(Clone, Debug)]
pub struct Member {
    /// The endpoint, shared with every snapshot that names it.
    pub endpoint: Arc<Endpoint>,
    /// Its share; 0 takes no new requests.
    pub weight: u32,
    /// No new requests, those under way end in peace.
    pub draining: bool,
}

impl Member {
    /// Whether it may be picked for a new request.
    #[must_use]
    pub fn is_eligible(&self) -> bool {
        self.weight > 0 && !self.draining && self.endpoint.is_healthy()
    }
}

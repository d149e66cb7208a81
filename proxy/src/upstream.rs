//! Upstreams and their endpoints: who can be asked, how well each is, and what state outlives a reload.
//!
//! An [`endpoint::Endpoint`] lives as long as the process knows its address: health, in-flight count and latency are
//! kept there, and every snapshot that names the address gets the same one from the [`registry::EndpointRegistry`]. An
//! [`Upstream`] belongs to one snapshot and takes over from the one before what did not change.

pub mod endpoint;
pub mod health;
pub mod member;
pub mod overlay;
pub mod peer;
pub mod registry;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use crate::balance::round_robin::RoundRobin;
use crate::balance::{Balancer, Picked};
use crate::config::model;
use crate::observe::metrics::Metrics;
use crate::plugin::policy::PolicyRuntime;
use crate::policy::view::RequestView;
use member::Member;
use overlay::{Overlay, Placement};
use peer::Peers;
use registry::EndpointRegistry;

/// A named set of endpoints behind one balancer, as one snapshot sees it.
#[derive(Debug)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Members in the order of the configuration, those added at run time last. The same list as in the snapshot before
    /// where nothing about it changed, so that a policy need not be told again.
    pub members: Arc<[Member]>,
    /// Chooses among them.
    pub balancer: Arc<Balancer>,
    /// Deadlines of each try.
    pub timeouts: model::UpstreamTimeouts,
    /// Further tries after a failed one.
    pub retries: u32,
    /// The `Host` sent; `None` passes the client's on.
    pub host: Option<http::HeaderValue>,
    peers: Peers,
}

impl Upstream {
    /// Builds what a snapshot needs of an upstream.
    ///
    /// `previous` is the upstream of the same name in the running snapshot: where the members are the same, the rotation
    /// goes on where it stands. `policy` is the runtime of `spec.balancer` where that names one.
    #[must_use]
    pub fn build(
        spec: &model::Upstream,
        overlay: Option<&Overlay>,
        registry: &EndpointRegistry,
        metrics: &Metrics,
        previous: Option<&Self>,
        policy: Option<Arc<PolicyRuntime>>,
    ) -> Self {
        let placements = match overlay {
            Some(overlay) => overlay.apply(&spec.endpoints),
            None => spec.endpoints.iter().map(Placement::from).collect(),
        };
        let members = placements.iter().map(|placement| member(registry, metrics, &spec.name, placement)).collect();
        let (members, balancer) = take_over(members, policy, previous);
        // A legal value by the time it gets here: `config` refuses any other.
        let host = spec.host.as_deref().and_then(|host| host.parse().ok());
        Self {
            name: spec.name.clone(),
            balancer,
            timeouts: spec.timeouts,
            retries: spec.retries,
            host,
            peers: Peers::new(members.iter().map(|member| member.endpoint.address), &spec.timeouts),
            members,
        }
    }

    /// A prepared peer for each member, in their order.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The member to ask, or `None` where none may be; see [`Balancer::pick`].
    pub fn pick(&self, request: &dyn RequestView, tried: &[std::net::SocketAddr]) -> Option<Picked<'_>> {
        self.balancer.pick(request, &self.members, tried)
    }
}

fn member(registry: &EndpointRegistry, metrics: &Metrics, upstream: &str, placement: &Placement) -> Member {
    let endpoint = registry.endpoint(upstream, placement.address);
    let metrics = metrics.endpoint(upstream, &endpoint.label);
    Member {
        endpoint,
        weight: placement.weight,
        zone: Arc::clone(&placement.zone),
        draining: placement.draining,
        metrics,
    }
}

/// The list and the balancer to use: the previous ones as far as they are the same.
fn take_over(
    members: Vec<Member>,
    policy: Option<Arc<PolicyRuntime>>,
    previous: Option<&Upstream>,
) -> (Arc<[Member]>, Arc<Balancer>) {
    let Some(previous) = previous.filter(|previous| same_members(&previous.members, &members)) else {
        let round_robin = Arc::new(RoundRobin::new(members.len()));
        return (members.into(), Arc::new(Balancer { round_robin, policy }));
    };
    let same_policy = previous.balancer.policy.as_ref().map(Arc::as_ptr) == policy.as_ref().map(Arc::as_ptr);
    let balancer = if same_policy {
        Arc::clone(&previous.balancer)
    } else {
        Arc::new(Balancer { round_robin: Arc::clone(&previous.balancer.round_robin), policy })
    };
    (Arc::clone(&previous.members), balancer)
}

fn same_members(old: &[Member], new: &[Member]) -> bool {
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.is_same_as(new))
}

//! Upstreams and their endpoints: who can be asked, how well each is, and what state outlives a reload.
//!
//! An [`endpoint::Endpoint`] lives as long as the process knows its address: health, in-flight count and latency are
//! kept there, and every snapshot that names the address gets the same one from the [`registry::EndpointRegistry`]. An
//! [`Upstream`] belongs to one snapshot and takes over from the one before what did not change.

pub mod admission;
mod alarm;
pub mod endpoint;
pub mod health;
pub mod journal;
pub mod latency;
pub mod member;
pub mod overlay;
pub mod peer;
pub mod registry;
pub mod retry;
mod standing;
pub mod stream;
mod subset;
#[cfg(test)]
pub(crate) mod tests;
pub mod tls;
pub mod traffic;
pub mod transport;
pub mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::balance::sticky::StickyKey;
use crate::balance::tiers::{Place, ranks};
use crate::balance::{Balancer, Picked};
use crate::cause::Cause;
use crate::config::model;
use crate::config::model::EndpointAddress;
use crate::discovery::Known;
use crate::observe::metrics::{Metrics, QueueMetrics};
use crate::plugin::policy::PolicyRuntime;
use crate::policy::view::RequestView;
use admission::Admission;
use endpoint::InFlight;
use member::Member;
use overlay::{Overlay, Placement};
use peer::Peers;
use registry::EndpointRegistry;
use retry::{RetryBudget, RetryTerms};
use traffic::{Failing, Heard};
use transport::Transport;
use watch::WatchTerms;

/// Who is in an upstream: what is listed, and what was changed about it at run time.
#[derive(Clone, Debug)]
pub struct Listing<'a> {
    /// What the file lists, and others.
    pub known: Known<'a>,
    /// What was changed.
    pub overlay: Option<&'a Overlay>,
}

impl<'a> Listing<'a> {
    /// What the file lists, and no more.
    #[must_use]
    pub fn of_file(spec: &'a model::Upstream) -> Self {
        Self { known: Known::listed(spec), overlay: None }
    }
}

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
    /// When a failed try is made again.
    pub retry: RetryTerms,
    /// How many there may be; the same as in the snapshot before.
    pub retry_budget: Arc<RetryBudget>,
    /// By what its endpoints are judged while they serve.
    pub watch: WatchTerms,
    /// Requests it takes at once; `None` is without limit.
    pub max_requests: Option<u32>,
    /// Where requests wait for their turn; `None` where they do not.
    pub queue: Option<Queue>,
    /// Those under way, and those that wait; the same as in the snapshot before.
    pub admission: Arc<Admission>,
    /// The `Host` sent; `None` passes the client's on.
    pub host: Option<http::HeaderValue>,
    /// How connections of tcp listeners tell the endpoint who their client is; `None` where they do not.
    pub proxy_protocol: Option<model::ProxyProtocol>,
    /// How its endpoints are reached.
    pub transport: Transport,
    /// Whether somebody who lists endpoints has not said anything yet.
    pub awaited: bool,
    peers: Peers,
}

/// The line before an upstream.
#[derive(Debug)]
pub struct Queue {
    /// Requests that may stand there at once.
    pub most: usize,
    /// How long one may.
    pub timeout: Duration,
    /// What it counts.
    pub metrics: QueueMetrics,
}

impl Queue {
    fn new(spec: &model::Upstream, metrics: &Metrics) -> Option<Self> {
        let model::Queue { most, timeout } = spec.queue?;
        Some(Self { most, timeout, metrics: metrics.queue(&spec.name) })
    }
}

impl Upstream {
    /// Builds what a snapshot needs of an upstream.
    ///
    /// `previous` is the upstream of the same name in the running snapshot: where the members are the same, the rotation
    /// goes on where it stands. `transport` is made of the same `spec`. `policy` is the runtime of `spec.balancer` where that names one.
    #[must_use]
    pub fn build(
        spec: &model::Upstream,
        listing: Listing<'_>,
        registry: &EndpointRegistry,
        metrics: &Metrics,
        previous: Option<&Self>,
        policy: Option<Arc<PolicyRuntime>>,
        transport: Transport,
    ) -> Self {
        let Listing { known, overlay } = listing;
        let placements = match overlay {
            Some(overlay) => overlay.apply(spec, &known.endpoints),
            None => known.endpoints.iter().map(Placement::from).collect(),
        };
        let members = members(spec, &placements, registry, metrics, previous);
        let (members, balancer) = take_over(spec, members, policy, &registry.sticky_key, previous);
        // A legal value by the time it gets here: `config` refuses any other.
        let host = spec.host.as_deref().and_then(|host| host.parse().ok());
        Self {
            name: spec.name.clone(),
            balancer,
            timeouts: spec.timeouts,
            retry: RetryTerms::from(spec),
            retry_budget: previous
                .map_or_else(|| Arc::new(RetryBudget::new(Instant::now())), |before| Arc::clone(&before.retry_budget)),
            max_requests: spec.max_requests,
            queue: Queue::new(spec, metrics),
            admission: previous.map(|before| Arc::clone(&before.admission)).unwrap_or_default(),
            watch: WatchTerms { outliers: spec.outliers.clone(), slow_start: spec.slow_start },
            host,
            proxy_protocol: spec.proxy_protocol,
            awaited: known.awaited,
            peers: Peers::new(members.iter().map(|member| &member.endpoint.address), &spec.timeouts, &transport),
            transport,
            members,
        }
    }

    /// A prepared peer for each member, in their order.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// What an answer with this status says of the endpoint that gave it.
    #[must_use]
    pub fn hear(&self, status: u16) -> Heard {
        match &self.watch.outliers {
            Some(outliers) if outliers.is_failure(status) => Heard::Bad(Failing::Status(status)),
            _ => Heard::Good,
        }
    }

    /// Counts a request in at the member that was picked for it; who stands in line hears of its end.
    #[must_use]
    pub fn enter(&self, picked: &Picked<'_>) -> InFlight {
        let mut entered = picked.enter();
        if self.queue.is_some() {
            entered.tell_at_end(&self.admission);
        }
        entered
    }

    /// The member to ask, or `None` where none may be; see [`Balancer::pick`].
    pub fn pick(&self, request: &dyn RequestView, tried: &[EndpointAddress]) -> Option<Picked<'_>> {
        self.balancer.pick(request, &self.members, tried)
    }

    /// Why there is nobody to ask, where nobody was asked.
    #[must_use]
    pub fn why_nobody(&self) -> Cause {
        if self.is_busy() {
            Cause::EndpointsBusy
        } else if !self.members.is_empty() {
            Cause::NoEndpoint
        } else if self.awaited {
            Cause::EndpointsUnknown
        } else {
            Cause::NoEndpoints
        }
    }

    /// Whether one could be asked if it had not as many requests under way as it may have.
    fn is_busy(&self) -> bool {
        self.members.iter().any(|member| member.is_open() && !member.has_room())
    }
}

/// The members at these places. What the upstream before had of an endpoint it goes on with: an endpoint more among
/// thousands is no reason to look all of them up.
fn members(
    spec: &model::Upstream,
    placements: &[Placement],
    registry: &EndpointRegistry,
    metrics: &Metrics,
    previous: Option<&Upstream>,
) -> Vec<Member> {
    let before = previous.map_or(&[][..], |previous| &previous.members);
    let before: HashMap<&EndpointAddress, &Member> = before.iter().map(|m| (&m.endpoint.address, m)).collect();
    let is_near = |zone: &str| spec.prefer_zone.as_deref() == Some(zone);
    let group = |place: &Placement| (place.priority, !is_near(&place.zone));
    let outside = spec.subset.as_ref().map(|subset| subset::outside(subset, placements, group)).unwrap_or_default();
    let is_outside = |index: usize| outside.get(index).copied().unwrap_or(false);
    let place = |(index, place): (usize, &Placement)| {
        let (priority, is_far) = group(place);
        Place { priority, is_far, is_outside: is_outside(index) }
    };
    let places: Vec<_> = placements.iter().enumerate().map(place).collect();
    let member = |(placement, tier): (&Placement, u8)| {
        let before = before.get(&placement.address);
        let endpoint = before.map_or_else(
            || registry.endpoint(&spec.name, placement.address.clone()),
            |before| Arc::clone(&before.endpoint),
        );
        let metrics =
            before.map_or_else(|| metrics.endpoint(&spec.name, &endpoint.label), |before| before.metrics.clone());
        let (weight, zone, draining) = (placement.weight, Arc::clone(&placement.zone), placement.draining);
        let added = placement.added;
        let max_in_flight = spec.max_in_flight.unwrap_or(u32::MAX);
        Member { endpoint, weight, zone, tier, draining, added, max_in_flight, metrics }
    };
    placements.iter().zip(ranks(&places)).map(member).collect()
}

/// The list and the balancer to use: the previous ones as far as they are the same.
fn take_over(
    spec: &model::Upstream,
    members: Vec<Member>,
    policy: Option<Arc<PolicyRuntime>>,
    key: &StickyKey,
    previous: Option<&Upstream>,
) -> (Arc<[Member]>, Arc<Balancer>) {
    let before = previous.map(|previous| &*previous.balancer);
    let Some(same) = previous.filter(|previous| same_members(&previous.members, &members)) else {
        let balancer = Balancer::new(spec, &members, policy, key, None, before);
        return (members.into(), Arc::new(balancer));
    };
    let balancer = if same.balancer.is_of(spec, policy.as_ref()) {
        Arc::clone(&same.balancer)
    } else {
        let rotation = Arc::clone(&same.balancer.round_robin);
        Arc::new(Balancer::new(spec, &members, policy, key, Some(rotation), before))
    };
    (Arc::clone(&same.members), balancer)
}

fn same_members(old: &[Member], new: &[Member]) -> bool {
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.is_same_as(new))
}

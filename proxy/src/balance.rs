//! Choosing an endpoint for a request.
//!
//! Eligible is a member that has a weight, is not draining, is held for healthy, is not ejected and has room. Endpoints
//! that earlier tries of the same request went to are passed over while another is eligible. Where no member is eligible
//! there is no choice, and the request is answered 503: sending it to an endpoint known to be down ("panic mode") would
//! trade a quick, honest answer for a slow one, and load on what tries to come back.
//!
//! A choice is made in this order: the endpoint a sticky cookie names; a tier ([`tiers`]); a member of it, by the
//! balancer policy or by one of the gateway's own ways; a member of another tier, where that one has none left.

mod candidates;
pub mod choices;
pub mod consistent_hash;
mod cookie;
pub mod least_request;
pub mod round_robin;
pub mod sticky;
#[cfg(test)]
mod tests;
pub mod tiers;
pub mod two_choices;
pub mod weighted_draw;

use std::sync::Arc;

use crate::config::model;
use crate::config::model::EndpointAddress;
use crate::plugin::policy::{Candidate, PolicyRuntime};
use crate::policy::view::RequestView;
use crate::upstream::endpoint::{InFlight, Tally};
use crate::upstream::member::Member;
use choices::Choices;
use consistent_hash::ConsistentHash;
use least_request::LeastRequest;
use round_robin::RoundRobin;
use sticky::{Sticky, StickyKey};
use tiers::Tiers;
use two_choices::{Measure, TwoChoices};

/// How one upstream chooses; lives on in the next snapshot where members, weights, policy and settings are the same.
#[derive(Debug)]
pub struct Balancer {
    /// Serves where it is asked for, and where a policy declines or fails. Shared with the next snapshot where members
    /// and weights are the same but the rest is another.
    pub round_robin: Arc<RoundRobin>,
    /// A balancer policy, asked first.
    pub policy: Option<Arc<PolicyRuntime>>,
    /// Keeps a client at its endpoint, before anything else is asked.
    pub sticky: Option<Sticky>,
    way: Way,
    tiers: Tiers,
    settings: Settings,
}

/// What a balancer is made from, beside members and policy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    balancer: model::Balancer,
    sticky: Option<model::Sticky>,
}

/// One of the gateway's own ways to choose among the members of a tier.
#[derive(Debug)]
enum Way {
    RoundRobin,
    LeastRequest(LeastRequest),
    TwoChoices(TwoChoices),
    ConsistentHash(ConsistentHash),
}

/// The choice for one try of one request.
#[derive(Clone, Copy, Debug)]
pub struct Picked<'m> {
    /// The member to ask.
    pub member: &'m Member,
    /// Its index among the upstream's members.
    pub index: usize,
    /// Who chose it.
    pub by: PickedBy,
    tally: Option<&'m Arc<Tally>>,
}

/// Who chose a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickedBy {
    /// The cookie that the client sent.
    Cookie,
    /// The upstream's balancer policy.
    Policy,
    /// The gateway: there is no policy, or it left the choice to the gateway.
    Gateway,
    /// The gateway, because the policy failed or picked what is not there.
    Fallback,
}

impl Picked<'_> {
    /// Counts a request to the member in; it is counted out when the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        match self.tally {
            Some(tally) => self.member.endpoint.enter_with(tally),
            None => self.member.endpoint.enter(),
        }
    }
}

impl Balancer {
    /// A balancer of this upstream over these members. `rotation` is one over the same members to go on with, `previous`
    /// the balancer before, whatever it was.
    #[must_use]
    pub fn new(
        spec: &model::Upstream,
        members: &[Member],
        policy: Option<Arc<PolicyRuntime>>,
        key: &StickyKey,
        rotation: Option<Arc<RoundRobin>>,
        previous: Option<&Self>,
    ) -> Self {
        Self {
            round_robin: rotation.unwrap_or_else(|| Arc::new(RoundRobin::new(members))),
            policy,
            sticky: spec.sticky.as_ref().map(|sticky| Sticky::new(sticky, key, members)),
            way: Way::new(&spec.balancer, members, previous),
            tiers: Tiers::new(members),
            settings: Settings::of(spec),
        }
    }

    /// Whether one made of this, over the same members, would be the same.
    #[must_use]
    pub fn is_of(&self, spec: &model::Upstream, policy: Option<&Arc<PolicyRuntime>>) -> bool {
        self.policy.as_ref().map(Arc::as_ptr) == policy.map(Arc::as_ptr) && self.settings == Settings::of(spec)
    }

    /// The member to ask, or `None` where none may be.
    ///
    /// `tried` are the endpoints earlier tries of this request went to: they are passed over while another is eligible,
    /// and asked again where none is.
    pub fn pick<'m>(
        &'m self,
        request: &dyn RequestView,
        members: &'m Arc<[Member]>,
        tried: &[EndpointAddress],
    ) -> Option<Picked<'m>> {
        if let Some(index) = self.sticky.as_ref().and_then(|sticky| sticky.remembered(request, members, tried)) {
            return self.picked(index, members, PickedBy::Cookie);
        }
        let pick = |tried| self.pick_among(request, members, tried).or_else(|| self.pick_cold(members, tried));
        let untried = pick(tried);
        if untried.is_none() && !tried.is_empty() { pick(&[]) } else { untried }
    }

    /// Where all that are left warm up, none of them may stand aside.
    fn pick_cold<'m>(&'m self, members: &'m [Member], tried: &[EndpointAddress]) -> Option<Picked<'m>> {
        let open = members.iter().enumerate().filter(|(_, member)| member.is_open() && member.has_room());
        let untried = open.filter(|(_, member)| !tried.contains(&member.endpoint.address));
        let (index, _) = untried.min_by_key(|(_, member)| (member.tier, member.endpoint.in_flight()))?;
        self.picked(index, members, PickedBy::Fallback)
    }

    fn pick_among<'m>(
        &'m self,
        request: &dyn RequestView,
        members: &'m Arc<[Member]>,
        tried: &[EndpointAddress],
    ) -> Option<Picked<'m>> {
        let ask = |policy: &Arc<PolicyRuntime>, candidates: &[Candidate]| {
            policy.pick(request, members, candidates).inspect_err(|failure| {
                tracing::debug!(policy = %policy.name, %failure, "balancer policy failed, the gateway picks");
            })
        };
        self.tiers.from(self.tiers.choose(members)).find_map(|tier| {
            let choices = Choices { members, tried, tier };
            let (index, by) = match &self.policy {
                None => (self.way.next(request, &choices, self)?, PickedBy::Gateway),
                Some(policy) => candidates::ask(&choices, &self.round_robin, |candidates| ask(policy, candidates))?,
            };
            self.picked(index, members, by)
        })
    }

    /// The choice of the member at this index, whoever made it.
    #[must_use]
    pub fn picked<'m>(&'m self, index: usize, members: &'m [Member], by: PickedBy) -> Option<Picked<'m>> {
        let member = members.get(index)?;
        Some(Picked { member, index, by, tally: self.way.tally(member.tier) })
    }
}

impl Settings {
    fn of(spec: &model::Upstream) -> Self {
        Self { balancer: spec.balancer.clone(), sticky: spec.sticky.clone() }
    }
}

impl Way {
    fn new(spec: &model::Balancer, members: &[Member], previous: Option<&Balancer>) -> Self {
        match spec {
            // A policy asks the rotation where it declines or fails.
            model::Balancer::RoundRobin | model::Balancer::Policy(_) => Self::RoundRobin,
            model::Balancer::LeastRequest => Self::LeastRequest(LeastRequest::new(members)),
            model::Balancer::Random => Self::TwoChoices(TwoChoices::new(Measure::InFlight, members)),
            model::Balancer::PeakEwma => Self::TwoChoices(TwoChoices::new(Measure::PeakEwma, members)),
            model::Balancer::ConsistentHash(spec) => {
                let before = previous.and_then(|previous| match &previous.way {
                    Self::ConsistentHash(hash) => Some(hash),
                    _ => None,
                });
                Self::ConsistentHash(ConsistentHash::new(spec, members, before))
            }
        }
    }

    fn next(&self, request: &dyn RequestView, choices: &Choices<'_>, balancer: &Balancer) -> Option<usize> {
        let in_turn = || balancer.round_robin.choose(choices);
        match self {
            Self::RoundRobin => in_turn(),
            Self::LeastRequest(least) => least.next(choices),
            Self::TwoChoices(two) => two.next(choices),
            Self::ConsistentHash(hash) => match hash.key(request) {
                Some(key) => hash.next(key, choices, &balancer.tiers),
                None => in_turn(),
            },
        }
    }

    fn tally(&self, tier: u8) -> Option<&Arc<Tally>> {
        match self {
            Self::ConsistentHash(hash) => hash.tally(tier),
            _ => None,
        }
    }
}

//! Choosing an endpoint for a request.
//!
//! Eligible is a member that has a weight, is not draining and is held for healthy. Endpoints that earlier tries of the
//! same request went to are passed over while another is eligible. Where no member is eligible there is no choice, and
//! the request is answered 503: sending it to an endpoint known to be down ("panic mode") would trade a quick, honest
//! answer for a slow one, and load on what tries to come back.

pub mod round_robin;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::plugin::policy::{Candidate, PluginFailure, PolicyRuntime};
use crate::policy::view::RequestView;
use crate::upstream::member::Member;
use round_robin::RoundRobin;

/// How one upstream chooses; lives on in the next snapshot where members, weights and policy are the same.
#[derive(Debug)]
pub struct Balancer {
    /// Serves by itself, or where a policy declines or fails. Shared with the next snapshot where members and weights
    /// are the same but the policy is another.
    pub round_robin: Arc<RoundRobin>,
    /// A balancer policy, asked first.
    pub policy: Option<Arc<PolicyRuntime>>,
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
}

/// Who chose a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickedBy {
    /// The upstream's balancer policy.
    Policy,
    /// Round robin: there is no policy, or it left the choice to the gateway.
    RoundRobin,
    /// Round robin, because the policy failed or picked what is not there.
    Fallback,
}

/// Candidates on the stack for the usual upstream of up to 16 endpoints.
type Candidates = SmallVec<[Candidate; 16]>;

impl Balancer {
    /// The member to ask, or `None` where none may be.
    ///
    /// `tried` are the endpoints earlier tries of this request went to: they are passed over while another is eligible,
    /// and asked again where none is.
    pub fn pick<'m>(
        &self,
        request: &dyn RequestView,
        members: &'m Arc<[Member]>,
        tried: &[SocketAddr],
    ) -> Option<Picked<'m>> {
        match &self.policy {
            None => self.rotate(members, tried, PickedBy::RoundRobin),
            Some(policy) => self.ask(members, tried, |candidates| {
                policy.pick(request, members, candidates).inspect_err(|failure| {
                    tracing::debug!(policy = %policy.name, %failure, "balancer policy failed, round robin picks");
                })
            }),
        }
    }

    /// Lets a policy choose among the candidates, and round robin where it does not.
    fn ask<'m>(
        &self,
        members: &'m [Member],
        tried: &[SocketAddr],
        policy: impl FnOnce(&[Candidate]) -> Result<Option<usize>, PluginFailure>,
    ) -> Option<Picked<'m>> {
        let candidates = candidates(members, tried);
        if candidates.is_empty() {
            return None;
        }
        let by = match policy(&candidates) {
            Ok(Some(choice)) => match candidates.get(choice).and_then(|candidate| chosen(members, *candidate)) {
                Some(picked) => return Some(picked),
                None => PickedBy::Fallback,
            },
            Ok(None) => PickedBy::RoundRobin,
            Err(_) => PickedBy::Fallback,
        };
        self.rotate(members, tried, by)
    }

    fn rotate<'m>(&self, members: &'m [Member], tried: &[SocketAddr], by: PickedBy) -> Option<Picked<'m>> {
        let untried = |member: &Member| member.is_eligible() && !tried.contains(&member.endpoint.address);
        let mut index = self.round_robin.next(members, untried);
        if index.is_none() && !tried.is_empty() {
            index = self.round_robin.next(members, Member::is_eligible);
        }
        let index = index?;
        members.get(index).map(|member| Picked { member, index, by })
    }
}

/// Eligible members not tried yet, or all eligible ones where there is no other.
fn candidates(members: &[Member], tried: &[SocketAddr]) -> Candidates {
    let among = |tried: &[SocketAddr]| -> Candidates {
        let eligible = members.iter().zip(0..).filter(|(member, _)| member.is_eligible());
        let left = eligible.filter(|(member, _)| !tried.contains(&member.endpoint.address));
        left.map(|(member, index)| candidate(member, index)).collect()
    };
    let untried = among(tried);
    if untried.is_empty() && !tried.is_empty() { among(&[]) } else { untried }
}

fn candidate(member: &Member, index: u32) -> Candidate {
    Candidate { member: index, in_flight: member.endpoint.in_flight(), latency_us: member.endpoint.latency_us() }
}

fn chosen(members: &[Member], candidate: Candidate) -> Option<Picked<'_>> {
    let index = usize::try_from(candidate.member).ok()?;
    members.get(index).map(|member| Picked { member, index, by: PickedBy::Policy })
}

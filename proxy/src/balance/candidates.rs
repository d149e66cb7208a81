//! What a balancer policy is asked, and what becomes of its answer.

use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use super::PickedBy;
use super::choices::Choices;
use super::round_robin::RoundRobin;
use crate::plugin::policy::{Candidate, PluginFailure};
use crate::upstream::member::Member;

/// Candidates on the stack for the usual upstream of up to 16 endpoints.
type Candidates = SmallVec<[Candidate; 16]>;

/// Lets a policy choose among the candidates, and round robin where it does not; `None` where there is no candidate.
pub(super) fn ask(
    choices: &Choices<'_>,
    round_robin: &Arc<RoundRobin>,
    policy: impl FnOnce(&[Candidate]) -> Result<Option<usize>, PluginFailure>,
) -> Option<(usize, PickedBy)> {
    let candidates = candidates(choices);
    if candidates.is_empty() {
        return None;
    }
    let by = match policy(&candidates) {
        Ok(Some(choice)) => match candidates.get(choice) {
            Some(candidate) => return Some((candidate.member as usize, PickedBy::Policy)),
            None => PickedBy::Fallback,
        },
        Ok(None) => PickedBy::Gateway,
        Err(_) => PickedBy::Fallback,
    };
    let index = round_robin.choose(choices)?;
    Some((index, by))
}

fn candidates(choices: &Choices<'_>) -> Candidates {
    let now = Instant::now();
    let admitted = choices.members.iter().zip(0..).filter(|(member, _)| choices.admits(member));
    admitted.map(|(member, index)| candidate(member, index, now)).collect()
}

fn candidate(member: &Member, index: u32, now: Instant) -> Candidate {
    let endpoint = &member.endpoint;
    Candidate { member: index, in_flight: endpoint.in_flight(), latency_us: endpoint.latency_us_at(now) }
}

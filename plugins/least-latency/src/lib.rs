//! Chooses the endpoint that should answer soonest.
//!
//! The cost of an endpoint is the time the requests before this one are likely to take there: `(in-flight + 1)` times its
//! average latency, divided by its weight. The smallest cost wins.

use tidegate_plugin_sdk::{Balancer, Candidate, Candidates, Endpoint, NoConfig, Policy, Problem, Request, export};

/// Picks between two tries of an endpoint that has not answered yet. One that refuses connections never has a latency,
/// and would draw every request if it were always tried first.
const PICKS_BETWEEN_TRIES: u64 = 16;

/// The policy: what it was told of the endpoints, and how often it has picked.
#[derive(Debug, Default)]
pub struct LeastLatency {
    members: Vec<Member>,
    /// All have the same weight.
    same_weight: bool,
    picks: u64,
}

#[derive(Debug)]
struct Member {
    /// One divided by its weight.
    per_weight: f64,
    /// The pick from which on it may be tried again while its latency is unknown.
    next_try: u64,
}

impl Policy for LeastLatency {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self::default())
    }
}

impl Balancer for LeastLatency {
    fn update(&mut self, endpoints: Vec<Endpoint>) {
        let member =
            |endpoint: Endpoint| Member { per_weight: 1.0 / f64::from(endpoint.weight.max(1)), next_try: self.picks };
        self.same_weight = endpoints.windows(2).all(|pair| matches!(pair, [one, other] if one.weight == other.weight));
        self.members = endpoints.into_iter().map(member).collect();
    }

    fn pick(&mut self, _: &Request, candidates: &Candidates) -> Option<usize> {
        self.picks += 1;
        // Once all have answered, which is nearly always, nobody has to be got to know.
        let some_unknown = candidates.latency_us.contains(&0);
        let first_try = if some_unknown { self.unknown(candidates) } else { None };
        first_try.or_else(|| match self.same_weight {
            // What a weight divides all by decides nothing, and whole numbers are compared sooner.
            true => self.cheapest(candidates, some_unknown, time),
            false => self.cheapest(candidates, some_unknown, |candidate| self.cost(candidate)),
        })
    }
}

impl LeastLatency {
    /// An endpoint to get to know: idle, without a latency, and not tried of late.
    fn unknown(&mut self, candidates: &Candidates) -> Option<usize> {
        let due = |candidate: Candidate| {
            let idle = candidate.latency_us == 0 && candidate.in_flight == 0;
            idle && self.member(&candidate).is_some_and(|member| member.next_try <= self.picks)
        };
        let index = candidates.iter().position(due)?;
        let next_try = self.picks + PICKS_BETWEEN_TRIES;
        let endpoint = usize::try_from(candidates.get(index)?.endpoint).ok()?;
        self.members.get_mut(endpoint)?.next_try = next_try;
        Some(index)
    }

    /// The smallest cost; among equals the first from a place that moves on with every pick.
    ///
    /// An endpoint that has not answered takes part only where none has: it had its try.
    fn cheapest<C: PartialOrd + Copy>(
        &self,
        candidates: &Candidates,
        some_unknown: bool,
        cost: impl Fn(Candidate) -> C,
    ) -> Option<usize> {
        let none_known = some_unknown && candidates.latency_us.iter().all(|latency| *latency == 0);
        let start = usize::try_from(self.picks % u64::try_from(candidates.len()).ok()?.max(1)).ok()?;
        let mut best: Option<(C, usize)> = None;
        for (index, candidate) in candidates.iter().enumerate() {
            if candidate.latency_us == 0 && !none_known {
                continue;
            }
            let cost = cost(candidate);
            // Of equal ones the first from `start` on, or else the first of all.
            let is_better =
                best.is_none_or(|(least, at)| cost < least || cost == least && at < start && start <= index);
            if is_better {
                best = Some((cost, index));
            }
        }
        best.map(|(_, index)| index)
    }

    /// The time of all requests there, by the endpoint's share.
    #[expect(clippy::cast_precision_loss, reason = "of two that differ by less than a millionth either will do")]
    fn cost(&self, candidate: Candidate) -> f64 {
        time(candidate) as f64 * self.member(&candidate).map_or(1.0, |member| member.per_weight)
    }

    fn member(&self, candidate: &Candidate) -> Option<&Member> {
        self.members.get(usize::try_from(candidate.endpoint).ok()?)
    }
}

/// The time of all requests there and of this one, in microseconds.
fn time(candidate: Candidate) -> u64 {
    (u64::from(candidate.in_flight) + 1) * u64::from(candidate.latency_us.max(1))
}

export!(LeastLatency: balancer);

#[cfg(test)]
mod tests;

//! The endpoint with the least to do: one more than its requests under way, divided by its weight.
//!
//! Weights are shares of the work that is under way. While there is little of it the heaviest endpoints do it all, and
//! one of small weight joins in when the others have as much to do for theirs.

use super::choices::{Choices, by_tier};
use crate::upstream::member::Member;

/// Up to so many are compared all; of more, [`DRAWN`] by chance.
const COMPARED: usize = 32;

/// With so many drawn the least of them is among the least loaded ninth of all in two cases of three.
const DRAWN: usize = 8;

/// The least of a tier.
#[derive(Debug)]
pub struct LeastRequest {
    tiers: Box<[Box<[u32]>]>,
}

impl LeastRequest {
    /// Chooses among these members.
    #[must_use]
    pub fn new(members: &[Member]) -> Self {
        Self { tiers: by_tier(members).into_iter().map(Into::into).collect() }
    }

    /// Index of the least loaded that may be picked; by chance where several are.
    #[must_use]
    pub fn next(&self, choices: &Choices<'_>) -> Option<usize> {
        let tier = self.tiers.get(usize::from(choices.tier))?;
        let mut chance = fastrand::Rng::new();
        if tier.len() <= COMPARED {
            return least(tier.iter().copied(), choices, &mut chance);
        }
        let drawn: [Option<u32>; DRAWN] = std::array::from_fn(|_| tier.get(chance.usize(..tier.len())).copied());
        least(drawn.into_iter().flatten(), choices, &mut chance)
            .or_else(|| choices.first_from(chance.usize(..tier.len()), tier))
    }
}

fn least(indices: impl Iterator<Item = u32>, choices: &Choices<'_>, chance: &mut fastrand::Rng) -> Option<usize> {
    let mut best: Option<(u32, Load)> = None;
    let mut equals = 1;
    for index in indices {
        let Some(load) = choices.at(index).map(Load::of) else { continue };
        match best.map(|(_, least)| load.cmp(least)) {
            None | Some(std::cmp::Ordering::Less) => (best, equals) = (Some((index, load)), 1),
            Some(std::cmp::Ordering::Equal) => {
                // Each of the equals seen so far is left with the same chance.
                equals += 1;
                if chance.u32(..equals) == 0 {
                    best = Some((index, load));
                }
            }
            Some(std::cmp::Ordering::Greater) => {}
        }
    }
    best.map(|(index, _)| index as usize)
}

/// One more than what is under way, over the weight: a fraction.
#[derive(Clone, Copy)]
struct Load {
    requests: u64,
    weight: u64,
}

impl Load {
    fn of(member: &Member) -> Self {
        Self { requests: u64::from(member.endpoint.in_flight()) + 1, weight: u64::from(member.weight) }
    }

    fn cmp(self, other: Self) -> std::cmp::Ordering {
        (self.requests * other.weight).cmp(&(other.requests * self.weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tests::members;

    fn pick(members: &[Member], tried: &[crate::config::model::EndpointAddress]) -> Option<usize> {
        LeastRequest::new(members).next(&Choices { members, tried, tier: 0 })
    }

    #[test]
    fn the_one_with_the_least_under_way_is_picked() {
        let members = members(&[1, 1, 1]);
        let _busy = [0, 0, 1, 2, 2].map(|index: usize| members[index].endpoint.enter());
        assert_eq!(pick(&members, &[]), Some(1));
        assert_ne!(pick(&members, &[members[1].endpoint.address.clone()]), Some(1), "tried before");
    }

    #[test]
    fn a_weight_of_three_carries_three_times_as_much() {
        let members = members(&[3, 1]);
        let mut under_way = Vec::new();
        for _ in 0..400 {
            under_way.push(members[pick(&members, &[]).unwrap()].endpoint.enter());
        }
        assert_eq!([0, 1].map(|index: usize| members[index].endpoint.in_flight()), [300, 100]);
    }

    #[test]
    fn equals_are_picked_by_chance_whoever_else_is_away() {
        let members = members(&[1, 1, 1, 1]);
        members[0].endpoint.mark(false, "down");
        let mut counts = [0; 4];
        (0..3000).for_each(|_| counts[pick(&members, &[]).unwrap()] += 1);
        assert!(counts[0] == 0 && counts[1..].iter().all(|count| (880..1120).contains(count)), "{counts:?}");
    }

    #[test]
    fn of_many_the_only_one_that_is_left_is_found() {
        let members = members(&[1; 500]);
        members.iter().skip(1).for_each(|member| _ = member.endpoint.mark(false, "down"));
        assert_eq!(pick(&members, &[]), Some(0));
        members[0].endpoint.mark(false, "down");
        assert_eq!(pick(&members, &[]), None);
    }

    #[test]
    fn of_many_an_idle_one_is_preferred() {
        let members = members(&[1; 100]);
        let _busy: Vec<_> = members[..50].iter().map(|member| member.endpoint.enter()).collect();
        let busy = (0..2000).filter(|_| pick(&members, &[]).unwrap() < 50).count();
        assert!(busy < 40, "{busy} of 2000: one in 256 draws shows none that is idle");
    }
}

//! The better of two drawn by chance, as often as their weights say: nearly as even as asking all, at the cost of two
//! looks, and without the stampede to the one that looks best to every worker at once.

use std::time::Instant;

use super::choices::{Choices, by_tier};
use super::weighted_draw::WeightedDraw;
use crate::upstream::member::Member;

/// So often another is drawn in the place of one that may not be picked.
const DRAWS: usize = 16;

/// By how much one must be the better: less is chance, which should not override weights.
const NOISE: f64 = 1.0 / 16.0;

/// Which of two is the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Fewer requests under way for its weight.
    InFlight,
    /// The requests under way are likely to be done sooner: peak-sensitive latency times one more than those under way,
    /// for its weight. As long as one of the two has not answered yet, the fewer under way.
    PeakEwma,
}

/// The better of two.
#[derive(Debug)]
pub struct TwoChoices {
    measure: Measure,
    tiers: Box<[Tier]>,
}

#[derive(Debug)]
struct Tier {
    indices: Box<[u32]>,
    draw: WeightedDraw,
    mean_weight: f64,
}

impl TwoChoices {
    /// Chooses among these members.
    #[must_use]
    pub fn new(measure: Measure, members: &[Member]) -> Self {
        Self { measure, tiers: by_tier(members).into_iter().map(|indices| Tier::new(members, indices)).collect() }
    }

    /// Index of a member that may be picked.
    #[must_use]
    pub fn next(&self, choices: &Choices<'_>) -> Option<usize> {
        let tier = self.tiers.get(usize::from(choices.tier))?;
        let mut chance = fastrand::Rng::new();
        let Some((first, one)) = tier.admitted(choices, &mut chance, None) else {
            return choices.first_from(chance.usize(..=tier.indices.len()), &tier.indices);
        };
        let better = match tier.admitted(choices, &mut chance, Some(first)) {
            Some((second, other)) if self.prefers(tier, other, one) => second,
            _ => first,
        };
        Some(better as usize)
    }

    /// Whether `other` is strictly the better: among equals the first drawn wins, so that shares are those of the draw.
    fn prefers(&self, tier: &Tier, other: &Member, one: &Member) -> bool {
        match self.measure {
            Measure::InFlight => carries_less(other, one),
            Measure::PeakEwma => {
                let now = Instant::now();
                match (other.endpoint.peak_us_at(now), one.endpoint.peak_us_at(now)) {
                    (0, _) | (_, 0) => carries_less(other, one),
                    (others, ones) => tier.cost(other, others) * (1.0 + NOISE) < tier.cost(one, ones),
                }
            }
        }
    }
}

impl Tier {
    fn new(members: &[Member], indices: Vec<u32>) -> Self {
        let weights = indices.iter().filter_map(|index| members.get(*index as usize)).map(|m| f64::from(m.weight));
        let mean_weight = weights.sum::<f64>() / indices.len().max(1) as f64;
        Self { draw: WeightedDraw::new(members, &indices), mean_weight, indices: indices.into() }
    }

    /// A member by chance that may be picked and is not the one at `but`.
    fn admitted<'m>(
        &self,
        choices: &Choices<'m>,
        chance: &mut fastrand::Rng,
        but: Option<u32>,
    ) -> Option<(u32, &'m Member)> {
        (0..DRAWS).find_map(|_| {
            let index = self.draw.draw(chance).filter(|index| Some(*index) != but)?;
            choices.at(index).map(|member| (index, member))
        })
    }

    /// The time until a further request is done. The draw has given a weight its due while nothing is under way.
    fn cost(&self, member: &Member, latency_us: u32) -> f64 {
        let under_way = f64::from(member.endpoint.in_flight()) * self.mean_weight / f64::from(member.weight.max(1));
        f64::from(latency_us) * (under_way + 1.0)
    }
}

/// Fewer under way for its weight.
fn carries_less(one: &Member, other: &Member) -> bool {
    let load = |member: &Member, by: &Member| u64::from(member.endpoint.in_flight()) * u64::from(by.weight);
    load(one, other) < load(other, one)
}

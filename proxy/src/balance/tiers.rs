//! Which tier a request goes to, while members of it are away.
//!
//! As Envoy does it: a tier takes all requests as long as 1 / `HEADROOM` of its weight (71 %) is eligible. Below that
//! it takes `HEADROOM` times the share that is, and what is left overflows to the next tier, by the same rule. Where
//! all tiers together cannot take all, each takes in proportion to what it could.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::choices::tier_count;
use crate::upstream::member::Member;

/// So many times its share of the requests is an eligible endpoint trusted to bear.
const HEADROOM: f64 = 1.4;

/// After so many picks per member everybody is looked at again; with fewer members than this at each pick.
const MEMBERS_PER_PICK: usize = 16;

/// How much of each tier is eligible.
#[derive(Debug)]
pub struct Tiers {
    tiers: Box<[Tier]>,
    /// Picks until all members are looked at again.
    picks_left: AtomicUsize,
}

#[derive(Debug)]
struct Tier {
    /// Of all members that take requests at all.
    weight: u64,
    /// Of those that were eligible when they were last looked at.
    eligible: AtomicU64,
}

impl Tiers {
    /// The tiers of these members.
    #[must_use]
    pub fn new(members: &[Member]) -> Self {
        let mut weights = vec![0; tier_count(members)];
        for member in members.iter().filter(|member| member.takes_requests()) {
            if let Some(weight) = weights.get_mut(usize::from(member.tier)) {
                *weight += u64::from(member.weight);
            }
        }
        let tiers = weights.into_iter().map(|weight| Tier { weight, eligible: AtomicU64::new(weight) });
        Self { tiers: tiers.collect(), picks_left: AtomicUsize::new(0) }
    }

    /// The tier a request goes to first, by chance where several take some.
    #[must_use]
    pub fn choose(&self, members: &[Member]) -> u8 {
        if self.tiers.len() == 1 {
            return 0;
        }
        self.look(members);
        self.at(fastrand::f64())
    }

    /// All tiers in the order in which they are tried, beginning with this one.
    pub fn from(&self, first: u8) -> impl Iterator<Item = u8> {
        let others = (0..).take(self.tiers.len()).filter(move |tier| *tier != first);
        std::iter::once(first).chain(others)
    }

    /// Weight of the eligible members of a tier.
    #[must_use]
    pub fn eligible_weight(&self, tier: u8, members: &[Member]) -> u64 {
        if self.tiers.len() == 1 {
            self.look(members);
        }
        self.tiers.get(usize::from(tier)).map_or(0, |tier| tier.eligible.load(Ordering::Relaxed))
    }

    /// The tier at this place of all requests laid side by side from 0 to 1.
    fn at(&self, place: f64) -> u8 {
        let shares = self.tiers.iter().map(Tier::can_take);
        let mut left = place * shares.clone().sum::<f64>().min(1.0);
        for (share, tier) in shares.zip(0..) {
            left -= share;
            if left < 0.0 {
                return tier;
            }
        }
        0
    }

    /// Looks at all members again, where that is due: it costs each pick as much as looking at a few of them.
    fn look(&self, members: &[Member]) {
        let left = self.picks_left.load(Ordering::Relaxed);
        if left > 0 {
            // Racing picks may count as one.
            self.picks_left.store(left - 1, Ordering::Relaxed);
            return;
        }
        self.picks_left.store(members.len() / MEMBERS_PER_PICK, Ordering::Relaxed);
        for (tier, rank) in self.tiers.iter().zip(0_u8..) {
            let eligible = members.iter().filter(|member| member.tier == rank && member.is_open());
            tier.eligible.store(eligible.map(|member| u64::from(member.weight)).sum(), Ordering::Relaxed);
        }
    }
}

impl Tier {
    /// The share of all requests it can take, 0 to 1.
    fn can_take(&self) -> f64 {
        if self.weight == 0 {
            return 0.0;
        }
        (HEADROOM * self.eligible.load(Ordering::Relaxed) as f64 / self.weight as f64).min(1.0)
    }
}

/// What an endpoint's tier goes by, the most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Lower ones go first.
    pub priority: u8,
    /// It is not in the preferred zone.
    pub is_far: bool,
    /// It is not among those of a large set that this gateway asks.
    pub is_outside: bool,
}

/// The rank of each place among all, from 0.
#[must_use]
pub fn ranks(places: &[Place]) -> Vec<u8> {
    let mut all = places.to_vec();
    all.sort_unstable();
    all.dedup();
    let rank = |place| all.binary_search(place).ok().and_then(|rank| u8::try_from(rank).ok());
    places.iter().map(|place| rank(place).unwrap_or(u8::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tests::members;

    /// Ten members of tier 0 and ten of tier 1, with so many of each away.
    fn tiered(away: [usize; 2]) -> (Vec<Member>, Tiers) {
        let mut members = members(&[1; 20]);
        for (index, member) in members.iter_mut().enumerate() {
            member.tier = u8::from(index >= 10);
            member.endpoint.mark(index % 10 >= away[usize::from(member.tier)], "away");
        }
        let tiers = Tiers::new(&members);
        tiers.look(&members);
        (members, tiers)
    }

    /// The share of all requests that goes to tier 0.
    fn first_share(away: [usize; 2]) -> f64 {
        let (_, tiers) = tiered(away);
        (0..1000).filter(|place| tiers.at(f64::from(*place) / 1000.0) == 0).count() as f64 / 1000.0
    }

    #[test]
    fn the_first_tier_takes_all_while_seven_in_ten_are_eligible_and_then_overflows() {
        for (away, share) in [(0, 1.0), (2, 1.0), (3, 0.98), (5, 0.7), (9, 0.14), (10, 0.0)] {
            assert!((first_share([away, 0]) - share).abs() < 0.002, "{away} away: {}", first_share([away, 0]));
        }
    }

    #[test]
    fn where_all_together_cannot_take_all_they_share_what_there_is() {
        assert!((first_share([8, 8]) - 0.5).abs() < 0.002);
        assert!((first_share([8, 9]) - 2.0 / 3.0).abs() < 0.002);
    }

    #[test]
    fn all_other_tiers_follow_in_order() {
        let (_, tiers) = tiered([0, 0]);
        assert_eq!(tiers.from(1).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(tiers.from(0).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn who_is_away_is_seen_at_the_next_pick_of_a_small_set_and_soon_in_a_large_one() {
        let (small, tiers) = tiered([0, 0]);
        assert_eq!(tiers.choose(&small), 0);
        small[..10].iter().for_each(|member| _ = member.endpoint.mark(false, "down"));
        assert!((0..=20 / MEMBERS_PER_PICK).any(|_| tiers.choose(&small) == 1));
        let large = members(&[1; 1600]);
        let tiers = Tiers::new(&large);
        assert_eq!(tiers.eligible_weight(0, &large), 1600);
        large[0].endpoint.mark(false, "down");
        let looks = (0..).position(|_| tiers.eligible_weight(0, &large) == 1599).unwrap();
        assert_eq!(looks, 1600 / MEMBERS_PER_PICK);
    }

    #[test]
    fn a_draining_member_is_not_missed() {
        let mut members = members(&[1; 4]);
        members[3].tier = 1;
        members[0].draining = true;
        members[1].draining = true;
        let tiers = Tiers::new(&members);
        assert!((0..100).all(|_| tiers.choose(&members) == 0));
    }

    #[test]
    fn ranks_are_dense_by_priority_and_then_by_nearness() {
        let place = |priority, is_far, is_outside| Place { priority, is_far, is_outside };
        assert_eq!(ranks(&[place(0, false, false); 2]), [0, 0]);
        assert_eq!(ranks(&[place(7, false, false), place(2, false, false)]), [1, 0]);
        let zoned = [place(0, true, false), place(0, false, false), place(1, true, false), place(1, false, false)];
        assert_eq!(ranks(&zoned), [1, 0, 3, 2]);
        assert_eq!(ranks(&[place(0, true, false)]), [0], "nothing is near, so all are the same");
        assert_eq!(ranks(&[place(0, false, true), place(0, true, false), place(0, false, false)]), [1, 2, 0]);
    }
}

//! Smooth weighted round robin, as nginx does it: equal weights give 1-2-3-1-2-3, 5-1-1 gives a-a-b-a-c-a-a.
//!
//! Each pick credits every member that takes part with its weight and charges the one picked with the sum of all. The
//! credits of those who took part add up to what they did before, so a member that sits out neither earns nor owes
//! while it is away: when it comes back it is owed less than one turn, and there is no burst to catch up on.

use parking_lot::Mutex;

use crate::upstream::member::Member;

/// The running state of one rotation over a fixed list of members.
#[derive(Debug)]
pub struct RoundRobin {
    /// One per member, in their order. The lock is held for a few additions, never over a call out.
    credits: Mutex<Box<[i64]>>,
}

impl RoundRobin {
    /// A rotation over so many members, starting at the first of the heaviest.
    #[must_use]
    pub fn new(members: usize) -> Self {
        Self { credits: Mutex::new(vec![0; members].into()) }
    }

    /// Index of the next among those that `takes_part` names; the first in order where several are owed the same.
    pub fn next(&self, members: &[Member], takes_part: impl Fn(&Member) -> bool) -> Option<usize> {
        let mut credits = self.credits.lock();
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, (credit, member)) in credits.iter_mut().zip(members).enumerate() {
            if !takes_part(member) {
                continue;
            }
            total += i64::from(member.weight);
            *credit += i64::from(member.weight);
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((index, *credit));
            }
        }
        let (index, _) = best?;
        if let Some(credit) = credits.get_mut(index) {
            *credit -= total;
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tests::members;

    fn picks(rotation: &RoundRobin, members: &[Member], count: usize) -> Vec<usize> {
        (0..count).map(|_| rotation.next(members, Member::is_eligible).unwrap()).collect()
    }

    fn counts(picks: &[usize], members: usize) -> Vec<usize> {
        (0..members).map(|member| picks.iter().filter(|pick| **pick == member).count()).collect()
    }

    #[test]
    fn three_equal_members_take_strict_turns() {
        let members = members(&[100, 100, 100]);
        let picks = picks(&RoundRobin::new(3), &members, 999);
        assert!(picks.iter().enumerate().all(|(turn, pick)| *pick == turn % 3));
        assert_eq!(counts(&picks, 3), [333, 333, 333]);
    }

    #[test]
    fn weights_5_1_1_give_the_order_of_nginx() {
        let members = members(&[5, 1, 1]);
        assert_eq!(picks(&RoundRobin::new(3), &members, 14), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn weights_are_kept_exactly_over_each_round() {
        let members = members(&[5, 3, 2]);
        let picks = picks(&RoundRobin::new(3), &members, 1000);
        assert_eq!(counts(&picks, 3), [500, 300, 200]);
        assert!(picks.chunks(10).all(|round| counts(round, 3) == [5, 3, 2]));
    }

    #[test]
    fn an_unhealthy_member_is_passed_over_and_the_others_share() {
        let members = members(&[100, 100, 100]);
        members[1].endpoint.mark(false, "gone");
        let picks = picks(&RoundRobin::new(3), &members, 10);
        assert_eq!(picks, [0, 2, 0, 2, 0, 2, 0, 2, 0, 2]);
    }

    #[test]
    fn a_member_that_comes_back_gets_no_burst() {
        for away_at in 0..3 {
            for away_for in [1, 2, 100] {
                let members = members(&[1, 1, 1]);
                let rotation = RoundRobin::new(3);
                picks(&rotation, &members, away_at);
                members[1].endpoint.mark(false, "gone");
                assert!(!picks(&rotation, &members, away_for).contains(&1));
                members[1].endpoint.mark(true, "back");
                let after = picks(&rotation, &members, 9);
                assert!(after.windows(2).all(|pair| pair != [1, 1]), "{after:?}");
                assert!((2..=4).contains(&counts(&after, 3)[1]), "{after:?}");
            }
        }
    }

    #[test]
    fn a_flapping_member_does_not_shift_the_shares_of_the_others() {
        let members = members(&[1, 1, 1]);
        let rotation = RoundRobin::new(3);
        let mut all = Vec::new();
        for turn in 0..3000 {
            members[2].endpoint.mark(turn % 7 < 3, "flap");
            all.extend(picks(&rotation, &members, 1));
        }
        let [first, second, third] = counts(&all, 3)[..] else { unreachable!() };
        assert!(first.abs_diff(second) <= 3, "{first} {second} {third}");
        assert!(third < first);
    }

    #[test]
    fn where_nobody_takes_part_nobody_is_picked() {
        assert_eq!(RoundRobin::new(0).next(&[], |_| true), None);
        let members = members(&[1, 1]);
        assert_eq!(RoundRobin::new(2).next(&members, |_| false), None);
    }
}

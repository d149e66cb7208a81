//! Smooth weighted round robin, as nginx does it: equal weights give 1-2-3-1-2-3, 5-1-1 gives a-a-b-a-c-a-a.
//!
//! Each pick credits every member that takes part with its weight and charges the one picked with the sum of all. The
//! credits of those who took part add up to what they did before, so a member that sits out neither earns nor owes
//! while it is away: when it comes back it is owed less than one turn, and there is no burst to catch up on.
//!
//! Where all weights are the same that order is the order of the members, and a place in it is all there is to keep.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::choices::{Choices, tier_count};
use crate::upstream::member::Member;

/// The running state of one rotation over a fixed list of members.
#[derive(Debug)]
pub enum RoundRobin {
    /// All weights are the same: the place after the one picked last.
    Turns(AtomicUsize),
    /// One credit per member, in their order. The lock is held for a few additions, never over a call out.
    Credits(Mutex<Box<[i64]>>),
}

impl RoundRobin {
    /// A rotation over these members, starting at the first of the heaviest.
    ///
    /// Tiers of one upstream share a rotation: the credits of each are a sum of their own. A place in the order would
    /// not do for them, since picks of one would move it for the other.
    #[must_use]
    pub fn new(members: &[Member]) -> Self {
        let mut weights = members.iter().map(|member| member.weight).filter(|weight| *weight > 0);
        let first = weights.next();
        if tier_count(members) == 1 && weights.all(|weight| Some(weight) == first) {
            Self::Turns(AtomicUsize::new(0))
        } else {
            Self::Credits(Mutex::new(vec![0; members.len()].into()))
        }
    }

    /// Index of the next that may be picked.
    ///
    /// Another try takes whoever is next and leaves the order to others: else, of two endpoints, the one that fails would
    /// be the first of every request.
    #[must_use]
    pub fn choose(&self, choices: &Choices<'_>) -> Option<usize> {
        match self {
            Self::Turns(place) if !choices.tried.is_empty() => {
                in_turn(place.load(Ordering::Relaxed), choices.members, |member| choices.admits(member))
            }
            _ => self.next(choices.members, |member| choices.admits(member)),
        }
    }

    /// Index of the next among those that `takes_part` names; the first in order where several are owed the same.
    pub fn next(&self, members: &[Member], takes_part: impl Fn(&Member) -> bool) -> Option<usize> {
        match self {
            Self::Turns(place) => next_turn(place, members, takes_part),
            Self::Credits(credits) => most_owed(&mut credits.lock(), members, takes_part),
        }
    }
}

/// A place that another worker has taken meanwhile is not given twice: the search goes on from where it stands then.
fn next_turn(place: &AtomicUsize, members: &[Member], takes_part: impl Fn(&Member) -> bool) -> Option<usize> {
    let mut from = place.load(Ordering::Relaxed);
    loop {
        let index = in_turn(from, members, &takes_part)?;
        let next = if index + 1 == members.len() { 0 } else { index + 1 };
        match place.compare_exchange_weak(from, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Some(index),
            Err(moved) => from = moved,
        }
    }
}

/// The first from a place on, and round to it again.
fn in_turn(from: usize, members: &[Member], takes_part: impl Fn(&Member) -> bool) -> Option<usize> {
    let (before, after) = members.split_at_checked(from)?;
    let mut in_order = after.iter().zip(from..).chain(before.iter().zip(0..));
    in_order.find(|(member, _)| takes_part(member)).map(|(_, index)| index)
}

fn most_owed(credits: &mut [i64], members: &[Member], takes_part: impl Fn(&Member) -> bool) -> Option<usize> {
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
        let picks = picks(&RoundRobin::new(&members), &members, 999);
        assert!(picks.iter().enumerate().all(|(turn, pick)| *pick == turn % 3));
        assert_eq!(counts(&picks, 3), [333, 333, 333]);
    }

    #[test]
    fn weights_5_1_1_give_the_order_of_nginx() {
        let members = members(&[5, 1, 1]);
        assert_eq!(picks(&RoundRobin::new(&members), &members, 14), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn weights_are_kept_exactly_over_each_round() {
        let members = members(&[5, 3, 2]);
        let picks = picks(&RoundRobin::new(&members), &members, 1000);
        assert_eq!(counts(&picks, 3), [500, 300, 200]);
        assert!(picks.chunks(10).all(|round| counts(round, 3) == [5, 3, 2]));
    }

    #[test]
    fn an_unhealthy_member_is_passed_over_and_the_others_share() {
        let members = members(&[100, 100, 100]);
        members[1].endpoint.mark(false, "gone");
        let picks = picks(&RoundRobin::new(&members), &members, 10);
        assert_eq!(picks, [0, 2, 0, 2, 0, 2, 0, 2, 0, 2]);
    }

    #[test]
    fn a_member_that_comes_back_gets_no_burst() {
        for away_at in 0..3 {
            for away_for in [1, 2, 100] {
                let members = members(&[1, 1, 1]);
                let rotation = RoundRobin::new(&members);
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
        let rotation = RoundRobin::new(&members);
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
        assert_eq!(RoundRobin::new(&[]).next(&[], |_| true), None);
        let members = members(&[1, 1]);
        assert_eq!(RoundRobin::new(&members).next(&members, |_| false), None);
    }

    #[test]
    fn workers_that_pick_at_once_give_every_turn_once() {
        for weights in [[1, 1, 1], [2, 1, 1]] {
            let members = members(&weights);
            let rotation = RoundRobin::new(&members);
            let total: u32 = weights.iter().sum();
            let all: Vec<usize> = std::thread::scope(|scope| {
                let worker = || picks(&rotation, &members, 400 * total as usize / 4);
                let workers = [0; 4].map(|_| scope.spawn(worker));
                workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
            });
            assert_eq!(counts(&all, 3), weights.map(|weight| 400 * weight as usize));
        }
    }
}

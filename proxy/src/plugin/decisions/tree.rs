//! The ways that calls have gone, and the decisions at their ends.

use std::time::Duration;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use smallvec::SmallVec;

use super::question::Question;
use super::{Repeatable, Unfaithful};
use crate::keysets::Proof;

/// Decisions by what was asked on the way there.
pub(super) struct Tree<D> {
    start: Option<Place<D>>,
    forks: Vec<Fork<D>>,
    decisions: usize,
}

/// Where a way leads.
enum Place<D> {
    /// On, by the answer to the question of this fork.
    Fork(usize),
    /// To its end.
    Decision(Kept<D>),
}

/// The questions on the way to a decision, each with what stands for its answer.
pub(super) type Way = SmallVec<[(Question, u128); 2]>;

/// A decision, and what it is true by.
pub(super) struct Kept<D> {
    pub(super) decision: D,
    pub(super) proofs: Box<[Proof]>,
}

impl<D> Kept<D> {
    /// Whether it is true at this moment since 1970. Most are at any, and then nobody looks at a clock.
    pub(super) fn holds(&self, now: impl FnOnce() -> Duration) -> bool {
        if self.proofs.is_empty() {
            return true;
        }
        let now = now();
        self.proofs.iter().all(|proof| proof.holds(now))
    }
}

impl<D: Repeatable> Kept<D> {
    /// The same once more.
    pub(super) fn again(&self) -> Self {
        Self { decision: self.decision.again(), proofs: self.proofs.clone() }
    }
}

/// A question, and where each answer to it leads.
struct Fork<D> {
    question: Question,
    answers: HashTable<(u128, Place<D>)>,
}

impl<D> Default for Tree<D> {
    fn default() -> Self {
        Self { start: None, forks: Vec::new(), decisions: 0 }
    }
}

impl<D: Repeatable> Tree<D> {
    pub(super) fn decisions(&self) -> usize {
        self.decisions
    }

    /// The decision where these answers lead.
    pub(super) fn find(&self, answer: impl Fn(&Question) -> u128) -> Option<&Kept<D>> {
        let mut place = self.start.as_ref()?;
        loop {
            let fork = match place {
                Place::Decision(decision) => return Some(decision),
                Place::Fork(fork) => self.forks.get(*fork)?,
            };
            let answer = answer(&fork.question);
            place = &fork.answers.find(spread(answer), |(known, _)| *known == answer)?.1;
        }
    }

    /// Whether a decision lies where this way ends.
    pub(super) fn has(&self, way: &Way) -> bool {
        let mut from = None;
        for (question, answer) in way {
            match self.place(from) {
                Some(Place::Fork(fork)) if self.forks.get(*fork).is_some_and(|fork| fork.question == *question) => {
                    from = Some((*fork, *answer));
                }
                _ => return false,
            }
        }
        matches!(self.place(from), Some(Place::Decision(_)))
    }

    /// The way that these answers lead, as far as it is known.
    pub(super) fn way(&self, answer: impl Fn(&Question) -> u128) -> Way {
        let (mut way, mut place) = (Way::new(), self.start.as_ref());
        while let Some(Place::Fork(fork)) = place
            && let Some(Fork { question, answers }) = self.forks.get(*fork)
        {
            let answer = answer(question);
            way.push((question.clone(), answer));
            place = answers.find(spread(answer), |(known, _)| *known == answer).map(|(_, place)| place);
        }
        way
    }

    /// Makes the way of these answers lead to a decision, in the place of one that was true until `now`.
    ///
    /// # Errors
    /// It led to another one that is still true, or to one that went by other proofs, or the same answers to another question.
    pub(super) fn keep(&mut self, way: Way, new: Kept<D>, now: impl Fn() -> Duration) -> Result<(), Unfaithful> {
        let mut from = None;
        for (question, answer) in way {
            let fork = self.fork(from, question)?;
            from = Some((fork, answer));
        }
        match self.place(from) {
            Some(Place::Decision(known)) if known.proofs.len() == new.proofs.len() => {
                if known.holds(now) {
                    return if known.decision.is_like(&new.decision) { Ok(()) } else { Err(Unfaithful) };
                }
            }
            Some(_) => return Err(Unfaithful),
            None => self.decisions += 1,
        }
        self.lead(from, Place::Decision(new));
        Ok(())
    }

    /// The fork where this question is asked; it is made where the way ends so far.
    fn fork(&mut self, from: Option<(usize, u128)>, question: Question) -> Result<usize, Unfaithful> {
        match self.place(from) {
            Some(Place::Fork(fork)) if self.forks.get(*fork).is_some_and(|fork| fork.question == question) => Ok(*fork),
            Some(_) => Err(Unfaithful),
            None => {
                let fork = self.forks.len();
                self.forks.push(Fork { question, answers: HashTable::new() });
                self.lead(from, Place::Fork(fork));
                Ok(fork)
            }
        }
    }

    /// Where an answer leads; the start, where nothing was asked yet.
    fn place(&self, from: Option<(usize, u128)>) -> Option<&Place<D>> {
        let Some((fork, answer)) = from else { return self.start.as_ref() };
        let answers = &self.forks.get(fork)?.answers;
        answers.find(spread(answer), |(known, _)| *known == answer).map(|(_, place)| place)
    }

    fn lead(&mut self, from: Option<(usize, u128)>, to: Place<D>) {
        let Some((fork, answer)) = from else {
            self.start = Some(to);
            return;
        };
        let Some(Fork { answers, .. }) = self.forks.get_mut(fork) else { return };
        match answers.entry(spread(answer), |(known, _)| *known == answer, |(known, _)| spread(*known)) {
            Entry::Occupied(mut known) => known.get_mut().1 = to,
            Entry::Vacant(new) => drop(new.insert((answer, to))),
        }
    }
}

/// Answers are hashes already.
fn spread(answer: u128) -> u64 {
    answer as u64
}

//! What a guest asks in the course of one call.

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::question::Question;
use crate::keysets::Proof;

/// Who asks more than that has seldom asked the same before.
const MOST: usize = 8;

/// A field with a longer name is nobody's but an attacker's.
const LONGEST_NAME: usize = 256;

/// What a decision goes by. A call that waits may go on on another stack, which is why there is a lock; nobody
/// else has a hand on it.
#[derive(Debug)]
pub(in crate::plugin) struct Trace(Mutex<Noted>);

/// What a decision goes by, as far as another request may have it in common.
#[derive(Debug)]
pub(super) enum Noted {
    /// All of it.
    Reasons(Reasons),
    /// The guest asked what no two requests have in common.
    OneOfAKind,
    /// The guest was told that a token is refused, which may be otherwise at any time.
    Passing,
}

/// The questions of one call, in order, and the proofs of what its guest was told of tokens.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    pub(super) questions: SmallVec<[Question; 2]>,
    pub(super) proofs: Vec<Proof>,
}

impl Default for Trace {
    fn default() -> Self {
        Self(Mutex::new(Noted::Reasons(Reasons::default())))
    }
}

impl Trace {
    /// The guest asks this.
    pub(in crate::plugin) fn note(&self, question: Question) {
        let mut noted = self.0.lock();
        let Noted::Reasons(Reasons { questions, .. }) = &mut *noted else { return };
        if questions.contains(&question) {
            return;
        }
        if questions.len() == MOST || question.name().is_some_and(|name| name.len() > LONGEST_NAME) {
            *noted = Noted::OneOfAKind;
            return;
        }
        questions.push(question);
    }

    /// What is decided from here on is true for as long as this holds.
    pub(in crate::plugin) fn rely_on(&self, proof: Proof) {
        let mut noted = self.0.lock();
        let Noted::Reasons(Reasons { proofs, .. }) = &mut *noted else { return };
        if proofs.len() == MOST {
            *noted = Noted::OneOfAKind;
            return;
        }
        proofs.push(proof);
    }

    /// The guest asks what no two requests have in common.
    pub(in crate::plugin) fn give_up(&self) {
        *self.0.lock() = Noted::OneOfAKind;
    }

    /// The guest is told that a token is refused.
    pub(in crate::plugin) fn refuse(&self) {
        *self.0.lock() = Noted::Passing;
    }

    pub(super) fn into_noted(self) -> Noted {
        self.0.into_inner()
    }
}

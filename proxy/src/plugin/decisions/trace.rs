//! What a guest asks in the course of one call.

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::question::Question;

/// Who asks more than that has seldom asked the same before.
const MOST: usize = 8;

/// A field with a longer name is nobody's but an attacker's.
const LONGEST_NAME: usize = 256;

/// The questions of one call, in order. A call that waits may go on on another stack, which is why there is a lock; nobody
/// else has a hand on it.
#[derive(Debug)]
pub(in crate::plugin) struct Trace(Mutex<Option<Questions>>);

pub(super) type Questions = SmallVec<[Question; 2]>;

impl Default for Trace {
    fn default() -> Self {
        Self(Mutex::new(Some(Questions::new())))
    }
}

impl Trace {
    /// The guest asks this.
    pub(in crate::plugin) fn note(&self, question: Question) {
        let mut questions = self.0.lock();
        let Some(asked) = &mut *questions else { return };
        if asked.contains(&question) {
            return;
        }
        if asked.len() == MOST || question.name().is_some_and(|name| name.len() > LONGEST_NAME) {
            *questions = None;
            return;
        }
        asked.push(question);
    }

    /// The guest asks what no two requests have in common.
    pub(in crate::plugin) fn give_up(&self) {
        *self.0.lock() = None;
    }

    /// What was asked; `None` where that leads to no decision that another request could have.
    pub(super) fn into_questions(self) -> Option<Questions> {
        self.0.into_inner()
    }
}

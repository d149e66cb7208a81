//! The decision cache: where a decision can depend on nothing but what was read, equal requests are decided once.
//!
//! A guest pulls what it reads, so that the gateway knows what a decision depends on. What a call asked, and what was
//! answered, is a way through a tree: the answers so far say what is asked next, and at the end of a way lies a decision. A
//! request is led along by what it would answer; where its way ends, its decision lies, and the guest is not called.
//!
//! That holds for guests that can neither count, nor look at a clock, nor keep anything with the gateway (`Capability::is_a_lookup`).
//! Signed tokens are believed for a time: what was decided by one lies there with the proof, and is found as long as that holds.
//! What is left to them is their own memory, which the contract forbids to matter. Whether they heed that is looked
//! at: a found decision is now and then asked for again, and who answers otherwise is believed no more.
//!
//! Each worker has trees of its own, so that nothing here is shared or locked. They go with their snapshot, and with them
//! what its consumers were.

pub(super) mod question;
#[cfg(test)]
mod tests;
pub(super) mod trace;
mod tree;

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use siphasher::sip128::SipHasher13;
use thread_local::ThreadLocal;

use question::{Messages, Question};
use trace::{Noted, Reasons, Trace};
use tree::{Kept, Tree, Way};

/// Of the decisions that are found the first is asked for again, then one after twice as many each time, up to one in so many:
/// who keeps count is found out before it matters.
const SELDOM: u32 = 1024;
/// Calls after which it is looked at whether remembering pays.
const WINDOW: u32 = 256;
/// It does where one in so many was found.
const WORTH_IT: u32 = 8;
/// For so many windows it is left alone where it does not.
const PAUSE: u32 = 16;
/// Bytes of a decision that is remembered: who asks for ever other paths must not fill the memory with what they are answered.
const LARGEST: usize = 4 << 10;

/// A decision that can be given to another request.
pub(super) trait Repeatable: Sized {
    /// The same decision once more; it holds no places.
    fn again(&self) -> Self;

    /// About how many bytes it takes.
    fn size(&self) -> usize;

    /// Whether both come to the same.
    fn is_like(&self, other: &Self) -> bool;

    /// Whether the message goes no further: whoever sends what is refused may send ever other ones.
    fn refuses(&self) -> bool;
}

/// The decisions of one policy in one of its roles.
pub(super) struct Decisions<D: Send> {
    books: ThreadLocal<RefCell<Book<D>>>,
    /// Of each worker, and as many again that are older.
    most: usize,
    /// Keys of the hash that stands for an answer: no credential is kept, and nobody can aim at another's decision.
    secret: (u64, u64),
    is_unfaithful: AtomicBool,
}

/// What one worker remembers.
struct Book<D> {
    /// Decisions that were made or found lately.
    young: Tree<D>,
    /// Those before them: what is not found again before there are `most` young ones goes. So nobody can drive out by ever other
    /// requests what others keep asking for.
    old: Tree<D>,
    /// In each of the two.
    most: usize,
    asked: u32,
    found: u32,
    /// Calls for which nothing is looked up or learnt.
    pause: u32,
    /// Found decisions until one is asked for again, and how many there were until the last time.
    until_asked_again: u32,
    between: u32,
}

/// What is known of a request.
pub(super) enum Found<D> {
    /// It was decided before.
    Decision(D),
    /// The guest is to be asked, and what it asks is to be learnt where there is a trace.
    Nothing(Option<Trace>),
    /// The guest is to be asked, from now on each time: what it decided lately contradicts what it decided before.
    Contradiction,
}

/// A guest decided differently on what it was told the same of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfaithful;

impl<D: Repeatable + Send> Decisions<D> {
    /// Remembers at most `most` decisions for each worker.
    pub(super) fn new(most: usize) -> Self {
        Self {
            books: ThreadLocal::new(),
            most,
            secret: (RandomState::new().hash_one(0), RandomState::new().hash_one(1)),
            is_unfaithful: AtomicBool::new(false),
        }
    }

    /// Whether its guest was never seen to decide differently on the same.
    pub(super) fn is_believed(&self) -> bool {
        !self.is_unfaithful.load(Ordering::Relaxed)
    }

    /// Looks for the decision on a request at this moment since 1970.
    pub(super) fn find(&self, messages: Messages<'_>, now: impl Fn() -> Duration) -> Found<D> {
        if !self.is_believed() {
            return Found::Nothing(None);
        }
        // A message that asks this policy while it is read is nobody's but a test's.
        let Ok(mut book) = self.book().try_borrow_mut() else { return Found::Nothing(None) };
        if book.pauses() {
            return Found::Nothing(None);
        }
        match book.find(|question| question.answer(messages, self.hasher()), now) {
            Ok(Some(decision)) => Found::Decision(decision),
            Ok(None) => Found::Nothing(Some(Trace::default())),
            Err(Unfaithful) if self.disbelieve(&mut book) => Found::Contradiction,
            Err(Unfaithful) => Found::Nothing(None),
        }
    }

    /// Keeps what was decided on a request that nothing was found for.
    ///
    /// # Errors
    /// The guest decided differently before. It is believed no more.
    pub(super) fn keep(
        &self,
        trace: Trace,
        messages: Messages<'_>,
        decision: &D,
        now: impl Fn() -> Duration,
    ) -> Result<(), Unfaithful> {
        let Ok(mut book) = self.book().try_borrow_mut() else { return Ok(()) };
        let Reasons { questions, proofs } = match trace.into_noted() {
            Noted::Reasons(reasons) if decision.size() <= LARGEST => reasons,
            Noted::Reasons(_) | Noted::OneOfAKind => return Ok(()),
            Noted::Passing => {
                book.leave_out();
                return Ok(());
            }
        };
        if decision.refuses() {
            book.leave_out();
        }
        let answered = |question: Question| {
            let answer = question.answer(messages, self.hasher());
            (question, answer)
        };
        let new = Kept { decision: decision.again(), proofs: proofs.into() };
        match book.keep(questions.into_iter().map(answered).collect(), new, now) {
            Err(Unfaithful) if self.disbelieve(&mut book) => Err(Unfaithful),
            _ => Ok(()),
        }
    }

    /// Its guest was seen to decide differently on the same; whether nobody had seen that before.
    fn disbelieve(&self, book: &mut Book<D>) -> bool {
        (book.young, book.old) = Default::default();
        !self.is_unfaithful.swap(true, Ordering::Relaxed)
    }

    fn book(&self) -> &RefCell<Book<D>> {
        self.books.get_or(|| RefCell::new(Book::new(self.most)))
    }

    fn hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.secret.0, self.secret.1)
    }
}

impl<D: Repeatable> Book<D> {
    fn new(most: usize) -> Self {
        Self {
            young: Tree::default(),
            old: Tree::default(),
            most,
            asked: 0,
            found: 0,
            pause: 0,
            until_asked_again: 0,
            between: 1,
        }
    }

    fn find(
        &mut self,
        answer: impl Fn(&Question) -> u128,
        now: impl Fn() -> Duration,
    ) -> Result<Option<D>, Unfaithful> {
        let decision = match self.young.find(&answer) {
            Some(kept) => kept.holds(now).then(|| kept.decision.again()),
            None => self.find_old(answer, now)?,
        };
        self.asked += 1;
        self.found += u32::from(decision.is_some());
        if self.asked >= WINDOW {
            self.pause = if self.found < WINDOW / WORTH_IT { WINDOW * PAUSE } else { 0 };
            (self.asked, self.found) = (0, 0);
        }
        Ok(decision.filter(|_| !self.is_to_be_asked_again()))
    }

    /// Looks among the old decisions; what is found there is young again.
    fn find_old(
        &mut self,
        answer: impl Fn(&Question) -> u128,
        now: impl Fn() -> Duration,
    ) -> Result<Option<D>, Unfaithful> {
        let Some(kept) = self.old.find(&answer).filter(|kept| kept.holds(&now)) else { return Ok(None) };
        let (decision, renewed) = (kept.decision.again(), kept.again());
        self.keep(self.old.way(answer), renewed, now)?;
        Ok(Some(decision))
    }

    fn keep(&mut self, way: Way, new: Kept<D>, now: impl Fn() -> Duration) -> Result<(), Unfaithful> {
        if self.young.decisions() >= self.most && !self.young.has(&way) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.keep(way, new, now)
    }

    /// Does not count a request for which nothing was found, and that is refused: whoever sends wrong keys and tokens must not make
    /// others be called for.
    fn leave_out(&mut self) {
        self.asked = self.asked.saturating_sub(1);
    }

    fn is_to_be_asked_again(&mut self) -> bool {
        let Some(left) = self.until_asked_again.checked_sub(1) else {
            self.until_asked_again = self.between;
            self.between = (self.between * 2).min(SELDOM);
            return true;
        };
        self.until_asked_again = left;
        false
    }

    fn pauses(&mut self) -> bool {
        let is_over = self.pause == 0;
        self.pause = self.pause.saturating_sub(1);
        !is_over
    }
}

//! Who may run on a worker: of all the slow guests on one thread, one at a time, and after an epoch of their work the thread
//! serves everybody else before the next.
//!
//! So a request waits for one turn, however many runaways there are; they wait for each other, first come, first served.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::epochs::Ticks;

/// The turnstiles of all threads that ever called a slow guest.
#[derive(Clone, Debug)]
pub(super) struct Turnstiles {
    ticks: Ticks,
    by_thread: Arc<Mutex<HashMap<ThreadId, Arc<Turnstile>>>>,
}

impl Turnstiles {
    /// None yet, for guests whose epochs are these.
    pub(super) fn new(ticks: Ticks) -> Self {
        Self { ticks, by_thread: Arc::default() }
    }

    /// That of this thread.
    pub(super) fn here(&self) -> Arc<Turnstile> {
        let mut by_thread = self.by_thread.lock();
        let turnstile = by_thread.entry(std::thread::current().id());
        Arc::clone(turnstile.or_insert_with(|| Arc::new(Turnstile::new(self.ticks.clone()))))
    }
}

/// Lets the slow guests of one thread pass.
#[derive(Debug)]
pub(super) struct Turnstile {
    ticks: Ticks,
    passages: Arc<Semaphore>,
    /// An epoch has ended since others were served.
    is_others_turn: AtomicBool,
}

/// Leave to run a guest; given back when dropped.
#[derive(Debug)]
pub(super) struct Passage(#[expect(dead_code, reason = "what counts is when it is dropped")] OwnedSemaphorePermit);

impl Turnstile {
    fn new(ticks: Ticks) -> Self {
        Self { ticks, passages: Arc::new(Semaphore::new(1)), is_others_turn: AtomicBool::new(false) }
    }

    /// Waits until it is this guest's turn. `None` never happens: nobody closes it.
    pub(super) async fn pass(&self) -> Option<Passage> {
        let permit = Arc::clone(&self.passages).acquire_owned().await.ok()?;
        if self.is_others_turn.load(Ordering::Relaxed) {
            // Comes back when the runtime has looked for input and polled whoever got some.
            tokio::task::yield_now().await;
            self.is_others_turn.store(false, Ordering::Relaxed);
        }
        self.ticks.count_closely();
        Some(Passage(permit))
    }

    /// Runs a turn. A short one in which no epoch ends counts for nothing: many of them see one end.
    pub(super) fn let_work<R>(&self, turn: impl FnOnce() -> R) -> R {
        let began = self.ticks.now();
        let result = turn();
        if self.ticks.now() != began {
            self.is_others_turn.store(true, Ordering::Relaxed);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn one_passes_at_a_time_and_the_next_in_line_is_next() {
        let turnstile = Turnstile::new(Ticks::default());
        let Poll::Ready(first) = poll(pin!(turnstile.pass())) else { panic!("nobody is in its way") };
        let (mut second, mut third) = (pin!(turnstile.pass()), pin!(turnstile.pass()));
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
        drop(first);
        assert!(poll(third.as_mut()).is_pending());
        assert!(poll(second).is_ready());
    }

    #[test]
    fn who_leaves_the_line_holds_nobody_up() {
        let turnstile = Turnstile::new(Ticks::default());
        let Poll::Ready(first) = poll(pin!(turnstile.pass())) else { panic!("nobody is in its way") };
        {
            let mut second = pin!(turnstile.pass());
            assert!(poll(second.as_mut()).is_pending());
            drop(first);
        }
        assert!(poll(pin!(turnstile.pass())).is_ready());
    }

    #[test]
    fn others_are_served_after_a_turn_in_which_an_epoch_ended() {
        let ticks = Ticks::default();
        let turnstile = Turnstile::new(ticks.clone());
        turnstile.let_work(|| ());
        assert!(poll(pin!(turnstile.pass())).is_ready());
        turnstile.let_work(|| ticks.reach(1));
        let mut next = pin!(turnstile.pass());
        assert!(poll(next.as_mut()).is_pending());
        assert!(poll(next).is_ready(), "once");
        assert!(poll(pin!(turnstile.pass())).is_ready());
    }
}

//! CPU time by turns: a guest that runs for longer than an epoch is suspended, so that its thread can serve others.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use wasmtime::UpdateDeadline;

use super::{Sight, nanoseconds, thread_cpu};
use crate::plugin::epochs::{EPOCH, TICK, ticks_until};

/// What a call has used, over all the turns it got. It may move between threads from turn to turn.
#[derive(Clone, Debug, Default)]
pub(in crate::plugin) struct Meter(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    /// In turns that are over.
    used_ns: AtomicU64,
    /// The thread's CPU time when the turn under way began.
    began_ns: AtomicU64,
    was_suspended: AtomicBool,
}

/// What came of a turn.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plugin) enum Turn<R> {
    /// The call is over.
    Last(R),
    /// It was ended for the sake of others, and there is nothing to wait for but the next one.
    Suspended,
    /// The guest waits for an answer.
    Waiting,
}

impl Meter {
    /// Runs a turn on this thread. The turn that ends the call is not counted: nobody asks any more.
    pub(in crate::plugin) fn turn<R>(&self, run: impl FnOnce() -> Poll<R>) -> Turn<R> {
        let Self(reading) = self;
        let began = nanoseconds(thread_cpu());
        reading.began_ns.store(began, Ordering::Relaxed);
        match run() {
            Poll::Ready(result) => Turn::Last(result),
            Poll::Pending => {
                let taken = nanoseconds(thread_cpu()).saturating_sub(began);
                reading.used_ns.fetch_add(taken, Ordering::Relaxed);
                if reading.was_suspended.swap(false, Ordering::Relaxed) { Turn::Suspended } else { Turn::Waiting }
            }
        }
    }

    /// CPU time of all turns, and what follows unless that is the whole budget: the guest is suspended once an epoch of its turn
    /// is over. What it then has left may not be worth another turn.
    pub(super) fn look(&self, limit: Duration) -> (Sight, UpdateDeadline) {
        let Self(reading) = self;
        let turn = thread_cpu().saturating_sub(Duration::from_nanos(reading.began_ns.load(Ordering::Relaxed)));
        let used = turn.saturating_add(Duration::from_nanos(reading.used_ns.load(Ordering::Relaxed)));
        let left = limit.saturating_sub(used);
        let rest = EPOCH.saturating_sub(turn);
        let next = if left <= TICK || rest > TICK / 2 {
            UpdateDeadline::Continue(ticks_until(left.min(rest)))
        } else {
            reading.was_suspended.store(true, Ordering::Relaxed);
            UpdateDeadline::YieldCustom(ticks_until(left), Box::pin(suspension()))
        };
        (Sight::Measured(used), next)
    }
}

/// Lets go of the thread once. Nobody is woken: who gave the turn knows of it.
async fn suspension() {
    let mut is_over = false;
    poll_fn(|_| if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

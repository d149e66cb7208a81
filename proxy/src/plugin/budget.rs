//! The CPU budget of a call, in CPU time and not in time on the wall.
//!
//! Epochs tick by the wall clock. On a busy machine a thread may be off the CPU for longer than a budget, and its guest
//! would be blamed for that. So when the epochs of a call are over, the thread's own CPU time decides: a guest that has not
//! had its budget gets another tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use cpu_time::ThreadTime;
use wasmtime::{Trap, UpdateDeadline};

use super::engine::EPOCH;

/// Epochs since the engine began; as exact as the thread that counts them is on time.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks(Arc<AtomicU64>);

impl Ticks {
    pub(super) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a call may use, and from where on.
#[derive(Debug)]
pub(super) struct CpuBudget {
    ticks: Ticks,
    limit: Duration,
    mark: Option<Mark>,
    /// Instead of the mark, where the call may wait and its thread works for others meanwhile.
    meter: Option<Meter>,
}

/// The CPU time of a thread at a tick. Reading it is a system call, so a mark serves all calls on its thread until the next
/// tick; it may then be up to one tick old, which [`CpuBudget::verdict`] allows for.
#[derive(Debug)]
struct Mark {
    thread: ThreadId,
    tick: u64,
    cpu: Duration,
}

impl CpuBudget {
    pub(super) fn new(ticks: Ticks) -> Self {
        Self { ticks, limit: Duration::ZERO, mark: None, meter: None }
    }

    /// A call begins on this thread; returns the epochs after which it is looked at.
    pub(super) fn begin(&mut self, limit: Duration) -> u64 {
        let (thread, tick) = (std::thread::current().id(), self.ticks.now());
        if self.mark.as_ref().is_none_or(|mark| mark.thread != thread || mark.tick != tick) {
            self.mark = Some(Mark { thread, tick, cpu: thread_cpu() });
        }
        self.limit = limit;
        // The epoch under way may end at once, so one more than the budget is long.
        u64::try_from(limit.as_nanos().div_ceil(EPOCH.as_nanos().max(1))).unwrap_or(u64::MAX >> 1).saturating_add(1)
    }

    /// Counts the call under way by a meter that its caller starts and stops.
    pub(super) fn meter(&mut self) -> Meter {
        let meter = Meter::default();
        self.meter = Some(meter.clone());
        meter
    }

    /// The epochs of the call are over.
    ///
    /// # Errors
    /// The budget is used up.
    pub(super) fn verdict(&self) -> wasmtime::Result<UpdateDeadline> {
        let used = match (&self.meter, &self.mark) {
            (Some(meter), _) => meter.used(),
            (None, Some(mark)) => thread_cpu().saturating_sub(mark.cpu),
            (None, None) => Duration::MAX,
        };
        if used > self.limit.saturating_add(EPOCH) {
            Err(Trap::Interrupt.into())
        } else {
            Ok(UpdateDeadline::Continue(1))
        }
    }
}

/// What a call that may wait has used, over all the turns it got. It may move between threads from turn to turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    used_ns: AtomicU64,
    /// The thread's CPU time when the turn under way began.
    began_ns: AtomicU64,
}

/// A turn under way; over when dropped.
pub(super) struct Turn<'m>(&'m Meter);

impl Meter {
    /// Begins a turn on this thread.
    pub(super) fn run(&self) -> Turn<'_> {
        self.0.began_ns.store(nanoseconds(thread_cpu()), Ordering::Relaxed);
        Turn(self)
    }

    fn used(&self) -> Duration {
        let turn = nanoseconds(thread_cpu()).saturating_sub(self.0.began_ns.load(Ordering::Relaxed));
        Duration::from_nanos(self.0.used_ns.load(Ordering::Relaxed).saturating_add(turn))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Meter(reading) = self.0;
        reading.used_ns.store(nanoseconds(self.0.used()), Ordering::Relaxed);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time this thread has used.
fn thread_cpu() -> Duration {
    ThreadTime::now().as_duration()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_was_off_the_cpu_has_not_used_its_budget() {
        let mut budget = CpuBudget::new(Ticks::default());
        budget.begin(Duration::from_millis(5));
        let (send, receive) = std::sync::mpsc::channel::<()>();
        // Waits without working, for longer than the budget.
        let _ = receive.recv_timeout(Duration::from_millis(30));
        drop(send);
        assert!(matches!(budget.verdict(), Ok(UpdateDeadline::Continue(1))));
    }

    #[test]
    fn a_thread_that_worked_has() {
        let mut budget = CpuBudget::new(Ticks::default());
        budget.begin(Duration::from_millis(2));
        let began = ThreadTime::now();
        while began.elapsed() < Duration::from_millis(5) {}
        assert!(budget.verdict().is_err());
    }

    #[test]
    fn a_call_is_looked_at_after_its_budget_and_not_before() {
        let mut budget = CpuBudget::new(Ticks::default());
        assert_eq!(budget.begin(Duration::from_millis(10)), 11);
        assert_eq!(budget.begin(Duration::from_micros(1)), 2);
    }
}

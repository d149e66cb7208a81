//! The CPU budget of a call, in CPU time and not in time on the wall.
//!
//! Epochs tick by the wall clock. On a busy machine a thread may be off the CPU for longer than a budget, and its guest
//! would be blamed for that. So when an epoch of a call is over, the thread's own CPU time decides: a guest that has not had
//! its budget goes on, at once or in its next turn ([`meter`]).

pub(super) mod meter;

use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use wasmtime::{Trap, UpdateDeadline};

use super::epochs::{EPOCH, EPOCH_TICKS, TICK, ticks_until};
use meter::Meter;

/// The ticks of a call before it is looked at: the one under way may end at once, so an epoch has one more.
pub(super) const FIRST_LOOK: u64 = EPOCH_TICKS + 1;

/// For how long a reading of the CPU clock serves: by so much a call that is watched may be taken for shorter.
pub(super) const READING: Duration = TICK;

/// What a call may use, and what it has used.
#[derive(Debug, Default)]
pub(super) struct CpuBudget {
    limit: Duration,
    count: Count,
    /// The clock as it was read when a call began, one of those that are over as well.
    reading: Option<Reading>,
}

/// The CPU clock of a thread at some time. To read it is a system call, to read that of the wall is none.
#[derive(Clone, Copy, Debug)]
struct Reading {
    thread: ThreadId,
    at: Instant,
    used: Duration,
}

/// How CPU time is counted.
#[derive(Debug, Default)]
enum Count {
    /// The call has its thread to itself, and nobody read the clock yet: most calls are never looked at, and reading it is a
    /// system call.
    #[default]
    Unread,
    /// It was read when the call was first looked at.
    SinceFirstLook(Duration),
    /// It was read when the call began.
    SinceBeginning(Duration),
    /// The call runs in turns, and its thread works for others in between.
    Turns(Meter),
}

/// What is seen of a call when an epoch of it is over.
pub(super) struct Look {
    pub(super) sight: Sight,
    /// What becomes of it; the error ends it.
    pub(super) verdict: wasmtime::Result<UpdateDeadline>,
}

/// How long a call has been at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// An epoch or two on the wall; its thread may have been off the CPU all the while.
    Glimpse,
    /// So much CPU time, give or take an epoch where nobody read the clock when it began.
    Measured(Duration),
}

impl CpuBudget {
    /// A call begins on this thread, and ends on it before anything else happens there.
    pub(super) fn begin(&mut self, limit: Duration) {
        (self.limit, self.count) = (limit, Count::Unread);
    }

    /// The same for a call that is to be known better: by a quarter of an epoch that its thread may have rested before it.
    pub(super) fn begin_watched(&mut self, limit: Duration) {
        let used = self.reading.and_then(Reading::used_by_now);
        let used = used.unwrap_or_else(|| self.reading.insert(Reading::now()).used);
        (self.limit, self.count) = (limit, Count::SinceBeginning(used));
    }

    /// A call begins that runs in turns; who gives them counts them by this meter.
    pub(super) fn begin_turns(&mut self, limit: Duration) -> Meter {
        let meter = Meter::default();
        (self.limit, self.count) = (limit, Count::Turns(meter.clone()));
        meter
    }

    /// It is time to look at the call.
    pub(super) fn look(&mut self) -> Look {
        let (sight, next) = match &self.count {
            Count::Unread => {
                self.count = Count::SinceFirstLook(thread_cpu());
                self.in_one_go(Sight::Glimpse)
            }
            Count::SinceFirstLook(then) => self.in_one_go(since_first_look(*then)),
            Count::SinceBeginning(then) => self.in_one_go(Sight::Measured(thread_cpu().saturating_sub(*then))),
            Count::Turns(meter) => meter.look(self.limit),
        };
        let is_over = matches!(sight, Sight::Measured(used) if used > self.limit);
        Look { sight, verdict: if is_over { Err(Trap::Interrupt.into()) } else { Ok(next) } }
    }

    /// What follows for a call that cannot be suspended, unless its budget is over.
    fn in_one_go(&self, sight: Sight) -> (Sight, UpdateDeadline) {
        let left = match sight {
            Sight::Glimpse => self.limit,
            Sight::Measured(used) => self.limit.saturating_sub(used),
        };
        (sight, UpdateDeadline::Continue(ticks_until(left)))
    }
}

impl Reading {
    fn now() -> Self {
        Self { thread: thread::current().id(), at: Instant::now(), used: thread_cpu() }
    }

    /// What this thread has used by now at most; `None` where it is another one, or was read too long ago.
    fn used_by_now(self) -> Option<Duration> {
        let since = self.at.elapsed();
        (since < READING && self.thread == thread::current().id()).then(|| self.used.saturating_add(since))
    }
}

/// The time before the first look is taken for one epoch: on the wall it was one or two. A thread that was off the CPU ever
/// since tells nothing of it.
fn since_first_look(then: Duration) -> Sight {
    let since = thread_cpu().saturating_sub(then);
    if since < EPOCH / 2 { Sight::Glimpse } else { Sight::Measured(since.saturating_add(EPOCH)) }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time this thread has used.
pub(super) fn thread_cpu() -> Duration {
    ThreadTime::now().as_duration()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::task::Poll;

    use super::*;
    use meter::Turn;

    fn work(time: Duration) {
        let began = thread_cpu();
        while thread_cpu().saturating_sub(began) < time {}
    }

    #[test]
    fn a_thread_that_was_off_the_cpu_has_not_used_its_budget() {
        let mut budget = CpuBudget::default();
        budget.begin(EPOCH);
        let (send, receive) = std::sync::mpsc::channel::<()>();
        for _ in 0..10 {
            // Waits without working, for longer than the budget.
            let _ = receive.recv_timeout(EPOCH * 3);
            assert!(matches!(budget.look().verdict, Ok(UpdateDeadline::Continue(4))));
        }
        drop(send);
    }

    #[test]
    fn a_thread_that_worked_has() {
        let mut budget = CpuBudget::default();
        budget.begin(EPOCH * 2);
        assert_eq!(budget.look().sight, Sight::Glimpse, "nobody knows what it did before");
        work(EPOCH);
        let look = budget.look();
        assert!(look.verdict.is_err(), "{:?}", look.sight);
    }

    #[test]
    fn a_call_that_is_watched_is_known_at_first_sight() {
        let mut budget = CpuBudget::default();
        budget.begin_watched(EPOCH);
        work(EPOCH);
        let look = budget.look();
        assert!(look.verdict.is_err(), "{:?}", look.sight);
    }

    #[test]
    fn calls_that_follow_each_other_are_watched_by_one_reading() {
        let mut budget = CpuBudget::default();
        let mut readings = HashSet::new();
        let began = Instant::now();
        while began.elapsed() < EPOCH {
            budget.begin_watched(EPOCH);
            readings.extend(budget.reading.map(|reading| reading.at));
        }
        assert!(readings.len() <= 5, "{}", readings.len());
        work(EPOCH * 2);
        let look = budget.look();
        assert!(look.verdict.is_err(), "{:?}", look.sight);
    }

    #[test]
    fn what_another_thread_had_used_says_nothing_of_this_one() {
        let (send, receive) = std::sync::mpsc::channel::<CpuBudget>();
        let (ready, worked) = std::sync::mpsc::channel();
        let busy = thread::spawn(move || {
            work(EPOCH * 5);
            ready.send(()).unwrap();
            let mut budget = receive.recv().unwrap();
            budget.begin_watched(EPOCH);
            budget.look().sight
        });
        worked.recv().unwrap();
        let mut budget = CpuBudget::default();
        budget.begin_watched(EPOCH);
        send.send(budget).unwrap();
        let sight = busy.join().unwrap();
        assert!(matches!(sight, Sight::Measured(used) if used < EPOCH), "{sight:?}");
    }

    #[test]
    fn a_call_begins_with_nothing_used() {
        let mut budget = CpuBudget::default();
        budget.begin(EPOCH * 2);
        budget.look();
        work(EPOCH);
        budget.begin(EPOCH * 2);
        assert_eq!(budget.look().sight, Sight::Glimpse);
    }

    #[test]
    fn turns_are_counted_and_what_lies_between_them_is_not() {
        let mut budget = CpuBudget::default();
        let meter = budget.begin_turns(EPOCH * 2);
        // Who is stopped is not suspended any more.
        for (is_stopped, end) in [(false, Turn::Suspended), (true, Turn::Waiting)] {
            work(EPOCH * 3);
            let turn = meter.turn(|| {
                work(EPOCH);
                assert_eq!(budget.look().verdict.is_err(), is_stopped);
                Poll::<()>::Pending
            });
            assert_eq!(turn, end);
        }
    }

    #[test]
    fn a_turn_that_began_a_moment_ago_goes_on() {
        let mut budget = CpuBudget::default();
        let turn = budget.begin_turns(EPOCH).turn(|| {
            assert!(matches!(budget.look().verdict, Ok(UpdateDeadline::Continue(4))));
            Poll::<()>::Pending
        });
        assert_eq!(turn, Turn::Waiting);
    }

    #[test]
    fn what_is_hardly_worth_another_turn_belongs_to_this_one() {
        let mut budget = CpuBudget::default();
        let turn = budget.begin_turns(EPOCH + TICK).turn(|| {
            work(EPOCH);
            assert!(matches!(budget.look().verdict, Ok(UpdateDeadline::Continue(1))));
            Poll::<()>::Pending
        });
        assert_eq!(turn, Turn::Waiting);
    }
}

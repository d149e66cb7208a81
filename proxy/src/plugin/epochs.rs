//! The time of guests, counted by threads of their own: a task would starve beside busy workers.
//!
//! What is counted is what the clock says and not how often somebody woke: being late once delays one look, and none after
//! it. Mostly one thread wakes once an epoch, since each time it does costs some request a little. While slow guests have
//! their turns it wakes at each tick, so that they are stopped soon after their budget is over and not up to an epoch later.
//!
//! A thread that wakes on a busy core may have to wait there for milliseconds: since 6.6 Linux lets who runs have its slice,
//! and looks for the end of it at each tick of its own only. So two threads count beside slow guests, on different cores, and
//! each tick is counted by whichever is first. That both are late at once is rare.

mod cores;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use cores::Half;
use wasmtime::{Engine, EngineWeak};

/// How long a guest runs before it is looked at, and how long a turn is.
pub(super) const EPOCH: Duration = Duration::from_millis(1);
/// The grain of counting, which wasmtime takes for its epochs.
pub(super) const TICK: Duration = Duration::from_micros(250);
/// Ticks in an epoch.
pub(super) const EPOCH_TICKS: u64 = 4;

/// For how many ticks they are counted closely after a slow guest was given its turn; the next one asks for more.
const CLOSELY_FOR: u64 = 64;
/// How often the thread that only helps sees whether the engine is still there.
const HELPER_PAUSE: Duration = Duration::from_secs(1);
/// A process that was stopped for hours has nothing to make up for.
const MOST_AT_ONCE: u64 = 1000;

/// Ticks since the engine began.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    now: AtomicU64,
    closely_until: AtomicU64,
    counters: OnceLock<[Thread; 2]>,
}

impl Ticks {
    pub(super) fn now(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed)
    }

    /// A slow guest gets its turn.
    pub(super) fn count_closely(&self) {
        let now = self.now();
        let before = self.0.closely_until.fetch_max(now.saturating_add(CLOSELY_FOR), Ordering::Relaxed);
        if before <= now {
            self.0.counters.get().into_iter().flatten().for_each(Thread::unpark);
        }
    }

    fn are_counted_closely(&self) -> bool {
        self.now() < self.0.closely_until.load(Ordering::Relaxed)
    }

    /// So many are over; those that nobody has counted yet.
    pub(super) fn reach(&self, over: u64) -> Range<u64> {
        let counted = self.0.now.fetch_max(over, Ordering::Relaxed);
        counted.max(over.saturating_sub(MOST_AT_ONCE))..over
    }
}

/// In so many ticks, with the one under way, this time is over or nearly so; an epoch at most.
pub(super) fn ticks_until(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(TICK.as_nanos());
    u64::try_from(ticks).unwrap_or(u64::MAX).clamp(1, EPOCH_TICKS)
}

/// Starts the threads that count; they end with the last user of the engine.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(engine: &Engine) -> std::io::Result<Ticks> {
    let ticks = Ticks::default();
    let began = Instant::now();
    let spawn = |name: &str, pause: Duration, half: Half| -> std::io::Result<JoinHandle<()>> {
        let (engine, ticks) = (engine.weak(), ticks.clone());
        let counter = std::thread::Builder::new().name(name.into());
        counter.spawn(move || {
            half.keep();
            count(&engine, &ticks, began, pause);
        })
    };
    let counters = [spawn("plugin-epoch-0", EPOCH, Half::First)?, spawn("plugin-epoch-1", HELPER_PAUSE, Half::Second)?];
    let _ = ticks.0.counters.set(counters.map(|counter| counter.thread().clone()));
    Ok(ticks)
}

/// Counts after each pause, or after each tick where that is asked for.
fn count(engine: &EngineWeak, ticks: &Ticks, began: Instant, pause: Duration) {
    while let Some(engine) = engine.upgrade() {
        // What guests see is counted before, so that whatever they do next happens after it.
        ticks.reach(whole(began.elapsed(), TICK)).for_each(|_| engine.increment_epoch());
        drop(engine);
        let pause = if ticks.are_counted_closely() { TICK } else { pause };
        std::thread::park_timeout(rest(began.elapsed(), pause));
    }
}

fn whole(time: Duration, unit: Duration) -> u64 {
    u64::try_from(time.as_nanos() / unit.as_nanos()).unwrap_or(u64::MAX)
}

/// What is left of the unit that is under way.
fn rest(time: Duration, unit: Duration) -> Duration {
    let begun = time.as_nanos() % unit.as_nanos();
    unit.saturating_sub(Duration::from_nanos(u64::try_from(begun).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_counted_once_whoever_is_first() {
        let ticks = Ticks::default();
        assert_eq!(ticks.reach(3), 0..3);
        assert!(ticks.reach(3).is_empty(), "the other one is a moment later");
        assert!(ticks.reach(2).is_empty(), "and was even later before");
        assert_eq!(ticks.reach(4), 3..4);
        assert_eq!(ticks.now(), 4);
    }

    #[test]
    fn what_a_stopped_process_missed_is_not_made_up_for() {
        let ticks = Ticks::default();
        assert_eq!(ticks.reach(1_000_000).count(), 1000);
        assert_eq!(ticks.now(), 1_000_000);
    }

    #[test]
    fn being_late_once_makes_no_later_tick_late() {
        assert_eq!(rest(Duration::ZERO, TICK), TICK);
        assert_eq!(rest(TICK * 7 / 2, TICK), TICK / 2);
        assert_eq!(rest(TICK * 7 / 2, EPOCH), TICK / 2);
    }

    #[test]
    fn ticks_are_counted_closely_for_a_while_after_a_turn() {
        let ticks = Ticks::default();
        assert!(!ticks.are_counted_closely());
        ticks.count_closely();
        assert!(ticks.are_counted_closely());
        ticks.reach(64);
        assert!(!ticks.are_counted_closely());
    }

    #[test]
    fn a_deadline_comes_within_a_tick_of_its_time_and_within_an_epoch() {
        assert_eq!(ticks_until(Duration::ZERO), 1);
        assert_eq!(ticks_until(TICK), 1);
        assert_eq!(ticks_until(TICK + TICK / 2), 2);
        assert_eq!(ticks_until(Duration::from_secs(1)), 4);
    }
}

//! Whether the guests of a policy are quick enough to have a worker to themselves.
//!
//! A call on a stack of its own can be suspended and costs more. So policies begin without one, and the first call that works
//! for longer than an epoch keeps its worker until its budget is over. From then on calls of that policy run in turns, for
//! two thousand times as long as it is known to have worked, which is half of the truth at least.
//!
//! A call that ends soon after its first look may have worked as long, or been off the CPU. Which of them is not known, so the
//! next ones are watched: what their thread has used is known when they begin. Whatever a guest does, by either way it takes
//! no more than a thousandth of a worker's time from others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::budget::{READING, Sight};
use super::epochs::{EPOCH, TICK, Ticks};

/// A call known to have worked for this long, and seen after an epoch, may have worked for all of it.
const SLOW: Duration = EPOCH.saturating_sub(READING);
/// For how many times as long as a call took it is remembered.
const REMEMBERED_FOR: u32 = 2000;

/// How quick the calls of a policy were of late.
#[derive(Debug)]
pub(super) struct Pace {
    ticks: Ticks,
    slow_until: AtomicU64,
    watched_until: AtomicU64,
}

impl Pace {
    pub(super) fn new(ticks: Ticks) -> Self {
        Self { ticks, slow_until: AtomicU64::new(0), watched_until: AtomicU64::new(0) }
    }

    /// Whether a call is to run in turns. Two loads: each call asks.
    pub(super) fn is_slow(&self) -> bool {
        self.ticks.now() < self.slow_until.load(Ordering::Relaxed)
    }

    /// Whether a call that does not is to be watched.
    pub(super) fn is_watched(&self) -> bool {
        self.ticks.now() < self.watched_until.load(Ordering::Relaxed)
    }

    /// A guest was seen at work.
    pub(super) fn saw(&self, sight: Sight) {
        match sight {
            Sight::Glimpse => self.remember(&self.watched_until, EPOCH),
            Sight::Measured(used) if used >= SLOW => self.remember(&self.slow_until, used),
            Sight::Measured(_) => {}
        }
    }

    fn remember(&self, until: &AtomicU64, used: Duration) {
        let memory = used.saturating_mul(REMEMBERED_FOR);
        let ticks = u64::try_from(memory.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX);
        until.fetch_max(self.ticks.now().saturating_add(ticks), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::epochs::EPOCH_TICKS;

    fn is_slow_for(used: Duration) -> u64 {
        let ticks = Ticks::default();
        let pace = Pace::new(ticks.clone());
        pace.saw(Sight::Measured(used));
        while pace.is_slow() {
            ticks.reach(ticks.now() + 1);
        }
        ticks.now() / EPOCH_TICKS
    }

    #[test]
    fn a_policy_is_slow_for_two_thousand_times_as_long_as_its_call_took() {
        assert_eq!(is_slow_for(Duration::from_millis(20)), 40_000);
        assert_eq!(is_slow_for(EPOCH), 2000);
        assert_eq!(is_slow_for(EPOCH / 2), 0, "as quick as anybody can tell");
    }

    #[test]
    fn a_shorter_call_makes_nobody_forget_a_longer_one() {
        let ticks = Ticks::default();
        let pace = Pace::new(ticks.clone());
        pace.saw(Sight::Measured(EPOCH * 10));
        pace.saw(Sight::Measured(EPOCH));
        ticks.reach(2000 * EPOCH_TICKS);
        assert!(pace.is_slow());
    }

    #[test]
    fn a_glimpse_of_a_policy_is_no_proof() {
        let pace = Pace::new(Ticks::default());
        assert!(!pace.is_watched());
        pace.saw(Sight::Glimpse);
        assert!(pace.is_watched() && !pace.is_slow());
    }
}

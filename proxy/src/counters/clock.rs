//! The time that counters and shared data go by.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that never goes back.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the Unix epoch, as counted on from some moment.
    fn now_ns(&self) -> u64;

    /// Milliseconds since the Unix epoch, as the system says now: it follows the operator's clock, forward and back.
    fn wall_ms(&self) -> u64;
}

/// The system's time when the program started, and what a monotonic clock counted since.
///
/// Windows therefore start at the full second or minute of the wall clock, and yet nobody gains units by setting it.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
    offset: Duration,
}

impl SystemClock {
    /// Starts counting now.
    #[must_use]
    pub fn new() -> Self {
        let offset = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: Instant::now(), offset }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ns(&self) -> u64 {
        u64::try_from((self.offset + self.origin.elapsed()).as_nanos()).unwrap_or(u64::MAX)
    }

    fn wall_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands until it is moved.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct TestClock(std::sync::atomic::AtomicU64);

#[cfg(test)]
impl TestClock {
    pub(crate) fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms * 1_000_000, std::sync::atomic::Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Clock for TestClock {
    fn now_ns(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn wall_ms(&self) -> u64 {
        self.now_ns() / 1_000_000
    }
}

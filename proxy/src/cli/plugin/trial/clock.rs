//! A clock that stands until it is moved.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::counters::clock::Clock;

/// 2020-01-01T00:00:00Z: a full day, hour and minute, so that windows begin with the table.
const BEGINNING: Duration = Duration::from_secs(1_577_836_800);

/// Moved by cases.
#[derive(Debug)]
pub(super) struct HandClock(AtomicU64);

impl HandClock {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(nanoseconds(BEGINNING)))
    }

    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(nanoseconds(by), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wall_ms(&self) -> u64 {
        self.now_ns() / 1_000_000
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

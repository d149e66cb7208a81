//! How endpoints that nobody looks at tell that something happened to one of them.

use std::sync::atomic::{AtomicBool, Ordering};

/// One for all endpoints of an upstream: a look at thousands that are idle would cost more than their checks' answers.
#[derive(Debug, Default)]
pub(super) struct Alarm(AtomicBool);

impl Alarm {
    /// What the caller has counted is seen by whoever hears of it.
    pub(super) fn ring(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was rung since this was last asked.
    pub(super) fn rang(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Acquire)
    }
}

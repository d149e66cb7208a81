//! Counters that all instances of a policy share, kept for the life of the process.
//!
//! A reload keeps them, because they belong to no snapshot; they go with the policy that counts by them. Each policy has so
//! many cells for itself: where they are used up, those that count nothing any more go first, then those that would have
//! been reset soonest, and never those that exchanges hold places in. Where places are held under so many keys, another
//! is refused; what counts units finds room even then. What one policy counts makes no other forget.

pub mod clock;
mod gcra;
mod held;
mod limit;
mod number;
mod policy;
mod shard;
pub mod shared;
mod sliding;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use clock::{Clock, SystemClock};
pub use held::Held;
pub use limit::Limit;
use policy::Cells;
pub use policy::PolicyCounters;
pub use shared::SharedCounters;

/// This many units in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Units allowed in a window; 0 admits nothing.
    pub limit: u32,
    /// Length of the window in milliseconds; 0 is taken as 1.
    pub window_ms: u32,
}

/// How units come back that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Evenly (generic cell rate algorithm).
    Gcra {
        /// Units that can be saved up.
        burst: u32,
    },
    /// All of them, at multiples of the window's length.
    Window,
    /// As the window slides.
    Sliding,
}

impl Quota {
    fn window_ms(self) -> u64 {
        u64::from(self.window_ms.max(1))
    }
}

/// What became of a request for units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether the units were taken. Where not, nothing was counted.
    pub allowed: bool,
    /// Units left now.
    pub remaining: u32,
    /// Milliseconds until the quota is whole again.
    pub reset_ms: u32,
    /// Milliseconds until the same request could succeed: 0 where it was allowed, `u32::MAX` where it never can.
    pub retry_after_ms: u32,
}

impl Admission {
    /// The answer to a quota that admits nothing.
    const NEVER: Self = Self { allowed: false, remaining: 0, reset_ms: 0, retry_after_ms: u32::MAX };
}

/// The counters of all policies.
pub struct Counters {
    policies: Mutex<Policies>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Policies {
    cells: HashMap<String, Arc<Cells>>,
    /// Dropped by those that are not there any more.
    dropped_before: u64,
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").field("kept", &self.kept()).field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock::new()))
    }
}

impl Counters {
    /// No counters yet; they will go by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { policies: Mutex::default(), clock }
    }

    /// The counters of this policy, at most about `capacity` of them. Takes a lock: kept by whoever calls the policy, not asked
    /// for again per request.
    #[must_use]
    pub fn policy(&self, name: &str, capacity: usize) -> PolicyCounters {
        let mut policies = self.policies.lock();
        let cells = policies.cells.entry(name.to_owned());
        let cells = cells.or_insert_with(|| Arc::new(Cells::new(Arc::clone(&self.clock))));
        PolicyCounters::new(Arc::clone(cells), capacity)
    }

    /// Forgets the counters of every policy that is not wanted.
    pub fn retain(&self, wanted: impl Fn(&str) -> bool) {
        let mut policies = self.policies.lock();
        let gone: u64 = policies.cells.extract_if(|name, _| !wanted(name)).map(|(_, cells)| cells.dropped()).sum();
        policies.dropped_before += gone;
    }

    /// Counters kept now, those that count nothing any more included.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.policies.lock().cells.values().map(|cells| cells.kept()).sum()
    }

    /// Counters that were still counting and had to go for others.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let policies = self.policies.lock();
        policies.cells.values().map(|cells| cells.dropped()).sum::<u64>() + policies.dropped_before
    }
}

#[cfg(test)]
mod tests;

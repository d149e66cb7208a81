//! Counters that all instances of a policy share, kept for the life of the process.
//!
//! A reload keeps them, because they belong to no snapshot. The number of cells is bounded: where it is reached, cells
//! that count nothing any more go first, then those that would have been reset soonest.

pub mod clock;
mod gcra;
mod shard;
mod window;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use clock::{Clock, SystemClock};
use gcra::Gcra;
use shard::{Cell, CellId, Shard};
use window::Window;

/// Cells kept in all where nothing else is said; about 64 MiB when all are in use.
pub const DEFAULT_CAPACITY: usize = 1_000_000;

/// Enough that workers seldom meet at one lock, few enough that each holds a fair sample of all keys.
const SHARDS: usize = 64;

/// This many units in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Units allowed in a window; 0 admits nothing.
    pub limit: u32,
    /// Length of the window in milliseconds; 0 is taken as 1.
    pub window_ms: u32,
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

/// All counters of the process.
pub struct Counters {
    shards: Vec<Mutex<Shard>>,
    clock: Arc<dyn Clock>,
    /// Two keyed hashes make one 128-bit identity: no key text is kept, and nobody can aim at another's cell.
    identity: (RandomState, RandomState),
    dropped: AtomicU64,
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").field("cells", &self.len()).field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY, Arc::new(SystemClock::new()))
    }
}

impl Counters {
    /// An empty store that holds at most about `capacity` cells (rounded up to a multiple of the shards).
    #[must_use]
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let each = capacity.div_ceil(SHARDS).max(1);
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(Shard::new(each))).collect(),
            clock,
            identity: (RandomState::new(), RandomState::new()),
            dropped: AtomicU64::new(0),
        }
    }

    /// Takes `cost` units from a bucket that refills evenly and holds at most `burst` units.
    pub fn take_gcra(&self, policy: &str, key: &str, quota: Quota, burst: u32, cost: u32) -> Admission {
        let now_ns = self.clock.now_ns();
        self.with_cell(("gcra", policy, key), now_ns, Cell::Gcra(Gcra::default()), |cell| match cell {
            Cell::Gcra(bucket) => bucket.take(now_ns, quota, burst, cost),
            Cell::Window(_) => Admission::NEVER,
        })
    }

    /// Takes `cost` units from a window that starts over at multiples of its length.
    pub fn take_window(&self, policy: &str, key: &str, quota: Quota, cost: u32) -> Admission {
        let now_ns = self.clock.now_ns();
        self.with_cell(("window", policy, key), now_ns, Cell::Window(Window::default()), |cell| match cell {
            Cell::Window(window) => window.take(now_ns, quota, cost),
            Cell::Gcra(_) => Admission::NEVER,
        })
    }

    /// Cells kept now, those that count nothing any more included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cells that were still counting and had to go for others.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn with_cell(
        &self,
        key: (&str, &str, &str),
        now_ns: u64,
        fresh: Cell,
        take: impl FnOnce(&mut Cell) -> Admission,
    ) -> Admission {
        let id = CellId::new(self.identity.0.hash_one(key), self.identity.1.hash_one(key));
        let Some(shard) = self.shards.get(id.shard(self.shards.len())) else { return Admission::NEVER };
        let mut shard = shard.lock();
        let dropped = shard.make_room_for(id, now_ns);
        if dropped > 0 {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        take(shard.cell(id, fresh))
    }
}

#[cfg(test)]
mod tests;

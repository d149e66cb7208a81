//! Counters that all instances of a policy share, kept for the life of the process.
//!
//! A reload keeps them, because they belong to no snapshot. The number of cells is bounded: where it is reached, cells
//! that count nothing any more go first, then those that would have been reset soonest.

pub mod clock;
mod gcra;
mod held;
mod number;
mod shard;
mod sliding;
mod window;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use clock::{Clock, SystemClock};
pub use held::Held;
use shard::{Cell, CellId, Kind, Shard};
use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

/// Cells kept in all where nothing else is said: a million and some, in 62 MiB when all are in use.
///
/// A table of 2^14 places is full with 7/8 of them; one cell more in each shard would double what they take.
pub const DEFAULT_CAPACITY: usize = SHARDS * 14_336;

/// Enough that workers seldom meet at one lock, few enough that each holds a fair sample of all keys.
const SHARDS: usize = 80;

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
    /// Keys of the 128-bit hash that is a cell's identity: no key text is kept, and nobody can aim at another's cell.
    identity: (u64, u64),
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
            identity: (RandomState::new().hash_one(0), RandomState::new().hash_one(1)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Takes `cost` units from a bucket that refills evenly and holds at most `burst` units.
    pub fn take_gcra(&self, policy: &str, key: &[u8], quota: Quota, burst: u32, cost: u32) -> Admission {
        self.admit(Kind::Gcra, policy, key, |cell, now_ns| match cell {
            Cell::Gcra(bucket) => bucket.take(now_ns, quota, burst, cost),
            _ => Admission::NEVER,
        })
    }

    /// Takes `cost` units from a window that starts over at multiples of its length.
    pub fn take_window(&self, policy: &str, key: &[u8], quota: Quota, cost: u32) -> Admission {
        self.admit(Kind::Window, policy, key, |cell, now_ns| match cell {
            Cell::Window(window) => window.take(now_ns, quota, cost),
            _ => Admission::NEVER,
        })
    }

    /// Takes `cost` units from a window that slides.
    pub fn take_sliding(&self, policy: &str, key: &[u8], quota: Quota, cost: u32) -> Admission {
        self.admit(Kind::Sliding, policy, key, |cell, now_ns| match cell {
            Cell::Sliding(window) => window.take(now_ns, quota, cost),
            _ => Admission::NEVER,
        })
    }

    /// Adds to a number, which starts over `ttl_ms` after it was last added to; returns the sum.
    pub fn add(&self, policy: &str, key: &[u8], amount: i64, ttl_ms: u32) -> i64 {
        let add = |cell: &mut Cell, now_ns| match cell {
            Cell::Number(number) => number.add(now_ns, amount, ttl_ms),
            _ => 0,
        };
        self.with_cell(Kind::Number, policy, key, add).unwrap_or_default()
    }

    /// The clock they go by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
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

    fn admit(&self, kind: Kind, policy: &str, key: &[u8], take: impl FnOnce(&mut Cell, u64) -> Admission) -> Admission {
        self.with_cell(kind, policy, key, take).unwrap_or(Admission::NEVER)
    }

    fn with_cell<R>(&self, kind: Kind, policy: &str, key: &[u8], work: impl FnOnce(&mut Cell, u64) -> R) -> Option<R> {
        self.with_cell_of(self.identify(kind, policy, key), kind, work)
    }

    fn with_cell_of<R>(&self, id: CellId, kind: Kind, work: impl FnOnce(&mut Cell, u64) -> R) -> Option<R> {
        let now_ns = self.clock.now_ns();
        let mut shard = self.shard(id)?.lock();
        let dropped = shard.make_room_for(id, now_ns);
        if dropped > 0 {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        Some(work(shard.cell(id, kind.fresh()), now_ns))
    }

    fn shard(&self, id: CellId) -> Option<&Mutex<Shard>> {
        self.shards.get(id.shard(self.shards.len()))
    }

    fn identify(&self, kind: Kind, policy: &str, key: &[u8]) -> CellId {
        let mut hasher = SipHasher13::new_with_keys(self.identity.0, self.identity.1);
        hasher.write(policy.as_bytes());
        // Neither can be part of a policy's name, so that no two parts run together.
        hasher.write(&[0, kind as u8]);
        hasher.write(key);
        let Hash128 { h1, h2 } = hasher.finish128();
        CellId::new(h1, h2)
    }
}

#[cfg(test)]
mod tests;

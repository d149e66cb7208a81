//! The counters of one policy.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

use super::clock::Clock;
use super::limit::Limit;
use super::shard::{Cell, CellId, Kind, Shard};
use super::{Admission, Algorithm, Quota};

/// Enough that workers seldom meet at one lock, few enough that each holds a fair sample of all keys. Empty ones cost next
/// to nothing.
const SHARDS: usize = 80;

/// The counters of one policy, and how many it may have.
#[derive(Clone)]
pub struct PolicyCounters {
    cells: Arc<Cells>,
    /// Keys under which exchanges may hold places at once.
    capacity: usize,
    /// Cells in each shard.
    share: usize,
}

/// What a policy has counted, under whichever configuration.
pub(super) struct Cells {
    shards: [Mutex<Shard>; SHARDS],
    clock: Arc<dyn Clock>,
    /// Keys of the 128-bit hash that is a cell's identity: no key text is kept, and nobody can aim at another's cell.
    identity: (u64, u64),
    /// Keys under which exchanges hold places.
    held: AtomicUsize,
    dropped: AtomicU64,
}

impl std::fmt::Debug for PolicyCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyCounters").field("kept", &self.cells.kept()).finish_non_exhaustive()
    }
}

impl Cells {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            clock,
            identity: (RandomState::new().hash_one(0), RandomState::new().hash_one(1)),
            held: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn kept(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Bytes they take, those there is room for included.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes()).sum()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn shard(&self, id: CellId) -> Option<&Mutex<Shard>> {
        self.shards.get(id.shard(SHARDS))
    }

    /// Gives back a place that was held under this id.
    pub(super) fn give_back(&self, id: CellId) {
        let is_last = self.shard(id).is_some_and(|shard| shard.lock().give_back(id));
        if is_last {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn identify(&self, kind: Kind, key: &[u8]) -> CellId {
        let mut hasher = SipHasher13::new_with_keys(self.identity.0, self.identity.1);
        hasher.write(&[kind as u8]);
        hasher.write(key);
        let Hash128 { h1, h2 } = hasher.finish128();
        CellId::new(h1, h2)
    }
}

impl PolicyCounters {
    /// At most about `capacity` counters: a seventh more, since keys do not spread evenly over the shards, and more in
    /// those where more are held. Where there are more already, they go with the next one that is new.
    pub(super) fn new(cells: Arc<Cells>, capacity: usize) -> Self {
        Self { cells, capacity, share: capacity.saturating_mul(8).div_ceil(SHARDS * 7).max(1) }
    }

    /// Whether they are the same counters, however many there may be.
    #[must_use]
    pub fn are_those_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cells, &other.cells)
    }

    /// The clock they go by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.cells.clock
    }

    /// The limit of a subject: what is taken from it later need not look at its key again.
    #[must_use]
    pub fn limit(&self, key: &[u8], quota: Quota, algorithm: Algorithm) -> Limit {
        Limit::new(self.identify(algorithm.kind(), key), quota, algorithm)
    }

    /// Takes `cost` units from a limit of these counters.
    pub fn take(&self, limit: &Limit, cost: u32) -> Admission {
        let quota = limit.quota;
        let take = |cell: &mut Cell, now_ns| match (cell, limit.algorithm) {
            (Cell::Gcra(bucket), Algorithm::Gcra { burst }) => bucket.take(now_ns, limit.interval, burst, cost),
            (Cell::Window(window), Algorithm::Window) => window.take(now_ns, quota, cost),
            (Cell::Sliding(window), Algorithm::Sliding) => window.take(now_ns, quota, cost),
            _ => Admission::NEVER,
        };
        self.with_cell_of(limit.id, limit.algorithm.kind(), take).unwrap_or(Admission::NEVER)
    }

    /// Takes `cost` units from a bucket that refills evenly and holds at most `burst` units.
    pub fn take_gcra(&self, key: &[u8], quota: Quota, burst: u32, cost: u32) -> Admission {
        self.take(&self.limit(key, quota, Algorithm::Gcra { burst }), cost)
    }

    /// Takes `cost` units from a window that starts over at multiples of its length.
    pub fn take_window(&self, key: &[u8], quota: Quota, cost: u32) -> Admission {
        self.take(&self.limit(key, quota, Algorithm::Window), cost)
    }

    /// Takes `cost` units from a window that slides.
    pub fn take_sliding(&self, key: &[u8], quota: Quota, cost: u32) -> Admission {
        self.take(&self.limit(key, quota, Algorithm::Sliding), cost)
    }

    /// Adds to a number, which starts over `ttl_ms` after it was last added to; returns the sum.
    pub fn add(&self, key: &[u8], amount: i64, ttl_ms: u32) -> i64 {
        let add = |cell: &mut Cell, now_ns| match cell {
            Cell::Number(number) => number.add(now_ns, amount, ttl_ms),
            _ => 0,
        };
        self.with_cell(Kind::Number, key, add).unwrap_or_default()
    }

    pub(super) fn cells(&self) -> &Arc<Cells> {
        &self.cells
    }

    pub(super) fn identify(&self, kind: Kind, key: &[u8]) -> CellId {
        self.cells.identify(kind, key)
    }

    fn with_cell<R>(&self, kind: Kind, key: &[u8], work: impl FnOnce(&mut Cell, u64) -> R) -> Option<R> {
        self.with_cell_of(self.identify(kind, key), kind, work)
    }

    /// `None` where there is no such shard, which there always is.
    fn with_cell_of<R>(&self, id: CellId, kind: Kind, work: impl FnOnce(&mut Cell, u64) -> R) -> Option<R> {
        let mut shard = self.cells.shard(id)?.lock();
        let now_ns = self.make_room(&mut shard, id);
        Some(work(shard.cell(id, kind.fresh()), now_ns))
    }

    /// Frees places of the shard where this id would need one and none is left; returns the time in nanoseconds.
    pub(super) fn make_room(&self, shard: &mut Shard, id: CellId) -> u64 {
        // Read under the lock: whoever waited for it with an older time would set a cell back to a window that is over.
        let now_ns = self.cells.clock.now_ns();
        let dropped = shard.make_room_for(id, now_ns, self.share);
        if dropped > 0 {
            self.cells.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        now_ns
    }

    /// Counts one more key under which places are held; `false` where there may be no other. Counted over all shards: keys
    /// do not spread evenly, and a place that is refused is a request that is.
    pub(super) fn take_key(&self) -> bool {
        let more = |held| (held < self.capacity).then_some(held + 1);
        self.cells.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

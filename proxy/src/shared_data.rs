//! Values that all instances of a policy share, kept for the life of the process.
//!
//! A reload keeps them, because they belong to no snapshot; they go with the policy that wrote them. What a policy holds
//! is bounded in bytes, whatever it writes.

mod shard;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::counters::clock::{Clock, SystemClock};
use shard::{Shard, Stored};

/// Bytes that an entry counts for beside its key and its value, so that `limits.shared_data` bounds memory and not text:
/// two allocations with their counts, a place in the table, and one in the order of expiry.
///
/// Measured with one to two million entries, allocations rounded to 16 bytes: 114 to 177 bytes where they do not expire and
/// 170 to 233 where they do, the most just after the tables have grown.
pub const ENTRY_OVERHEAD: usize = 240;

/// Workers seldom meet at one lock; an empty policy costs next to nothing.
const SHARDS: usize = 16;

const NS_PER_MS: u64 = 1_000_000;

/// The shared data of all policies.
pub struct SharedData {
    policies: Mutex<HashMap<String, Arc<PolicyData>>>,
    clock: Arc<dyn Clock>,
}

/// The shared data of one policy.
///
/// Every operation is atomic. Every write has a version that no other write of this policy ever has.
pub struct PolicyData {
    shards: [Mutex<Shard>; SHARDS],
    /// Chooses the shard of a key, in a way that no plugin can foresee.
    spread: RandomState,
    /// What all entries cost, those that have expired and are still there included.
    used: AtomicUsize,
    last_version: AtomicU64,
    clock: Arc<dyn Clock>,
}

/// A value, and which writing of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was written.
    pub value: Arc<[u8]>,
    /// Never 0.
    pub version: u64,
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Another write came first.
    Conflict {
        /// Of the entry now, 0 where there is none.
        version: u64,
    },
    /// The policy's bytes are used up.
    Full,
}

/// What to write, and on which terms.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// Under which key.
    pub key: &'a [u8],
    /// What.
    pub value: &'a [u8],
    /// Milliseconds until it expires, 0 for never.
    pub ttl_ms: u32,
    /// Bytes that all entries of the policy may cost: their keys, their values, and [`ENTRY_OVERHEAD`] for each.
    ///
    /// A limit lower than what is held already drops nothing: it refuses to let it grow.
    pub limit: usize,
}

impl std::fmt::Debug for SharedData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.policies.lock().iter()).finish()
    }
}

impl std::fmt::Debug for PolicyData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyData").field("used", &self.used()).finish_non_exhaustive()
    }
}

impl Default for SharedData {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock::new()))
    }
}

impl SharedData {
    /// An empty store whose entries expire by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { policies: Mutex::default(), clock }
    }

    /// What this policy shares. Takes a lock: kept by whoever calls the policy, not asked for again per request.
    #[must_use]
    pub fn policy(&self, name: &str) -> Arc<PolicyData> {
        let mut policies = self.policies.lock();
        Arc::clone(
            policies.entry(name.to_owned()).or_insert_with(|| Arc::new(PolicyData::new(Arc::clone(&self.clock)))),
        )
    }

    /// Forgets the data of every policy that is not wanted. A request that still runs under one of them sees its data
    /// until it ends, and nobody after it does.
    pub fn retain(&self, wanted: impl Fn(&str) -> bool) {
        self.policies.lock().retain(|name, _| wanted(name));
    }
}

impl PolicyData {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            shards: Default::default(),
            spread: RandomState::new(),
            used: AtomicUsize::new(0),
            last_version: AtomicU64::new(0),
            clock,
        }
    }

    /// The value of a key; `None` where it was not written, was removed, or has expired.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Entry> {
        let shard = self.shard(key)?.lock();
        shard.live(key, || self.clock.now_ns()).map(Stored::entry)
    }

    /// Writes, whatever is there; returns the version.
    ///
    /// # Errors
    /// [`WriteError::Full`]: there is no room even without what has expired.
    pub fn set(&self, write: Write<'_>) -> Result<u64, WriteError> {
        self.write(write, None)
    }

    /// Writes where the entry still has this version, 0 for where there is none; returns the new version.
    ///
    /// # Errors
    /// The entry has another version, or there is no room even without what has expired.
    pub fn compare_and_swap(&self, version: u64, write: Write<'_>) -> Result<u64, WriteError> {
        self.write(write, Some(version))
    }

    /// Removes an entry; returns whether there was one.
    pub fn remove(&self, key: &[u8]) -> bool {
        let Some(shard) = self.shard(key) else { return false };
        let mut shard = shard.lock();
        let was_live = shard.live(key, || self.clock.now_ns()).is_some();
        self.used.fetch_sub(shard.remove(key), Ordering::Relaxed);
        was_live
    }

    /// Bytes in use, those of entries that have expired and were not needed yet included.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Each turn but the last frees something that has expired, so that there is a last one.
    fn write(&self, write: Write<'_>, expected: Option<u64>) -> Result<u64, WriteError> {
        let now_ns = self.clock.now_ns();
        let value = Arc::from(write.value);
        loop {
            match self.try_write(write, &value, expected, now_ns) {
                Err(WriteError::Full) if self.free_expired(cost(write.key, write.value), now_ns) => {}
                done => return done,
            }
        }
    }

    fn try_write(
        &self,
        write: Write<'_>,
        value: &Arc<[u8]>,
        expected: Option<u64>,
        now_ns: u64,
    ) -> Result<u64, WriteError> {
        let mut shard = self.shard(write.key).ok_or(WriteError::Full)?.lock();
        let version = shard.live(write.key, || now_ns).map_or(0, |stored| stored.version);
        if expected.is_some_and(|expected| expected != version) {
            return Err(WriteError::Conflict { version });
        }
        self.exchange(shard.cost_of(write.key), cost(write.key, write.value), write.limit)?;
        let version = self.last_version.fetch_add(1, Ordering::Relaxed) + 1;
        let expires_ns = expiry(now_ns, write.ttl_ms);
        shard.put(write.key, Stored { value: Arc::clone(value), version, expires_ns });
        Ok(version)
    }

    /// Takes `wanted` bytes for the `held` ones that go.
    fn exchange(&self, held: usize, wanted: usize, limit: usize) -> Result<(), WriteError> {
        let exchanged = |used: usize| {
            let after = used.saturating_sub(held).checked_add(wanted)?;
            (after <= limit || wanted <= held).then_some(after)
        };
        let result = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, exchanged);
        result.map(drop).map_err(|_| WriteError::Full)
    }

    /// Drops entries that have expired, the longest first in each shard, until `wanted` bytes are free; returns whether
    /// there were any. Costs as much as the write that asks for it, not as much as the store is large.
    fn free_expired(&self, wanted: usize, now_ns: u64) -> bool {
        let mut freed = 0;
        for shard in &self.shards {
            let mut shard = shard.lock();
            while freed < wanted {
                let Some(bytes) = shard.remove_expired(now_ns) else { break };
                self.used.fetch_sub(bytes, Ordering::Relaxed);
                freed += bytes;
            }
        }
        freed > 0
    }

    fn shard(&self, key: &[u8]) -> Option<&Mutex<Shard>> {
        let hash = usize::try_from(self.spread.hash_one(key) % SHARDS as u64).ok()?;
        self.shards.get(hash)
    }
}

fn cost(key: &[u8], value: &[u8]) -> usize {
    key.len().saturating_add(value.len()).saturating_add(ENTRY_OVERHEAD)
}

/// `None` for never.
fn expiry(now_ns: u64, ttl_ms: u32) -> Option<u64> {
    (ttl_ms > 0).then(|| now_ns.saturating_add(u64::from(ttl_ms) * NS_PER_MS))
}

#[cfg(test)]
mod tests;

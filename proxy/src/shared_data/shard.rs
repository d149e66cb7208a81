//! A part of a policy's entries, behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Entry, cost};

/// What is kept under a key.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) value: Arc<[u8]>,
    pub(super) version: u64,
    /// `None` for never.
    pub(super) expires_ns: Option<u64>,
}

impl Stored {
    pub(super) fn entry(&self) -> Entry {
        Entry { value: Arc::clone(&self.value), version: self.version }
    }

    /// Its place in the order of expiry; versions are unique.
    fn place(&self) -> Option<(u64, u64)> {
        self.expires_ns.map(|expires_ns| (expires_ns, self.version))
    }
}

/// Entries, and those of them that expire in the order they do.
#[derive(Debug, Default)]
pub(super) struct Shard {
    entries: HashMap<Arc<[u8]>, Stored>,
    expiring: BTreeMap<(u64, u64), Arc<[u8]>>,
}

impl Shard {
    /// The entry of a key, unless it has expired; the clock is read where that is the question.
    pub(super) fn live(&self, key: &[u8], now_ns: impl FnOnce() -> u64) -> Option<&Stored> {
        let stored = self.entries.get(key)?;
        stored.expires_ns.is_none_or(|expires_ns| expires_ns > now_ns()).then_some(stored)
    }

    /// Bytes held under a key, whether or not the entry has expired.
    pub(super) fn cost_of(&self, key: &[u8]) -> usize {
        self.entries.get(key).map_or(0, |stored| cost(key, &stored.value))
    }

    pub(super) fn put(&mut self, key: &[u8], stored: Stored) {
        let key = self.entries.get_key_value(key).map_or_else(|| Arc::from(key), |(key, _)| Arc::clone(key));
        if let Some(place) = stored.place() {
            self.expiring.insert(place, Arc::clone(&key));
        }
        let before = self.entries.insert(key, stored);
        if let Some(place) = before.and_then(|before| before.place()) {
            self.expiring.remove(&place);
        }
    }

    /// Returns how many bytes that freed.
    pub(super) fn remove(&mut self, key: &[u8]) -> usize {
        let Some(stored) = self.entries.remove(key) else { return 0 };
        if let Some(place) = stored.place() {
            self.expiring.remove(&place);
        }
        cost(key, &stored.value)
    }

    /// Removes the entry that expired first, if any has; returns how many bytes that freed.
    pub(super) fn remove_expired(&mut self, now_ns: u64) -> Option<usize> {
        let first = self.expiring.first_entry().filter(|first| first.key().0 <= now_ns)?;
        let key = first.remove();
        let stored = self.entries.remove(&key)?;
        Some(cost(&key, &stored.value))
    }
}

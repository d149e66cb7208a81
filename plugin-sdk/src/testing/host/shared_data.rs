//! Shared data as a map.

use std::collections::HashMap;
use std::time::Duration;

use super::{State, TestHost, with};
use crate::shared_data::{Entry, WriteError};

/// What is kept, and how much may be.
#[derive(Debug)]
pub(super) struct Data {
    entries: HashMap<Vec<u8>, Kept>,
    last_version: u64,
    limit: usize,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    until: Option<Duration>,
}

impl Default for Data {
    fn default() -> Self {
        Self { entries: HashMap::new(), last_version: 0, limit: usize::MAX }
    }
}

impl Data {
    /// Bytes of all keys and values but this one's.
    fn others(&self, key: &[u8]) -> usize {
        let others = self.entries.iter().filter(|(other, _)| other.as_slice() != key);
        others.map(|(key, kept)| key.len() + kept.entry.value.len()).sum()
    }
}

impl TestHost {
    /// Bounds the keys and values that may be kept, to test what a policy does when there is no room. The gateway counts
    /// some bytes more for each entry.
    pub fn shared_data_limit(self, bytes: usize) -> Self {
        with(|state| state.shared.limit = bytes);
        self
    }
}

pub(crate) fn get(key: &[u8]) -> Option<Entry> {
    live(|state| state.shared.entries.get(key).map(|kept| kept.entry.clone()))
}

pub(crate) fn set(key: &[u8], value: &[u8], ttl_ms: u32) -> Result<u64, WriteError> {
    live(|state| write(state, key, value, ttl_ms))
}

pub(crate) fn compare_and_swap(key: &[u8], version: u64, value: &[u8], ttl_ms: u32) -> Result<u64, WriteError> {
    live(|state| match state.shared.entries.get(key).map_or(0, |kept| kept.entry.version) {
        there if there == version => write(state, key, value, ttl_ms),
        other => Err(WriteError::Conflict(other)),
    })
}

pub(crate) fn remove(key: &[u8]) -> bool {
    live(|state| state.shared.entries.remove(key).is_some())
}

fn write(state: &mut State, key: &[u8], value: &[u8], ttl_ms: u32) -> Result<u64, WriteError> {
    let data = &mut state.shared;
    if data.others(key).saturating_add(key.len() + value.len()) > data.limit {
        return Err(WriteError::Full);
    }
    data.last_version += 1;
    let entry = Entry { value: value.to_owned(), version: data.last_version };
    let until = (ttl_ms > 0).then(|| state.now + Duration::from_millis(ttl_ms.into()));
    data.entries.insert(key.to_owned(), Kept { entry, until });
    Ok(data.last_version)
}

/// Works on what has not expired.
fn live<R>(work: impl FnOnce(&mut State) -> R) -> R {
    with(|state| {
        let now = state.now;
        state.shared.entries.retain(|_, kept| kept.until.is_none_or(|until| until > now));
        work(state)
    })
}

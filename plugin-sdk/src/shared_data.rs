//! Values that all instances of a policy share, kept by the gateway over reloads. Grant: `shared-data`.
//!
//! A key belongs to the policy that uses it: two policies never meet in one value. The gateway keeps a bounded number of
//! bytes for each policy (`limits.shared_data`: keys, values, and 240 bytes for each entry); what has expired makes room,
//! and a write for which there is none is refused. Nothing is dropped that has not expired.

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
use crate::contract::shared_data as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::shared_data as gateway;

/// A value, and which writing of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was written.
    pub value: Vec<u8>,
    /// Changes with every write; never 0.
    pub version: u64,
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Another write came first: its version now, 0 where there is no entry. Only [`compare_and_swap`] says so.
    Conflict(u64),
    /// The policy's bytes are used up.
    Full,
}

/// The value of a key; `None` where it was not written, was removed, or has expired.
#[must_use]
pub fn get(key: &[u8]) -> Option<Entry> {
    gateway::get(key)
}

/// Writes a value, whatever is there; returns its version. It expires after `ttl`, cut to what the contract can say (1 ms
/// to 49 days), or never.
///
/// # Errors
/// The policy's bytes are used up.
pub fn set(key: &[u8], value: &[u8], ttl: Option<Duration>) -> Result<u64, WriteError> {
    gateway::set(key, value, ttl_ms(ttl))
}

/// Writes a value where the entry still has this version, 0 for where there is none; returns the new version.
///
/// # Errors
/// Another write came first, or the policy's bytes are used up.
pub fn compare_and_swap(key: &[u8], version: u64, value: &[u8], ttl: Option<Duration>) -> Result<u64, WriteError> {
    gateway::compare_and_swap(key, version, value, ttl_ms(ttl))
}

/// Writes what `change` makes of the value that is there, again for as long as other writes come first; returns what was
/// written.
///
/// # Errors
/// The policy's bytes are used up.
pub fn update(
    key: &[u8],
    ttl: Option<Duration>,
    mut change: impl FnMut(Option<&[u8]>) -> Vec<u8>,
) -> Result<Vec<u8>, WriteError> {
    loop {
        let before = get(key);
        let value = change(before.as_ref().map(|entry| entry.value.as_slice()));
        match compare_and_swap(key, before.map_or(0, |entry| entry.version), &value, ttl) {
            Ok(_) => return Ok(value),
            Err(WriteError::Conflict(_)) => {}
            Err(WriteError::Full) => return Err(WriteError::Full),
        }
    }
}

/// Removes an entry; returns whether there was one.
pub fn remove(key: &[u8]) -> bool {
    gateway::remove(key)
}

/// 0 is never, in the contract.
fn ttl_ms(ttl: Option<Duration>) -> u32 {
    ttl.map_or(0, |ttl| u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX).max(1))
}

//! Passwords of consumers. Grant: `passwords`.
//!
//! A check is slow on purpose, and the policy waits for it: a plugin that calls this has the roles `request`, `limit` and
//! `response` only.

use crate::consumers::ConsumerId;
#[cfg(target_arch = "wasm32")]
use crate::contract::proven as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::passwords as gateway;

/// Why nobody was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// There is no consumer of this name, it has no password, or this is not it. All three take the same time.
    Wrong,
    /// More passwords wait to be checked than may, or this call wanted more than four to be.
    Overloaded,
}

/// The consumer of this name, where this is its password.
///
/// # Errors
/// Why nobody was found.
pub fn verify(name: &str, password: &[u8]) -> Result<ConsumerId, PasswordError> {
    gateway::verify(name, password).map(ConsumerId::from_number)
}

//! The clients the operator knows by name. Grant: `consumers`.
//!
//! Credentials never enter a plugin: it hands over what the client sent, and the gateway compares.

#[cfg(target_arch = "wasm32")]
use crate::contract::consumers as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::consumers as gateway;

/// An identified client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// Tags the operator gave it.
    pub tags: Vec<String>,
}

/// The consumer that owns this API key. The comparison takes the same time for every key.
#[must_use]
pub fn find_by_key(key: &[u8]) -> Option<Consumer> {
    gateway::find_by_key(key)
}

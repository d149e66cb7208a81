//! One limit, ready to be named.

use tidegate_plugin_sdk::{Algorithm, Limit};

use crate::config;

/// What requests are held to, whoever makes them.
#[derive(Debug)]
pub(crate) struct Quota {
    units: u32,
    window_ms: u32,
    algorithm: Algorithm,
    name: String,
}

impl Quota {
    pub(crate) fn new(limit: &config::Limit) -> Self {
        let algorithm = match limit.algorithm {
            config::Algorithm::Gcra => Algorithm::Gcra(limit.capacity()),
            config::Algorithm::Window => Algorithm::Window,
            config::Algorithm::Sliding => Algorithm::Sliding,
        };
        Self { units: limit.limit, window_ms: limit.window.milliseconds(), algorithm, name: limit.name() }
    }

    /// What tells its counters from those of the other limits: one that comes or goes leaves the others as they are.
    pub(crate) fn mark(&self) -> [u8; 4] {
        self.window_ms.to_be_bytes()
    }

    /// The limit of whoever has this key.
    pub(crate) fn of(&self, key: Vec<u8>, cost: u32) -> Limit {
        let Self { units, window_ms, algorithm, ref name } = *self;
        Limit { key, units, window_ms, algorithm, cost, name: name.clone() }
    }
}

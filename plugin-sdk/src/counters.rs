//! Counters that all instances of a policy share, kept by the gateway over reloads. Grant: `counters`.
//!
//! A key belongs to the policy that uses it: two policies never meet in one counter. Every operation is atomic.
//!
//! Where the operator shares them with other gateways, takes and [`add`] may wait for an answer, and never fail for it; places
//! ([`hold`]) are never shared. `wit/capabilities.wit` says what may be relied on then.

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
use crate::contract::counters as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::counters as gateway;

/// Adds to a number and returns the sum; it starts at 0, and starts over once `ttl` has passed since it was last added to.
pub fn add(key: &[u8], amount: i64, ttl: Duration) -> i64 {
    gateway::add(key, amount, u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX).max(1))
}

/// Holds one of `limit` places while the exchange lasts whose request is decided on; returns how many are left, `None` where
/// all are held.
///
/// The gateway gives it back, however the exchange ends. Only a decision to let the request pass holds on to it, and from
/// calls other than [`on_request`](crate::RequestPolicy::on_request) it is held no longer than the call.
#[must_use]
pub fn hold(key: &[u8], limit: u32) -> Option<u32> {
    gateway::hold(key, limit)
}

/// A limit: this many units in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Units allowed in a window, at least 1: where it is 0 nothing is ever admitted.
    pub limit: u32,
    /// Length of the window in milliseconds, at least 1: 0 is taken as 1.
    pub window_ms: u32,
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
    /// Milliseconds until the same request could succeed: 0 where it was allowed, [`u32::MAX`] where it never can.
    pub retry_after_ms: u32,
}

impl Quota {
    /// This many units in each window; a window is cut to what the contract can say (1 ms to 49 days).
    #[must_use]
    pub fn per(limit: u32, window: Duration) -> Self {
        let window_ms = u32::try_from(window.as_millis()).unwrap_or(u32::MAX).max(1);
        Self { limit: limit.max(1), window_ms }
    }

    /// Takes `cost` units from a bucket that refills evenly and holds at most `burst` units (generic cell rate algorithm).
    #[must_use]
    pub fn take_gcra(self, key: &[u8], burst: u32, cost: u32) -> Admission {
        gateway::take_gcra(key, self, burst, cost)
    }

    /// Takes `cost` units from a window that starts over at multiples of its length.
    #[must_use]
    pub fn take_window(self, key: &[u8], cost: u32) -> Admission {
        gateway::take_window(key, self, cost)
    }

    /// Takes `cost` units from a window that slides: what the last one used counts by the share of it still in view.
    #[must_use]
    pub fn take_sliding(self, key: &[u8], cost: u32) -> Admission {
        gateway::take_sliding(key, self, cost)
    }
}

impl Admission {
    /// The wait in whole seconds, rounded up, as `retry-after` wants it (RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_after_seconds(&self) -> u32 {
        self.retry_after_ms.div_ceil(1000)
    }

    /// The time until the quota is whole, in whole seconds, rounded up.
    #[must_use]
    pub fn reset_seconds(&self) -> u32 {
        self.reset_ms.div_ceil(1000)
    }
}

//! What time it is, to the millisecond. Grant: `clock`.
//!
//! Both clocks stand still while a call runs. There is none in [`configure`](crate::Policy::configure).

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
use crate::contract::clock as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::clock as gateway;

/// The time since 1970-01-01T00:00:00Z, without leap seconds; it may be set back by the operator.
///
/// When a token ends is asked by [`keysets::verify_current`](crate::keysets::verify_current), without a clock.
#[must_use]
pub fn unix_time() -> Duration {
    Duration::from_millis(gateway::now_ms())
}

/// The time since some moment, never less than before: for measuring how long something took.
#[must_use]
pub fn monotonic() -> Duration {
    Duration::from_millis(gateway::monotonic_ms())
}

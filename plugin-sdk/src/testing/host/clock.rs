//! A clock that stands still until it is moved.

use std::time::Duration;

use super::{TestHost, with};

/// 2023-11-14T22:13:20Z.
const DAWN: Duration = Duration::from_secs(1_700_000_000);

impl TestHost {
    /// Moves the clock, that of the counters and of what expires too.
    pub fn advance(&self, by: Duration) {
        with(|state| state.now += by);
    }

    /// What a policy is told now; a host begins at 1 700 000 000 seconds.
    #[must_use]
    pub fn unix_time(&self) -> Duration {
        with(|state| DAWN + state.now)
    }
}

pub(crate) fn now_ms() -> u64 {
    with(|state| milliseconds(DAWN + state.now))
}

pub(crate) fn monotonic_ms() -> u64 {
    with(|state| milliseconds(state.now))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

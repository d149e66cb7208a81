//! When to ask again after a failure.

use std::time::Duration;

use tokio::time::sleep;

/// The wait after a first failure; each further one doubles it.
const FIRST: Duration = Duration::from_millis(250);
/// Who is back is noticed within this.
const LAST: Duration = Duration::from_secs(15);

/// Failures in a row, and how long to wait after them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    failures: u32,
}

impl Pace {
    /// One more answer ended like this.
    pub(super) fn count(&mut self, succeeded: bool) {
        self.failures = if succeeded { 0 } else { self.failures.saturating_add(1) };
    }

    /// Waits as long as the failures so far ask for; not at all where the last answer was good.
    pub(super) async fn after_failures(&self) {
        if self.failures > 0 {
            sleep(pause(self.failures, fastrand::f64())).await;
        }
    }
}

/// A tenth more or less, so that gateways that lost the same server do not ask together; `random` is 0 to 1.
fn pause(failures: u32, random: f64) -> Duration {
    let doublings = failures.saturating_sub(1);
    FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(LAST).mul_f64(0.9 + 0.2 * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_end() {
        assert_eq!(pause(1, 0.5), FIRST);
        assert_eq!(pause(3, 0.5), FIRST * 4);
        assert_eq!(pause(u32::MAX, 0.5), LAST);
        assert!(pause(9, 0.0) < LAST && pause(9, 1.0) > LAST);
    }
}

//! The arithmetic of counters, as the contract tells it, in microseconds of a made-up clock.

use crate::counters::{Admission, Quota};

/// One counter of the test host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    /// When the bucket will be full again (`take_gcra`).
    full_at_us: u64,
    /// The window counted last, by its number, and the units taken in it (`take_window`).
    window: (u64, u32),
    /// What was taken in the window before that one (`take_sliding`).
    before: u32,
}

/// The answer to a quota that admits nothing.
const NEVER: Admission = Admission { allowed: false, remaining: 0, reset_ms: 0, retry_after_ms: u32::MAX };

impl Cell {
    pub(super) fn take_gcra(&mut self, now_us: u64, quota: Quota, burst: u32, cost: u32) -> Admission {
        if quota.limit == 0 {
            return NEVER;
        }
        let per_unit = u64::from(quota.window_ms.max(1)) * 1000 / u64::from(quota.limit);
        let per_unit = per_unit.max(1);
        let capacity = per_unit * u64::from(burst);
        let debt = self.full_at_us.saturating_sub(now_us);
        let wanted = debt + per_unit * u64::from(cost);
        let allowed = wanted <= capacity;
        let debt = if allowed { wanted } else { debt };
        self.full_at_us = now_us + debt;
        Admission {
            allowed,
            remaining: clamp(capacity.saturating_sub(debt) / per_unit),
            reset_ms: milliseconds(debt),
            retry_after_ms: wait(allowed, cost > burst, || milliseconds(wanted - capacity)),
        }
    }

    pub(super) fn take_window(&mut self, now_us: u64, quota: Quota, cost: u32) -> Admission {
        if quota.limit == 0 {
            return NEVER;
        }
        let length = u64::from(quota.window_ms.max(1)) * 1000;
        let number = now_us / length;
        let taken = if self.window.0 == number { self.window.1 } else { 0 };
        let wanted = taken.saturating_add(cost);
        let allowed = wanted <= quota.limit;
        let taken = if allowed { wanted } else { taken };
        self.window = (number, taken);
        let rest = milliseconds(length - now_us % length);
        Admission {
            allowed,
            remaining: quota.limit.saturating_sub(taken),
            reset_ms: if taken == 0 { 0 } else { rest },
            retry_after_ms: wait(allowed, cost > quota.limit, || rest),
        }
    }

    /// Waits are told no more exactly than "once the window has ended".
    pub(super) fn take_sliding(&mut self, now_us: u64, quota: Quota, cost: u32) -> Admission {
        if quota.limit == 0 {
            return NEVER;
        }
        let length = u64::from(quota.window_ms.max(1)) * 1000;
        let number = now_us / length;
        match number.checked_sub(self.window.0) {
            Some(0) | None => {}
            Some(1) => (self.before, self.window) = (self.window.1, (number, 0)),
            Some(_) => (self.before, self.window) = (0, (number, 0)),
        }
        let rest = length - now_us % length;
        let in_view = (u64::from(self.before) * rest).div_ceil(length) + u64::from(self.window.1);
        let allowed = in_view + u64::from(cost) <= u64::from(quota.limit);
        if allowed {
            self.window.1 = self.window.1.saturating_add(cost);
        }
        let taken = if allowed { in_view + u64::from(cost) } else { in_view };
        Admission {
            allowed,
            remaining: clamp(u64::from(quota.limit).saturating_sub(taken)),
            reset_ms: if taken == 0 { 0 } else { milliseconds(rest + length) },
            retry_after_ms: wait(allowed, cost > quota.limit, || milliseconds(rest)),
        }
    }
}

/// How long to wait for what may be possible later.
fn wait(allowed: bool, never: bool, until: impl FnOnce() -> u32) -> u32 {
    match (allowed, never) {
        (true, _) => 0,
        (false, true) => u32::MAX,
        (false, false) => until(),
    }
}

fn milliseconds(us: u64) -> u32 {
    clamp(us.div_ceil(1000))
}

fn clamp(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_A_SECOND: Quota = Quota { limit: 10, window_ms: 1000 };

    #[test]
    fn a_bucket_holds_its_burst_and_refills_evenly() {
        let mut cell = Cell::default();
        for left in [2, 1, 0] {
            let admission = cell.take_gcra(0, TEN_A_SECOND, 3, 1);
            assert!(admission.allowed);
            assert_eq!(admission.remaining, left);
        }
        let refused = cell.take_gcra(0, TEN_A_SECOND, 3, 1);
        assert_eq!(refused, Admission { allowed: false, remaining: 0, reset_ms: 300, retry_after_ms: 100 });
        assert!(cell.take_gcra(100_000, TEN_A_SECOND, 3, 1).allowed);
    }

    #[test]
    fn a_cost_over_what_there_ever_is_never_passes_and_is_told_so() {
        let refused = [
            Cell::default().take_gcra(0, TEN_A_SECOND, 3, 4),
            Cell::default().take_window(0, TEN_A_SECOND, 11),
            Cell::default().take_sliding(0, TEN_A_SECOND, 11),
        ];
        assert!(refused.iter().all(|refused| !refused.allowed && refused.retry_after_ms == u32::MAX), "{refused:?}");
    }

    #[test]
    fn a_quota_of_nothing_admits_nothing() {
        let nothing = Quota { limit: 0, window_ms: 1000 };
        assert_eq!(Cell::default().take_gcra(0, nothing, 3, 0), NEVER);
        assert_eq!(Cell::default().take_window(0, nothing, 0), NEVER);
        assert_eq!(Cell::default().take_sliding(0, nothing, 0), NEVER);
    }

    #[test]
    fn a_window_starts_over_at_multiples_of_its_length() {
        let mut cell = Cell::default();
        assert!(cell.take_window(900_000, TEN_A_SECOND, 10).allowed);
        let refused = cell.take_window(900_000, TEN_A_SECOND, 1);
        assert_eq!(refused, Admission { allowed: false, remaining: 0, reset_ms: 100, retry_after_ms: 100 });
        assert!(cell.take_window(1_000_000, TEN_A_SECOND, 1).allowed);
    }
}

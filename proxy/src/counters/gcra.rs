//! A bucket that refills evenly: the generic cell rate algorithm (ITU-T I.371), one number of state.

use std::num::NonZeroU128;

use super::{Admission, Quota};

/// Times are kept in units of 2^-32 ns, so that the interval of every quota is a whole number far above zero. The
/// largest value, a `u32::MAX` burst of one unit in `u32::MAX` ms, takes 117 bits.
const FRACTION_BITS: u32 = 32;
const NS_PER_MS: u64 = 1_000_000;
const UNITS_PER_MS: u128 = (NS_PER_MS as u128) << FRACTION_BITS;

/// The theoretical arrival time: when the bucket will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gcra {
    full_at: u128,
}

impl Gcra {
    /// Capacity and increments are multiples of one and the same interval, so that exactly `burst` units fit whatever
    /// was rounded.
    pub(super) fn take(&mut self, now_ns: u64, quota: Quota, burst: u32, cost: u32) -> Admission {
        let Some(interval) = interval(quota) else { return Admission::NEVER };
        let now = u128::from(now_ns) << FRACTION_BITS;
        let horizon = now + interval.get() * u128::from(burst);
        // Debt under an earlier, slower quota shrinks to a bucket that is empty under this one.
        let before = self.full_at.clamp(now, horizon);
        let after = before + interval.get() * u128::from(cost);
        let allowed = after <= horizon;
        let full_at = if allowed { after } else { before };
        self.full_at = full_at;
        Admission {
            allowed,
            remaining: u32::try_from((horizon - full_at) / interval).unwrap_or(u32::MAX),
            reset_ms: ceil_ms(full_at - now),
            retry_after_ms: match (allowed, cost > burst) {
                (true, _) => 0,
                (false, true) => u32::MAX,
                (false, false) => ceil_ms(after - horizon),
            },
        }
    }

    /// When this bucket stops telling anything.
    pub(super) fn expires_ns(self) -> u64 {
        u64::try_from(self.full_at >> FRACTION_BITS).unwrap_or(u64::MAX)
    }
}

/// Time one unit takes to come back; none where none ever does.
fn interval(quota: Quota) -> Option<NonZeroU128> {
    let window = u128::from(quota.window_ms()) * UNITS_PER_MS;
    window.checked_div(u128::from(quota.limit)).and_then(NonZeroU128::new)
}

fn ceil_ms(units: u128) -> u32 {
    u32::try_from(units.div_ceil(UNITS_PER_MS)).unwrap_or(u32::MAX)
}

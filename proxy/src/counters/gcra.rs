//! A bucket that refills evenly: the generic cell rate algorithm (ITU-T I.371), one number of state.

use std::num::NonZeroU128;

use super::{Admission, Quota};

/// Times are kept in units of 2^-32 ns, so that the interval of every quota is a whole number far above zero. The
/// largest value, a `u32::MAX` burst of one unit in `u32::MAX` ms, takes 117 bits.
const FRACTION_BITS: u32 = 32;
const NS_PER_MS: u64 = 1_000_000;
const UNITS_PER_MS: u128 = (NS_PER_MS as u128) << FRACTION_BITS;

/// The time that one unit takes to come back: found by dividing large numbers, and therefore once for a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval(NonZeroU128);

impl Interval {
    /// `None` where no unit ever comes back.
    pub(super) fn of(quota: Quota) -> Option<Self> {
        let window = u128::from(quota.window_ms()) * UNITS_PER_MS;
        window.checked_div(u128::from(quota.limit)).and_then(NonZeroU128::new).map(Self)
    }

    fn times(self, units: u32) -> u128 {
        self.0.get() * u128::from(units)
    }
}

/// The theoretical arrival time: when the bucket will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gcra {
    full_at: u128,
}

impl Gcra {
    /// Capacity and increments are multiples of one and the same interval, so that exactly `burst` units fit whatever
    /// was rounded.
    pub(super) fn take(&mut self, now_ns: u64, interval: Option<Interval>, burst: u32, cost: u32) -> Admission {
        let Some(interval) = interval else { return Admission::NEVER };
        let now = u128::from(now_ns) << FRACTION_BITS;
        let horizon = now + interval.times(burst);
        // Debt under an earlier, slower quota shrinks to a bucket that is empty under this one.
        let before = self.full_at.clamp(now, horizon);
        let after = before + interval.times(cost);
        let allowed = after <= horizon;
        let full_at = if allowed { after } else { before };
        self.full_at = full_at;
        Admission {
            allowed,
            remaining: u32::try_from((horizon - full_at) / interval.0).unwrap_or(u32::MAX),
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

/// Rounded up twice, which comes to the same as once: the second time in numbers that divide quickly.
fn ceil_ms(units: u128) -> u32 {
    let ns = units.div_ceil(1 << FRACTION_BITS);
    u64::try_from(ns).ok().and_then(|ns| u32::try_from(ns.div_ceil(NS_PER_MS)).ok()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn milliseconds_are_rounded_up_as_by_one_division(units in any::<u128>(), shift in 0_u32..128) {
            let units = units >> shift;
            let expected = u32::try_from(units.div_ceil(UNITS_PER_MS)).unwrap_or(u32::MAX);
            prop_assert_eq!(ceil_ms(units), expected);
        }

        #[test]
        fn whole_milliseconds_are_not_rounded(ms in any::<u32>(), more in -1_i8..=1) {
            let units = (u128::from(ms) * UNITS_PER_MS).saturating_add_signed(i128::from(more));
            prop_assert_eq!(ceil_ms(units), ms.saturating_add(u32::from(more > 0)));
        }
    }
}

//! A window that starts over at multiples of its length.

use super::{Admission, Quota};

const NS_PER_MS: u64 = 1_000_000;

/// What was taken in the window that ends then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    end_ms: u64,
    used: u32,
}

impl Window {
    /// Where the length changes while a window is under way, what was taken in it stays counted.
    pub(super) fn take(&mut self, now_ns: u64, quota: Quota, cost: u32) -> Admission {
        let now_ms = now_ns / NS_PER_MS;
        let length = quota.window_ms();
        let end_ms = (now_ms / length).saturating_add(1).saturating_mul(length);
        let before = if self.end_ms > now_ms { self.used } else { 0 };
        let taken = before.checked_add(cost).filter(|used| quota.limit > 0 && *used <= quota.limit);
        if let Some(used) = taken {
            *self = Self { end_ms, used };
        }
        let left_ms = u32::try_from(end_ms - now_ms).unwrap_or(u32::MAX);
        Admission {
            allowed: taken.is_some(),
            remaining: quota.limit.saturating_sub(taken.unwrap_or(before)),
            reset_ms: left_ms,
            retry_after_ms: match taken {
                Some(_) => 0,
                None if cost > quota.limit || quota.limit == 0 => u32::MAX,
                None => left_ms,
            },
        }
    }

    /// When this window stops telling anything.
    pub(super) fn expires_ns(self) -> u64 {
        self.end_ms.saturating_mul(NS_PER_MS)
    }
}

//! A number that is added to, and starts over when it was left alone for long enough.

const NS_PER_MS: u64 = 1_000_000;

/// The sum, and until when it stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number {
    sum: i64,
    expires_ns: u64,
}

impl Number {
    pub(super) fn add(&mut self, now_ns: u64, amount: i64, ttl_ms: u32) -> i64 {
        let before = if self.expires_ns > now_ns { self.sum } else { 0 };
        self.sum = before.saturating_add(amount);
        self.expires_ns = now_ns.saturating_add(u64::from(ttl_ms.max(1)) * NS_PER_MS);
        self.sum
    }

    pub(super) fn expires_ns(self) -> u64 {
        self.expires_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_starts_over_once_it_was_left_alone_for_its_time_to_live() {
        let mut number = Number::default();
        assert_eq!(number.add(0, 5, 10), 5);
        assert_eq!(number.add(9 * NS_PER_MS, -2, 10), 3);
        assert_eq!(number.add(18 * NS_PER_MS, 0, 10), 3);
        assert_eq!(number.add(28 * NS_PER_MS, 1, 10), 1);
    }

    #[test]
    fn a_time_to_live_of_nothing_is_a_millisecond() {
        let mut number = Number::default();
        assert_eq!(number.add(0, 1, 0), 1);
        assert_eq!(number.add(NS_PER_MS - 1, 1, 0), 2);
        assert_eq!(number.add(2 * NS_PER_MS - 1, 1, 0), 1);
    }

    #[test]
    fn a_number_saturates() {
        let mut number = Number::default();
        assert_eq!(number.add(0, i64::MAX, 10), i64::MAX);
        assert_eq!(number.add(0, 1, 10), i64::MAX);
    }
}

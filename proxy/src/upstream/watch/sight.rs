//! What a look at the counts of an endpoint shows, beside the looks before.

use std::time::{Duration, Instant};

use crate::upstream::traffic::Counts;

/// The counts of one endpoint over time.
#[derive(Debug)]
pub(super) struct Sight {
    /// As they were at the last look.
    pub(super) counts: Counts,
    /// The last look that found something new said.
    pub(super) heard_at: Option<Instant>,
    /// The first look since when requests wait and nothing was said.
    pub(super) silent_since: Option<Instant>,
    /// Requests that have waited for one look at least.
    pub(super) stuck: u32,
    window: Window,
}

/// The counts at the beginnings of two half windows: what came since the older one is between half a window's and a whole
/// one's.
#[derive(Debug)]
struct Window {
    since: Instant,
    older: Counts,
    newer: Counts,
}

impl Sight {
    pub(super) fn new(counts: Counts, now: Instant) -> Self {
        let window = Window { since: now, older: counts, newer: counts };
        Self { counts, heard_at: None, silent_since: None, stuck: 0, window }
    }

    /// Takes the counts of now.
    pub(super) fn look(&mut self, counts: Counts, now: Instant, width: Duration) {
        let before = std::mem::replace(&mut self.counts, counts);
        let heard = (before.good, before.bad) != (counts.good, counts.bad);
        if heard {
            self.heard_at = Some(now);
        }
        if counts.waiting == 0 {
            self.silent_since = None;
        } else if heard || self.silent_since.is_none() {
            self.silent_since = Some(now);
        }
        self.stuck = if heard { 0 } else { before.waiting.min(counts.waiting) };
        if now.saturating_duration_since(self.window.since) >= width / 2 {
            self.window = Window { since: now, older: self.window.newer, newer: counts };
        }
    }

    /// Whether nobody has asked anything for a window, nor does now.
    pub(super) fn is_at_rest(&self) -> bool {
        self.counts == self.window.older && self.counts.waiting == 0
    }

    /// How long requests have waited while nothing was said.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        self.silent_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Tries that ended in the window, and those of them that failed.
    pub(super) fn tries(&self) -> (u32, u32) {
        let Counts { good, bad, cut, .. } = self.window.older;
        let good = self.counts.good.wrapping_sub(good).saturating_sub(self.counts.cut.wrapping_sub(cut));
        let bad = self.counts.bad.wrapping_sub(bad);
        (good.saturating_add(bad), bad)
    }

    /// Begins the window anew.
    pub(super) fn forget(&mut self, now: Instant) {
        self.window = Window { since: now, older: self.counts, newer: self.counts };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: Duration = Duration::from_secs(10);

    fn counts(good: u32, bad: u32, waiting: u32) -> Counts {
        Counts { good, bad, in_a_row: 0, cut: 0, waiting }
    }

    /// Looks once a second at these counts.
    fn after(looks: &[Counts]) -> (Sight, Instant) {
        let begin = Instant::now();
        let mut sight = Sight::new(Counts::default(), begin);
        let mut now = begin;
        for counts in looks {
            now += Duration::from_secs(1);
            sight.look(*counts, now, WIDTH);
        }
        (sight, now)
    }

    #[test]
    fn silence_begins_with_the_first_request_left_waiting() {
        let (sight, now) = after(&[counts(3, 0, 0), counts(3, 0, 1), counts(3, 0, 5), counts(3, 0, 9)]);
        assert_eq!(sight.silence(now), Duration::from_secs(2));
        assert_eq!(sight.stuck, 5, "the other four may have come just now");
    }

    #[test]
    fn any_answer_and_nobody_waiting_end_a_silence() {
        for last in [counts(4, 0, 7), counts(3, 1, 7), counts(3, 0, 0)] {
            let (sight, now) = after(&[counts(3, 0, 1), counts(3, 0, 8), last]);
            assert_eq!((sight.silence(now), sight.stuck), (Duration::ZERO, 0), "{last:?}");
        }
    }

    #[test]
    fn a_window_forgets_what_is_older_than_itself() {
        let mut looks = vec![counts(0, 10, 0)];
        looks.extend([counts(5, 10, 0); 4]);
        assert_eq!(after(&looks).0.tries(), (15, 10));
        looks.extend([counts(5, 10, 0); 6]);
        assert_eq!(after(&looks).0.tries(), (0, 0));
    }

    #[test]
    fn an_answer_that_broke_off_is_one_try() {
        let cut = Counts { cut: 4, ..counts(10, 5, 0) };
        assert_eq!(after(&[cut]).0.tries(), (11, 5));
    }

    #[test]
    fn counts_that_wrap_are_counted_on() {
        let begin = Instant::now();
        let mut sight = Sight::new(counts(u32::MAX, u32::MAX - 1, 0), begin);
        sight.look(counts(1, 1, 0), begin, WIDTH);
        assert_eq!(sight.tries(), (5, 3));
    }
}

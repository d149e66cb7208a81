//! What requests tell of an endpoint: counted by whoever asks it, judged elsewhere (see `watch`).
//!
//! A request adds to a few relaxed counters and never waits, allocates or looks at a clock for it.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::observe::metrics::TryFailure;

/// Counts of one endpoint; they wrap.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    good: AtomicU32,
    bad: AtomicU32,
    in_a_row: AtomicU32,
    cut: AtomicU32,
    cut_in_a_row: AtomicU32,
    waiting: AtomicU32,
    /// The last `Failing`, see `Failing::code`.
    last: AtomicU32,
}

/// What an endpoint said to a try, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A response head that speaks for it.
    Good,
    /// Something that speaks against it.
    Bad(Failing),
}

/// What speaks against an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The try failed.
    Try(TryFailure),
    /// It was answered with a status that counts as failing.
    Status(u16),
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Good answers so far.
    pub(super) good: u32,
    /// Failed tries so far.
    pub(super) bad: u32,
    /// Of them, those since the last good answer; or those whose body broke off, since the last whole one.
    pub(super) in_a_row: u32,
    /// Failed tries that had been answered well: each is counted among the good ones too.
    pub(super) cut: u32,
    /// Tries that are with the endpoint as a whole, and were not answered.
    pub(super) waiting: u32,
}

impl Traffic {
    pub(super) fn counts(&self) -> Counts {
        Counts {
            good: self.good.load(Ordering::Relaxed),
            bad: self.bad.load(Ordering::Relaxed),
            in_a_row: self.in_a_row.load(Ordering::Relaxed).max(self.cut_in_a_row.load(Ordering::Relaxed)),
            cut: self.cut.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// Answers and failures so far, where the last was no failure and none is awaited.
    pub(super) fn said_at_rest(&self) -> Option<u32> {
        let Counts { good, bad, in_a_row, waiting, .. } = self.counts();
        ((in_a_row, waiting) == (0, 0)).then(|| good.wrapping_add(bad))
    }

    /// What last spoke against it; `None` where nothing ever did.
    pub(super) fn last_failing(&self) -> Option<Failing> {
        Failing::of_code(self.last.load(Ordering::Relaxed))
    }

    pub(super) fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn wait_no_more(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn hear(&self, heard: Heard) {
        match heard {
            Heard::Good => {
                self.good.fetch_add(1, Ordering::Relaxed);
                // Storing what is there already would take the line from the other workers.
                if self.in_a_row.load(Ordering::Relaxed) != 0 {
                    self.in_a_row.store(0, Ordering::Relaxed);
                }
            }
            Heard::Bad(failing) => {
                self.last.store(failing.code(), Ordering::Relaxed);
                self.bad.fetch_add(1, Ordering::Relaxed);
                self.in_a_row.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// An answer broke off after its head. The next head says nothing against that, only a whole answer does.
    pub(super) fn cut(&self, failing: Failing) {
        self.last.store(failing.code(), Ordering::Relaxed);
        self.bad.fetch_add(1, Ordering::Relaxed);
        self.cut.fetch_add(1, Ordering::Relaxed);
        self.cut_in_a_row.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer came to its end.
    pub(super) fn whole(&self) {
        if self.cut_in_a_row.load(Ordering::Relaxed) != 0 {
            self.cut_in_a_row.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn forgive(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
        self.cut_in_a_row.store(0, Ordering::Relaxed);
    }
}

/// In the order of their codes, which begin at 1; a status, which is 100 at least, is its own.
const FAILURES: [TryFailure; 6] = [
    TryFailure::Connect,
    TryFailure::Tls,
    TryFailure::ConnectTimeout,
    TryFailure::Reset,
    TryFailure::Timeout,
    TryFailure::Garbage,
];

impl Failing {
    fn code(self) -> u32 {
        match self {
            Self::Status(status) => status.into(),
            Self::Try(failure) => (1..).zip(FAILURES).find(|(_, known)| *known == failure).map_or(0, |(code, _)| code),
        }
    }

    fn of_code(code: u32) -> Option<Self> {
        let index = usize::try_from(code.checked_sub(1)?).ok()?;
        match FAILURES.get(index) {
            Some(failure) => Some(Self::Try(*failure)),
            None => u16::try_from(code).ok().map(Self::Status),
        }
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Try(TryFailure::Connect) => f.write_str("no connection"),
            Self::Try(TryFailure::Tls) => f.write_str("no TLS session"),
            Self::Try(TryFailure::ConnectTimeout) => f.write_str("no connection in time"),
            Self::Try(TryFailure::Reset) => f.write_str("the connection broke"),
            Self::Try(TryFailure::Timeout) => f.write_str("no answer in time"),
            Self::Try(TryFailure::Garbage) => f.write_str("not HTTP"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_forgotten_at_a_good_answer() {
        let traffic = Traffic::default();
        let bad = Heard::Bad(Failing::Status(503));
        for heard in [bad, bad, Heard::Good, bad] {
            traffic.hear(heard);
        }
        assert_eq!(traffic.counts(), Counts { good: 1, bad: 3, in_a_row: 1, cut: 0, waiting: 0 });
    }

    #[test]
    fn answers_that_broke_off_are_forgotten_at_a_whole_one() {
        let traffic = Traffic::default();
        for in_a_row in 1..3 {
            traffic.hear(Heard::Good);
            traffic.cut(Failing::Try(TryFailure::Reset));
            assert_eq!(traffic.counts(), Counts { good: in_a_row, bad: in_a_row, in_a_row, cut: in_a_row, waiting: 0 });
        }
        traffic.hear(Heard::Good);
        assert_eq!(traffic.counts().in_a_row, 2, "its head is no more than a head");
        traffic.whole();
        assert_eq!(traffic.counts().in_a_row, 0);
    }

    #[test]
    fn what_last_spoke_against_it_is_kept() {
        let traffic = Traffic::default();
        assert_eq!(traffic.last_failing(), None);
        for failing in FAILURES.map(Failing::Try).into_iter().chain([100, 503, 999].map(Failing::Status)) {
            traffic.hear(Heard::Bad(failing));
            assert_eq!(traffic.last_failing(), Some(failing));
        }
    }
}

//! Which failed tries may be made again, and how many of them.
//!
//! Retries multiply the load of whoever fails because of load. So those of an upstream are held to a share of the requests
//! of about the last ten seconds. Not counted is what cost the endpoint nothing: a connection that was not had, and one
//! that had ended while nobody used it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::model::{RetryCondition, Upstream};
use crate::observe::metrics::TryFailure;

/// Half of the time that is looked back on.
const HALF: Duration = Duration::from_secs(5);
/// Retries that are always allowed in that time: a share of few requests would be none.
const FLOOR: u32 = 100;

/// When a failed try of an upstream is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryTerms {
    /// Further tries of one request.
    pub most: u32,
    /// After what.
    pub on: Vec<RetryCondition>,
    /// Retries at most, in percent of requests.
    pub budget: u32,
}

impl From<&Upstream> for RetryTerms {
    fn from(spec: &Upstream) -> Self {
        Self { most: spec.retries, on: spec.retry_on.clone(), budget: spec.retry_budget }
    }
}

impl RetryTerms {
    /// Whether a try that failed like this is one to be made again.
    #[must_use]
    pub fn is_reason(&self, failure: TryFailure) -> bool {
        let condition = match failure {
            TryFailure::Connect | TryFailure::Tls | TryFailure::ConnectTimeout => RetryCondition::Connect,
            TryFailure::Reset => RetryCondition::Reset,
            TryFailure::Timeout => RetryCondition::Timeout,
            TryFailure::Garbage => RetryCondition::Garbage,
        };
        self.on.contains(&condition)
    }
}

/// Requests and retries of one upstream, over its snapshots.
#[derive(Debug)]
pub struct RetryBudget {
    requests: AtomicU32,
    /// Taken where a try failed, and nowhere else.
    ledger: Mutex<Ledger>,
}

/// Counts at the beginnings of two halves: what came since the older one is between one half's and two's.
#[derive(Debug)]
struct Ledger {
    retries: u32,
    since: Instant,
    older: Entry,
    newer: Entry,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    requests: u32,
    retries: u32,
}

impl RetryBudget {
    /// One that nothing was taken from.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let nothing = Entry::default();
        let ledger = Ledger { retries: 0, since: now, older: nothing, newer: nothing };
        Self { requests: AtomicU32::new(0), ledger: Mutex::new(ledger) }
    }

    /// A request is made for the first time.
    pub fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether one more retry may be made now; it counts as made then.
    pub fn take(&self, percent: u32, now: Instant) -> bool {
        let requests = self.requests.load(Ordering::Relaxed);
        let mut ledger = self.ledger.lock();
        ledger.roll(requests, now);
        let recent = u64::from(requests.wrapping_sub(ledger.older.requests));
        let allowed = if percent == 0 { 0 } else { (recent * u64::from(percent) / 100).max(FLOOR.into()) };
        let is_left = u64::from(ledger.retries.wrapping_sub(ledger.older.retries)) < allowed;
        if is_left {
            ledger.retries = ledger.retries.wrapping_add(1);
        }
        is_left
    }
}

impl Ledger {
    /// Where nobody looked for more than two halves, what came in the last is taken from the average.
    fn roll(&mut self, requests: u32, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed < HALF {
            return;
        }
        self.older = if passed < 2 * HALF {
            self.newer
        } else {
            let all = f64::from(requests.wrapping_sub(self.newer.requests));
            let recent = all * HALF.as_secs_f64() / passed.as_secs_f64();
            Entry { requests: requests.wrapping_sub(recent as u32), retries: self.retries }
        };
        self.newer = Entry { requests, retries: self.retries };
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(budget: &RetryBudget, now: Instant) -> usize {
        (0..10_000).take_while(|_| budget.take(20, now)).count()
    }

    fn asked(budget: &RetryBudget, requests: usize) {
        (0..requests).for_each(|_| budget.request());
    }

    #[test]
    fn retries_are_a_share_of_requests() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        asked(&budget, 5000);
        assert_eq!(taken(&budget, now), 1000);
        asked(&budget, 10);
        assert_eq!(taken(&budget, now), 2);
    }

    #[test]
    fn few_requests_have_some_retries_all_the_same() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        asked(&budget, 3);
        assert_eq!(taken(&budget, now), FLOOR as usize);
        assert_eq!(taken(&budget, now + HALF), 0, "they were just made");
        assert_eq!(taken(&budget, now + 2 * HALF), FLOOR as usize);
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing() {
        let budget = RetryBudget::new(Instant::now());
        asked(&budget, 1000);
        assert!(!budget.take(0, Instant::now()));
    }

    #[test]
    fn requests_of_long_ago_allow_nothing() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        asked(&budget, 36_000);
        assert_eq!(taken(&budget, now + 3600 * SECOND), FLOOR as usize, "ten a second are fifty in five seconds");
    }

    #[test]
    fn traffic_before_the_first_failure_counts_by_its_average() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        asked(&budget, 100_000);
        assert_eq!(taken(&budget, now + 100 * SECOND), 1000);
    }

    #[test]
    fn the_sum_of_all_retries_follows_the_sum_of_all_requests() {
        let mut now = Instant::now();
        let budget = RetryBudget::new(now);
        let mut retries = 0;
        for _ in 0..100 {
            now += SECOND;
            asked(&budget, 1000);
            retries += taken(&budget, now);
        }
        assert!((15_000..=20_000).contains(&retries), "{retries} of 100 000");
    }
}

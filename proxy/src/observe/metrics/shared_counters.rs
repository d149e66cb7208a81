//! What the counters that gateways share count themselves.

use super::families::Families;
use super::series::Counter;

/// Why Redis did not decide though it was there, as far as was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedCounterFailure {
    /// No answer in time.
    Timeout,
    /// The connection broke.
    Connection,
    /// An error, or no answer at all that could be one.
    Answer,
    /// It was not asked: too many calls of the policy wait for it.
    Crowded,
}

/// Handles of the counters that gateways share.
#[derive(Clone, Debug)]
pub struct SharedCounterMetrics {
    there: Counter,
    here: Counter,
    timeout: Counter,
    connection: Counter,
    answer: Counter,
    crowded: Counter,
}

impl SharedCounterMetrics {
    pub(super) fn new(families: &Families) -> Self {
        let calls = |decided| families.shared_counter_calls.series([decided]);
        let failures = |kind| families.shared_counter_failures.series([kind]);
        Self {
            there: calls("shared"),
            here: calls("local"),
            timeout: failures("timeout"),
            connection: failures("connection"),
            answer: failures("answer"),
            crowded: failures("crowded"),
        }
    }

    /// Redis decided.
    pub fn decided_there(&self) {
        self.there.increment();
    }

    /// The gateway decided by itself.
    pub fn decided_here(&self) {
        self.here.increment();
    }

    /// Redis was asked in vain.
    pub fn failed(&self, failure: SharedCounterFailure) {
        match failure {
            SharedCounterFailure::Timeout => self.timeout.increment(),
            SharedCounterFailure::Connection => self.connection.increment(),
            SharedCounterFailure::Answer => self.answer.increment(),
            SharedCounterFailure::Crowded => self.crowded.increment(),
        }
    }
}

//! What operators learn about a policy.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::failure::PluginFailure;
use super::roles::Role;
use crate::observe::metrics::CallOutcome;
use crate::policy::view::RequestView;

/// A policy that fails at every request fills no log: so long a kind of failure is told once.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// How a policy is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyStatistics {
    /// Instances alive.
    pub instances: u32,
    /// Of those, how many wait for work.
    pub idle: usize,
    /// Calls made.
    pub calls: u64,
    /// Calls that were not made, since equal ones were decided before.
    pub remembered: u64,
    /// Calls that failed.
    pub failures: FailureCounts,
    /// What the last failure was.
    pub last_failure: Option<String>,
}

/// Failed calls by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCounts {
    /// Out of CPU budget.
    pub out_of_time: u64,
    /// Trapped.
    pub trap: u64,
    /// Out of memory budget.
    pub out_of_memory: u64,
    /// Returned what is not allowed.
    pub illegal: u64,
    /// All instances busy.
    pub overloaded: u64,
    /// Not made, because the policy was quarantined.
    pub quarantined: u64,
}

impl FailureCounts {
    fn of_kind(&mut self, failure: &PluginFailure) -> &mut u64 {
        match failure {
            PluginFailure::OutOfTime => &mut self.out_of_time,
            PluginFailure::Trap(_) => &mut self.trap,
            PluginFailure::OutOfMemory => &mut self.out_of_memory,
            PluginFailure::Illegal(_) => &mut self.illegal,
            PluginFailure::Overloaded => &mut self.overloaded,
            PluginFailure::Quarantined => &mut self.quarantined,
        }
    }
}

/// Running counts of one policy. Only failures meet at the lock.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    calls: AtomicU64,
    quarantined: AtomicU64,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    counts: FailureCounts,
    last: Option<String>,
    /// By their kinds, as far as there were any.
    lines: HashMap<CallOutcome, Lines>,
}

/// What the log was told of one kind of failure.
#[derive(Debug, Default)]
struct Lines {
    last: Option<Instant>,
    unsaid: u64,
}

/// What a failed call was about.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) role: Role,
    pub(super) request: &'a dyn RequestView,
}

impl Recorder {
    pub(super) fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A call was not made. It may be every request: nobody waits for a lock, and the log heard of the quarantine.
    pub(super) fn quarantined(&self) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failure, and tells the log about it where it was not told of one of its kind just before.
    pub(super) fn failure(&self, policy: &str, asked: Asked<'_>, failure: &PluginFailure) {
        let text = failure.to_string();
        let now = Instant::now();
        let unsaid = {
            let mut failures = self.failures.lock();
            *failures.counts.of_kind(failure) += 1;
            failures.last = Some(text.clone());
            match failures.lines.entry(failure.outcome()).or_default().admit(now) {
                Some(unsaid) => unsaid,
                None => return,
            }
        };
        let (role, request_id) = (asked.role.name(), asked.request.request_id());
        tracing::warn!(policy, role, request_id, failure = text, more_like_this = unsaid, "policy failed");
    }

    pub(super) fn read(&self, instances: u32, idle: usize) -> PolicyStatistics {
        let failures = self.failures.lock();
        PolicyStatistics {
            instances,
            idle,
            calls: self.calls.load(Ordering::Relaxed),
            remembered: 0,
            failures: FailureCounts { quarantined: self.quarantined.load(Ordering::Relaxed), ..failures.counts },
            last_failure: failures.last.clone(),
        }
    }
}

impl Lines {
    /// How many were left out since the last line, where there may be another one now.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < BETWEEN_LINES) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_many_were_left_out_since_the_one_before() {
        let (mut lines, began) = (Lines::default(), Instant::now());
        assert_eq!(lines.admit(began), Some(0));
        let later = |milliseconds| began + Duration::from_millis(milliseconds);
        assert_eq!([lines.admit(later(1)), lines.admit(later(999))], [None, None]);
        assert_eq!([lines.admit(later(1000)), lines.admit(later(2000))], [Some(2), Some(0)]);
    }
}

//! What operators learn about a policy.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::failure::PluginFailure;

/// A policy that fails at every request fills no log.
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
    last_line: Option<Instant>,
    unsaid: u64,
}

impl Recorder {
    pub(super) fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A call was not made. It may be every request: nobody waits for a lock, and the log heard of the quarantine.
    pub(super) fn quarantined(&self) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failure, and tells the log about it once in a while.
    pub(super) fn failure(&self, policy: &str, failure: &PluginFailure) {
        let text = failure.to_string();
        let now = Instant::now();
        let unsaid = {
            let mut failures = self.failures.lock();
            *failures.counts.of_kind(failure) += 1;
            failures.last = Some(text.clone());
            if failures.last_line.is_some_and(|last| now.duration_since(last) < BETWEEN_LINES) {
                failures.unsaid += 1;
                return;
            }
            failures.last_line = Some(now);
            std::mem::take(&mut failures.unsaid)
        };
        tracing::warn!(policy, failure = text, more_like_this = unsaid, "policy failed");
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

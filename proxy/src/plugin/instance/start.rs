//! How long an instance may take to start and to take over its configuration.
//!
//! Where a policy is bound only the operator waits: a start may take a second there, and what it took is kept. On a
//! worker every request waits, so that a start may take little more there than it did before.

use std::sync::OnceLock;
use std::time::Duration;

/// CPU time where a policy is bound. Much more than a call gets.
pub(in crate::plugin) const START_BUDGET: Duration = Duration::from_secs(1);
/// What a start may take of a worker whatever `limits.cpu` says: twenty times what the slowest of the language runtimes
/// among the examples takes, so that cold caches, first touches of memory and a busy machine make no failure of a sound one.
const ALWAYS: Duration = Duration::from_millis(20);
/// By how much a start on a worker may be slower than the first one.
const SLOWER: u32 = 4;

/// What the starts of a policy's instances may take.
#[derive(Debug)]
pub(in crate::plugin) struct StartBudget {
    cpu: Duration,
    on_workers: OnceLock<Duration>,
}

impl StartBudget {
    /// Of a plugin whose calls may take `cpu`.
    pub(in crate::plugin) fn new(cpu: Duration) -> Self {
        Self { cpu, on_workers: OnceLock::new() }
    }

    /// CPU time that a start may take now.
    pub(in crate::plugin) fn now(&self) -> Duration {
        self.on_workers.get().copied().unwrap_or(START_BUDGET)
    }

    /// The first start took this CPU time, and those that follow happen on workers.
    pub(in crate::plugin) fn took(&self, first: Duration) {
        let budget = first.saturating_mul(SLOWER).saturating_add(self.cpu).clamp(ALWAYS, START_BUDGET);
        // Who bound the policy tells it once.
        let _ = self.on_workers.set(budget);
    }

    /// CPU time that a first start may take where those that follow keep their worker: what the operator lets a call keep
    /// it for.
    pub(in crate::plugin) fn most_kept(&self) -> Duration {
        self.cpu.max(ALWAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(first: Duration, cpu: Duration) -> Duration {
        let budget = StartBudget::new(cpu);
        budget.took(first);
        budget.now()
    }

    #[test]
    fn before_the_first_start_is_known_a_second_is_allowed() {
        assert_eq!(StartBudget::new(MS).now(), START_BUDGET);
    }

    #[test]
    fn a_start_on_a_worker_may_take_a_few_times_as_long_as_the_first_and_a_call() {
        assert_eq!(after(10 * MS, 3 * MS), 43 * MS);
    }

    #[test]
    fn a_quick_start_may_be_slow_once_and_none_takes_more_than_a_second() {
        assert_eq!(after(Duration::ZERO, MS), ALWAYS);
        assert_eq!(after(400 * MS, MS), START_BUDGET);
        assert_eq!(after(MS, START_BUDGET * 5), START_BUDGET);
    }

    #[test]
    fn what_a_start_may_keep_a_worker_for_is_the_operators_to_raise() {
        assert_eq!(StartBudget::new(MS).most_kept(), ALWAYS);
        assert_eq!(StartBudget::new(100 * MS).most_kept(), 100 * MS);
    }
}

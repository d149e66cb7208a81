//! How many lines a policy may write in a second, and how many it wanted to.

use std::sync::atomic::{AtomicU64, Ordering};

use super::TARGET;

/// Lines of one policy, over all its instances.
#[derive(Debug)]
pub(in crate::plugin) struct LogBudget {
    policy: String,
    lines: u32,
    /// The second that is counted in the upper half, the lines written in it in the lower one.
    current: AtomicU64,
    unwritten: AtomicU64,
}

impl LogBudget {
    /// `lines` in a second, over which nothing is written.
    pub(in crate::plugin) fn new(policy: &str, lines: u32) -> Self {
        Self { policy: policy.to_owned(), lines, current: AtomicU64::new(0), unwritten: AtomicU64::new(0) }
    }

    /// Whether one more line may be written in this second; if not, it is counted.
    pub(super) fn admits(&self, second: u64) -> bool {
        let one_more = |current| self.with_one_more(current, second);
        let admitted = self.current.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        if !admitted {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// A call that took long counts in the second that others have reached by then.
    fn with_one_more(&self, current: u64, second: u64) -> Option<u64> {
        let second = (second & u64::from(u32::MAX)) << u32::BITS;
        let (counted, written) = (current & !u64::from(u32::MAX), current & u64::from(u32::MAX));
        let (second, written) = if second > counted { (second, 0) } else { (counted, written) };
        (written < u64::from(self.lines)).then_some(second | (written + 1))
    }

    /// Lines that were not written since this was last asked.
    fn take_unwritten(&self) -> u64 {
        self.unwritten.swap(0, Ordering::Relaxed)
    }

    /// Says in one line what was not written; asked once a second, by nobody who serves requests.
    pub(in crate::plugin) fn tell(&self) {
        let policy = self.policy.as_str();
        match self.take_unwritten() {
            0 => {}
            1 => tracing::warn!(target: TARGET, policy, "1 line of this policy was not written"),
            lines => tracing::warn!(target: TARGET, policy, "{lines} lines of this policy were not written"),
        }
    }
}

/// A policy that goes owes the last second.
impl Drop for LogBudget {
    fn drop(&mut self) {
        self.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(budget: &LogBudget, second: u64, lines: u32) -> usize {
        (0..lines).filter(|_| budget.admits(second)).count()
    }

    #[test]
    fn each_second_has_its_lines_and_the_rest_is_counted() {
        let budget = LogBudget::new("p", 3);
        assert_eq!(admitted(&budget, 7, 10), 3);
        assert_eq!(admitted(&budget, 8, 2), 2);
        assert_eq!(admitted(&budget, 8, 2), 1);
        assert_eq!((budget.take_unwritten(), budget.take_unwritten()), (8, 0));
    }

    #[test]
    fn a_late_call_gets_no_lines_of_a_second_that_is_over() {
        let budget = LogBudget::new("p", 3);
        assert_eq!(admitted(&budget, 8, 3), 3);
        assert_eq!(admitted(&budget, 7, 3), 0);
        assert_eq!(admitted(&budget, 8, 3), 0);
    }

    #[test]
    fn no_lines_are_no_lines() {
        let budget = LogBudget::new("p", 0);
        assert_eq!((admitted(&budget, 1, 5), budget.take_unwritten()), (0, 5));
    }

    #[test]
    fn threads_that_log_at_once_write_exactly_the_budget() {
        let budget = LogBudget::new("p", 1000);
        let written: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| admitted(&budget, 1, 500))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((written, budget.take_unwritten()), (1000, 1000));
    }
}

//! What one policy counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::families::Families;
use super::series::{Call, Counter, Histogram};

/// One call in so many is measured.
///
/// A call takes about 0.7 us; two clock reads and an observation on each would add a tenth to it. Every 64th call gives
/// the same quantiles within seconds of traffic. The first call is measured, so that a quiet policy shows something.
const SAMPLED: u64 = 64;

/// Handles of one policy; a clone is one pointer.
#[derive(Clone, Debug)]
pub struct PolicyMetrics(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    forward: Counter,
    respond: Counter,
    pick: Counter,
    decline: Counter,
    observe: Counter,
    out_of_time: Counter,
    trap: Counter,
    out_of_memory: Counter,
    illegal: Counter,
    overloaded: Counter,
    quarantined: Counter,
    remembered: Counter,
    begun: AtomicU64,
    duration: Histogram<Call>,
}

/// What one call of a policy came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// Forwarded.
    Forward,
    /// Answered locally.
    Respond,
    /// A balancer picked an endpoint.
    Pick,
    /// A balancer left the choice to the gateway.
    Decline,
    /// An observer heard of an exchange.
    Observe,
    /// Out of CPU budget.
    OutOfTime,
    /// Trapped.
    Trap,
    /// Out of memory.
    OutOfMemory,
    /// Illegal decision.
    Illegal,
    /// All instances busy.
    Overloaded,
    /// Not made: the policy is quarantined.
    Quarantined,
}

impl PolicyMetrics {
    pub(super) fn new(families: &Families, policy: &str, plugin: &str) -> Self {
        let calls = |outcome| families.policy_calls.series([policy, plugin, outcome]);
        Self(Arc::new(Handles {
            forward: calls("forward"),
            respond: calls("respond"),
            pick: calls("pick"),
            decline: calls("decline"),
            observe: calls("observe"),
            out_of_time: calls("out_of_time"),
            trap: calls("trap"),
            out_of_memory: calls("out_of_memory"),
            illegal: calls("illegal"),
            overloaded: calls("overloaded"),
            quarantined: calls("quarantined"),
            remembered: families.policy_remembered.series([policy, plugin]),
            begun: AtomicU64::new(0),
            duration: families.policy_duration.series([policy, plugin]),
        }))
    }

    /// One call ended.
    pub fn call(&self, outcome: CallOutcome) {
        let counter = match outcome {
            CallOutcome::Forward => &self.0.forward,
            CallOutcome::Respond => &self.0.respond,
            CallOutcome::Pick => &self.0.pick,
            CallOutcome::Decline => &self.0.decline,
            CallOutcome::Observe => &self.0.observe,
            CallOutcome::OutOfTime => &self.0.out_of_time,
            CallOutcome::Trap => &self.0.trap,
            CallOutcome::OutOfMemory => &self.0.out_of_memory,
            CallOutcome::Illegal => &self.0.illegal,
            CallOutcome::Overloaded => &self.0.overloaded,
            CallOutcome::Quarantined => &self.0.quarantined,
        };
        counter.increment();
    }

    /// A decision came from what was decided before, instead of a call.
    pub fn remembered(&self, outcome: CallOutcome) {
        self.0.remembered.increment();
        self.call(outcome);
    }

    /// How often that was so.
    #[must_use]
    pub fn times_remembered(&self) -> u64 {
        self.0.remembered.value()
    }

    /// Measures the call that begins now, if it is its turn; the duration is recorded when the guard is dropped.
    #[must_use]
    pub fn sample(&self) -> Option<CallSample> {
        let turn = self.0.begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLED);
        turn.then(|| CallSample { began: Instant::now(), duration: self.0.duration.clone() })
    }
}

/// A call that is being measured.
#[derive(Debug)]
pub struct CallSample {
    began: Instant,
    duration: Histogram<Call>,
}

impl Drop for CallSample {
    fn drop(&mut self) {
        self.duration.observe(self.began.elapsed());
    }
}

//! Takes from the limits that a policy holds a request to.

use super::deciding::Said;
use super::remembering::Remembered;
use super::{PolicyRuntime, Role};
use crate::counters::{Algorithm, Limit, Quota};
use crate::observe::metrics::CallOutcome;
use crate::plugin::decisions::question::Messages;
use crate::plugin::failure::PluginFailure;
use crate::plugin::instance::Instance;
use crate::plugin::scope::CallScope;
use crate::plugin::statistics::Asked;
use crate::policy::decision::{Forward, RequestDecision};
use crate::policy::limits::{Limits, Taken};

/// Counts what a policy said, also where its request goes away while limits are taken from: it was let through as far as that.
struct Tally<'p> {
    policy: &'p PolicyRuntime,
    before: bool,
    outcome: CallOutcome,
}

impl Tally<'_> {
    fn count(mut self, decision: RequestDecision) -> RequestDecision {
        self.outcome = PolicyRuntime::request_outcome(&decision);
        decision
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        match self.before {
            true => self.policy.metrics.remembered(self.outcome),
            false => self.policy.count_call(self.outcome),
        }
    }
}

impl PolicyRuntime {
    /// Lets a request pass that keeps its limits, as the policy named them for one that reads the same or names them now.
    pub(super) fn limit_at_once(
        &self,
        messages: Messages<'_>,
        memory: Option<&Remembered>,
        forward: Forward,
    ) -> Result<RequestDecision, PluginFailure> {
        let said = self.say(memory, |memory| &memory.limits, messages, |scope| self.ask_limits(scope));
        let Said { decision: limits, before } = self.count_failure(messages, said)?;
        Ok(self.tally(before).count(decided(self.take_here(limits), forward)))
    }

    /// The same of a policy that may wait, or counts together with other gateways.
    pub(super) async fn limit_in_time(
        &self,
        messages: Messages<'_>,
        memory: Option<&Remembered>,
        forward: Forward,
    ) -> Result<RequestDecision, PluginFailure> {
        let ask = async |scope: CallScope<'_>| self.ask_limits_waiting(scope).await;
        let said = self.say_in_time(memory, |memory| &memory.limits, messages, ask).await;
        let Said { decision: limits, before } = self.count_failure(messages, said)?;
        let tally = self.tally(before);
        Ok(tally.count(decided(self.take(limits).await, forward)))
    }

    /// Whether its limits are counted where an answer has to be waited for.
    pub(super) fn waits_for_limits(&self) -> bool {
        self.roles().limit && self.configured.setup.shared_counters.is_some()
    }

    fn count_failure(
        &self,
        messages: Messages<'_>,
        said: Result<Said<Limits>, PluginFailure>,
    ) -> Result<Said<Limits>, PluginFailure> {
        let asked = Asked { role: Role::Limit, request: messages.request };
        if said.is_err() { self.count(asked, said, |_| CallOutcome::Forward) } else { said }
    }

    fn tally(&self, before: bool) -> Tally<'_> {
        Tally { policy: self, before, outcome: CallOutcome::Forward }
    }

    /// What a guest names; a guest without that role names none.
    fn ask_limits(&self, scope: CallScope<'_>) -> Result<Limits, PluginFailure> {
        self.call(scope, |instance| {
            let limits = instance.limits_of(self.rules(), |key, quota, algorithm| self.limit(key, quota, algorithm))?;
            Ok(limits.unwrap_or_default())
        })
    }

    async fn ask_limits_waiting(&self, scope: CallScope<'_>) -> Result<Limits, PluginFailure> {
        let name = async |instance: &mut Instance| {
            let limit = |key: &[u8], quota, algorithm| self.limit(key, quota, algorithm);
            Ok(instance.limits_of_waiting(self.rules(), limit).await?.unwrap_or_default())
        };
        self.call_waiting(scope, name).await
    }

    /// The limit of a key, where its plugin counts.
    fn limit(&self, key: &[u8], quota: Quota, algorithm: Algorithm) -> Limit {
        let setup = &self.configured.setup;
        match &setup.shared_counters {
            Some(shared) => shared.limit(key, quota, algorithm),
            None => setup.counters.limit(key, quota, algorithm),
        }
    }

    /// Takes together with other gateways, where its plugin counts so.
    async fn take(&self, limits: Limits) -> Taken {
        let Some(shared) = &self.configured.setup.shared_counters else { return self.take_here(limits) };
        let mut taking = limits.take();
        while let Some(due) = taking.due() {
            taking.tell(shared.take(&due.limit, due.cost).await);
        }
        taking.end()
    }

    fn take_here(&self, limits: Limits) -> Taken {
        let mut taking = limits.take();
        while let Some(due) = taking.due() {
            taking.tell(self.configured.setup.counters.take(&due.limit, due.cost));
        }
        taking.end()
    }
}

fn decided(taken: Taken, forward: Forward) -> RequestDecision {
    match taken {
        Taken::Admitted(standing) => RequestDecision::Forward(Forward { standing, ..forward }),
        Taken::Refused(answer) => RequestDecision::Respond(answer),
    }
}

//! Takes from the limits that a policy holds a request to.

use super::deciding::Said;
use super::remembering::Remembered;
use super::{Fault, PolicyRuntime};
use crate::plugin::bindings::limit_policy;
use crate::plugin::decisions::question::Messages;
use crate::plugin::failure::PluginFailure;
use crate::plugin::instance::Instance;
use crate::plugin::scope::CallScope;
use crate::policy::decision::{Forward, RequestDecision};
use crate::policy::limits::{Limits, Taken};

impl PolicyRuntime {
    /// Lets a request pass that keeps its limits, as the policy named them for one that reads the same or names them now.
    pub(super) fn limit_at_once(
        &self,
        messages: Messages<'_>,
        memory: Option<&Remembered>,
        forward: Forward,
    ) -> Result<RequestDecision, PluginFailure> {
        let said = self.say(memory, |memory| &memory.limits, messages, |scope| self.ask_limits(scope));
        let decided = said
            .map(|Said { decision, before }| Said { decision: decided(self.take_here(&decision), forward), before });
        self.count_limited(decided)
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
        let decided = match said {
            Ok(Said { decision, before }) => {
                Ok(Said { decision: decided(self.take(&decision).await, forward), before })
            }
            Err(failure) => Err(failure),
        };
        self.count_limited(decided)
    }

    /// Whether its limits are counted where an answer has to be waited for.
    pub(super) fn waits_for_limits(&self) -> bool {
        self.roles().limit && self.configured.setup.shared_counters.is_some()
    }

    fn count_limited(
        &self,
        decided: Result<Said<RequestDecision>, PluginFailure>,
    ) -> Result<RequestDecision, PluginFailure> {
        match decided {
            Ok(Said { decision, before: true }) => {
                self.metrics.remembered(Self::request_outcome(&decision));
                Ok(decision)
            }
            decided => self.count_request(decided.map(|said| said.decision)),
        }
    }

    fn ask_limits(&self, scope: CallScope<'_>) -> Result<Limits, PluginFailure> {
        self.call(scope, |instance| self.limited(instance.limits_of()?))
    }

    async fn ask_limits_waiting(&self, scope: CallScope<'_>) -> Result<Limits, PluginFailure> {
        let name = async |instance: &mut Instance| self.limited(instance.limits_of_waiting().await?);
        self.call_waiting(scope, name).await
    }

    /// What a guest named, checked; a guest without that role names none.
    fn limited(&self, limits: Option<limit_policy::Limits>) -> Result<Limits, Fault> {
        let Some(limits) = limits else { return Ok(Limits::default()) };
        let setup = &self.configured.setup;
        Ok(self.rules().limits(limits, |key, quota, algorithm| match &setup.shared_counters {
            Some(shared) => shared.limit(key, quota, algorithm),
            None => setup.counters.limit(key, quota, algorithm),
        })?)
    }

    /// Takes together with other gateways, where its plugin counts so.
    async fn take(&self, limits: &Limits) -> Taken {
        let Some(shared) = &self.configured.setup.shared_counters else { return self.take_here(limits) };
        let mut taking = limits.take();
        while let Some(next) = taking.next() {
            taking.tell(shared.take(&next.limit, next.cost).await);
        }
        taking.end()
    }

    fn take_here(&self, limits: &Limits) -> Taken {
        let mut taking = limits.take();
        while let Some(next) = taking.next() {
            taking.tell(self.configured.setup.counters.take(&next.limit, next.cost));
        }
        taking.end()
    }
}

fn decided(taken: Taken, mut forward: Forward) -> RequestDecision {
    match taken {
        Taken::Admitted(fields) => {
            forward.response.extend(fields.into_iter().flatten());
            RequestDecision::Forward(forward)
        }
        Taken::Refused(response) => RequestDecision::Respond(response),
    }
}

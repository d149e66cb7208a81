//! Decides on messages: as it was decided before, or by asking the plugin, at once or in turns.

use std::pin::Pin;

use super::remembering::Remembered;
use super::{PluginFailure, PolicyRuntime};
use crate::observe::metrics::CallOutcome;
use crate::plugin::decisions::question::Messages;
use crate::plugin::decisions::{Decisions, Repeatable};
use crate::plugin::scope::CallScope;
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::policy::view::{RequestView, ResponseView};

/// A decision, or the way to it.
pub enum Decided<'a, D> {
    /// Nothing had to be waited for.
    Now(Result<D, PluginFailure>),
    /// Boxed, so that who has nothing to wait for does not carry around what waiting takes.
    Later(Pin<Box<dyn Future<Output = Result<D, PluginFailure>> + Send + 'a>>),
}

impl<D> Decided<'_, D> {
    /// The decision, once it is there.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub async fn wait(self) -> Result<D, PluginFailure> {
        match self {
            Self::Now(decision) => decision,
            Self::Later(decision) => decision.await,
        }
    }
}

/// What a guest said, and when.
pub(super) struct Said<D> {
    pub(super) decision: D,
    /// Of another message, which reads the same.
    pub(super) before: bool,
}

/// Where decisions of one role are remembered.
type Role<D> = fn(&Remembered) -> &Decisions<D>;

impl PolicyRuntime {
    /// Decides on a request, as it did on one that reads the same or by asking the plugin; in turns, where that may take long.
    #[must_use]
    pub fn decide<'a>(&'a self, request: &'a dyn RequestView) -> Decided<'a, RequestDecision> {
        let (messages, memory) = (Messages { request, response: None }, self.remembered.as_ref());
        match self.waits() || self.waits_for_limits() {
            false => Decided::Now(self.decide_at_once(messages, memory)),
            true => Decided::Later(Box::pin(self.decide_in_time(messages, memory))),
        }
    }

    /// The same for a response.
    #[must_use]
    pub fn decide_on_response<'a>(
        &'a self,
        request: &'a dyn RequestView,
        response: &'a dyn ResponseView,
    ) -> Decided<'a, ResponseDecision> {
        let (messages, memory) = (Messages { request, response: Some(response) }, self.remembered.as_ref());
        match self.waits() {
            false => Decided::Now(self.decide_on_response_at_once(messages, memory)),
            true => Decided::Later(Box::pin(self.decide_on_response_in_time(messages, memory))),
        }
    }

    pub(super) fn decide_at_once(
        &self,
        messages: Messages<'_>,
        memory: Option<&Remembered>,
    ) -> Result<RequestDecision, PluginFailure> {
        let roles = self.roles();
        let mut decision = RequestDecision::default();
        if roles.request {
            let said = self.say(memory, |memory| &memory.request, messages, |scope| self.ask_request(scope))?;
            decision = self.seen(said, Self::request_outcome);
        }
        match decision {
            RequestDecision::Forward(forward) if roles.limit => self.limit_at_once(messages, memory, forward),
            decided => Ok(decided),
        }
    }

    pub(super) async fn decide_in_time(
        &self,
        messages: Messages<'_>,
        memory: Option<&Remembered>,
    ) -> Result<RequestDecision, PluginFailure> {
        let roles = self.roles();
        let mut decision = RequestDecision::default();
        if roles.request {
            let ask = async |scope: CallScope<'_>| self.ask_request_waiting(scope).await;
            let said = self.say_in_time(memory, |memory| &memory.request, messages, ask).await?;
            decision = self.seen(said, Self::request_outcome);
        }
        match decision {
            RequestDecision::Forward(forward) if roles.limit => self.limit_in_time(messages, memory, forward).await,
            decided => Ok(decided),
        }
    }

    pub(super) fn decide_on_response_at_once(
        &self,
        messages: Messages<'_>,
        memory: Option<&Remembered>,
    ) -> Result<ResponseDecision, PluginFailure> {
        let said = self.say(memory, |memory| &memory.response, messages, |scope| self.ask_response(scope))?;
        Ok(self.seen(said, Self::response_outcome))
    }

    pub(super) async fn decide_on_response_in_time(
        &self,
        messages: Messages<'_>,
        memory: Option<&Remembered>,
    ) -> Result<ResponseDecision, PluginFailure> {
        let ask = async |scope: CallScope<'_>| self.ask_response_waiting(scope).await;
        let said = self.say_in_time(memory, |memory| &memory.response, messages, ask).await?;
        Ok(self.seen(said, Self::response_outcome))
    }

    /// What the guest said before, or says now; that is kept where it is to be.
    pub(super) fn say<D: Repeatable + Send>(
        &self,
        memory: Option<&Remembered>,
        role: Role<D>,
        messages: Messages<'_>,
        ask: impl FnOnce(CallScope<'_>) -> Result<D, PluginFailure>,
    ) -> Result<Said<D>, PluginFailure> {
        let decisions = memory.map(role);
        let trace = match self.known(decisions, messages) {
            Ok(decision) => return Ok(Said { decision, before: true }),
            Err(trace) => trace,
        };
        let decision = ask(self.scope(messages, trace.as_ref()))?;
        Ok(self.said(decisions.zip(trace), messages, decision))
    }

    /// The same by a call that may wait.
    pub(super) async fn say_in_time<D: Repeatable + Send>(
        &self,
        memory: Option<&Remembered>,
        role: Role<D>,
        messages: Messages<'_>,
        ask: impl AsyncFnOnce(CallScope<'_>) -> Result<D, PluginFailure>,
    ) -> Result<Said<D>, PluginFailure> {
        let decisions = memory.map(role);
        let trace = match self.known(decisions, messages) {
            Ok(decision) => return Ok(Said { decision, before: true }),
            Err(trace) => trace,
        };
        let decision = ask(self.scope(messages, trace.as_ref())).await?;
        Ok(self.said(decisions.zip(trace), messages, decision))
    }

    /// Counts what was remembered; a call was counted when it was made.
    fn seen<D>(&self, said: Said<D>, outcome: impl FnOnce(&D) -> CallOutcome) -> D {
        if said.before {
            self.metrics.remembered(outcome(&said.decision));
        }
        said.decision
    }
}

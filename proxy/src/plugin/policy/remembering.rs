//! Decides as was decided before, where that is known.

use super::PolicyRuntime;
use crate::plugin::component::LoadedPlugin;
use crate::plugin::decisions::question::Messages;
use crate::plugin::decisions::{Decisions, Found, Repeatable, Unfaithful};
use crate::plugin::failure::PluginFailure;
use crate::policy::decision::{Edit, Forward, RequestDecision, ResponseDecision};
use crate::policy::view::{RequestView, ResponseView};

/// What is remembered of a policy's decisions.
pub(super) struct Remembered {
    request: Decisions<RequestDecision>,
    response: Decisions<ResponseDecision>,
}

impl Remembered {
    /// None where decisions of the plugin may depend on more than on what it reads, or the operator wants none kept.
    pub(super) fn of(plugin: &LoadedPlugin) -> Option<Self> {
        let most = plugin.limits().decisions;
        (most > 0 && plugin.decides_by_reading())
            .then(|| Self { request: Decisions::new(most), response: Decisions::new(most) })
    }

    fn is_believed(&self) -> bool {
        self.request.is_believed() && self.response.is_believed()
    }
}

impl PolicyRuntime {
    /// Whether it gives requests the decisions of those that read the same.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.remembered.as_ref().is_some_and(Remembered::is_believed)
    }

    /// Decides on a request, as it did on one that reads the same or by asking the plugin; in turns, where that may take long.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub async fn decide(&self, request: &dyn RequestView) -> Result<RequestDecision, PluginFailure> {
        let messages = Messages { request, response: None };
        let trace = match self.find(|remembered| &remembered.request, messages) {
            Found::Decision(decision) => {
                self.metrics.remembered(Self::request_outcome(&decision));
                return Ok(decision);
            }
            Found::Nothing(trace) => trace,
        };
        let scope = self.scope(messages, trace.as_ref());
        let decision = match self.waits() {
            false => self.ask_request(scope)?,
            true => self.ask_request_waiting(scope).await?,
        };
        if let (Some(trace), Some(Remembered { request, .. })) = (trace, &self.remembered) {
            self.heed(request.keep(trace, messages, &decision));
        }
        Ok(decision)
    }

    /// The same for a response.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub async fn decide_on_response(
        &self,
        request: &dyn RequestView,
        response: &dyn ResponseView,
    ) -> Result<ResponseDecision, PluginFailure> {
        let messages = Messages { request, response: Some(response) };
        let trace = match self.find(|remembered| &remembered.response, messages) {
            Found::Decision(decision) => {
                self.metrics.remembered(Self::response_outcome(&decision));
                return Ok(decision);
            }
            Found::Nothing(trace) => trace,
        };
        let scope = self.scope(messages, trace.as_ref());
        let decision = match self.waits() {
            false => self.ask_response(scope)?,
            true => self.ask_response_waiting(scope).await?,
        };
        if let (Some(trace), Some(Remembered { response, .. })) = (trace, &self.remembered) {
            self.heed(response.keep(trace, messages, &decision));
        }
        Ok(decision)
    }

    fn find<D: Repeatable + Send>(
        &self,
        role: impl FnOnce(&Remembered) -> &Decisions<D>,
        messages: Messages<'_>,
    ) -> Found<D> {
        self.remembered.as_ref().map_or(Found::Nothing(None), |remembered| role(remembered).find(messages))
    }

    fn heed(&self, kept: Result<(), Unfaithful>) {
        if kept.is_err() {
            tracing::warn!(
                policy = self.name,
                "policy decided differently on requests it read the same of: its decisions are no longer remembered"
            );
        }
    }
}

impl Repeatable for RequestDecision {
    fn again(&self) -> Self {
        match self {
            Self::Forward(Forward { request, response, consumer, target, held: _ }) => Self::Forward(Forward {
                request: request.clone(),
                response: response.clone(),
                consumer: consumer.clone(),
                target: target.clone(),
                held: Vec::new(),
            }),
            Self::Respond(response) => Self::Respond(response.clone()),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Forward(Forward { request, response, target, .. }) => {
                let target = target.as_ref().map_or(0, |target| target.as_str().len());
                request.iter().chain(response).map(Edit::size).sum::<usize>() + target
            }
            Self::Respond(response) => response.size(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Forward(one), Self::Forward(other)) => {
                one.request == other.request
                    && one.response == other.response
                    && one.consumer == other.consumer
                    && one.target == other.target
            }
            (Self::Respond(one), Self::Respond(other)) => one == other,
            _ => false,
        }
    }
}

impl Repeatable for ResponseDecision {
    fn again(&self) -> Self {
        self.clone()
    }

    fn size(&self) -> usize {
        match self {
            Self::Forward(edits) => edits.iter().map(Edit::size).sum(),
            Self::Replace(response) => response.size(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self == other
    }
}

//! Decides as was decided before, where that is known.

use std::time::Duration;

use super::PolicyRuntime;
use super::deciding::Said;
use crate::plugin::component::LoadedPlugin;
use crate::plugin::decisions::question::Messages;
use crate::plugin::decisions::trace::Trace;
use crate::plugin::decisions::{Decisions, Found, Repeatable, Unfaithful};
use crate::policy::decision::{Answer, Edit, Forward, RequestDecision, ResponseDecision};
use crate::policy::limits::Limits;

/// What is remembered of a policy's decisions.
pub(super) struct Remembered {
    pub(super) request: Decisions<RequestDecision>,
    pub(super) limits: Decisions<Limits>,
    pub(super) response: Decisions<ResponseDecision>,
}

impl Remembered {
    /// None where decisions of the plugin may depend on more than on what it reads, or the operator wants none kept.
    pub(super) fn of(plugin: &LoadedPlugin) -> Option<Self> {
        let most = plugin.limits().decisions;
        (most > 0 && plugin.decides_by_reading()).then(|| Self {
            request: Decisions::new(most),
            limits: Decisions::new(most),
            response: Decisions::new(most),
        })
    }

    fn is_believed(&self) -> bool {
        self.request.is_believed() && self.limits.is_believed() && self.response.is_believed()
    }
}

impl PolicyRuntime {
    /// Whether it gives requests the decisions of those that read the same.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.remembered.as_ref().is_some_and(Remembered::is_believed)
    }

    /// Time since 1970, as the operator's clock says.
    pub(super) fn wall_time(&self) -> Duration {
        Duration::from_millis(self.configured.setup.counters.clock().wall_ms())
    }

    /// What a guest has just said; it is kept where it was noted what the guest asked.
    pub(super) fn said<D: Repeatable + Send>(
        &self,
        noted: Option<(&Decisions<D>, Trace)>,
        messages: Messages<'_>,
        decision: D,
    ) -> Said<D> {
        if let Some((decisions, trace)) = noted
            && let Err(Unfaithful) = decisions.keep(trace, messages, &decision, || self.wall_time())
        {
            self.tell_of_contradiction();
        }
        Said { decision, before: false }
    }

    /// What is known of a message before a guest is asked; else where to note what it asks, if anywhere.
    pub(super) fn known<D: Repeatable + Send>(
        &self,
        decisions: Option<&Decisions<D>>,
        messages: Messages<'_>,
    ) -> Result<D, Option<Trace>> {
        match decisions.map_or(Found::Nothing(None), |decisions| decisions.find(messages, || self.wall_time())) {
            Found::Decision(decision) => Ok(decision),
            Found::Nothing(trace) => Err(trace),
            Found::Contradiction => {
                self.tell_of_contradiction();
                Err(None)
            }
        }
    }

    fn tell_of_contradiction(&self) {
        tracing::warn!(
            policy = self.name,
            "policy decided differently on requests it read the same of: its decisions are no longer remembered"
        );
    }
}

impl Repeatable for RequestDecision {
    fn again(&self) -> Self {
        match self {
            Self::Forward(Forward { changes, standing: _, held: _ }) => {
                Self::Forward(Forward { changes: changes.clone(), ..Forward::default() })
            }
            // Where a client stood is of that moment.
            Self::Respond(Answer { response, standing: _ }) => Self::Respond(response.clone().into()),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Forward(forward) => forward.changes.as_ref().map_or(0, |changes| changes.size()),
            Self::Respond(answer) => answer.response.size(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Forward(one), Self::Forward(other)) => one.changes == other.changes,
            (Self::Respond(one), Self::Respond(other)) => one.response == other.response,
            _ => false,
        }
    }

    fn refuses(&self) -> bool {
        !matches!(self, Self::Forward(_))
    }
}

impl Repeatable for Limits {
    fn again(&self) -> Self {
        self.clone()
    }

    fn size(&self) -> usize {
        self.size()
    }

    fn is_like(&self, other: &Self) -> bool {
        self == other
    }

    fn refuses(&self) -> bool {
        false
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

    fn refuses(&self) -> bool {
        false
    }
}

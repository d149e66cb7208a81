//! A plugin configured: what chains and balancers call.

use crate::policy::decision::{IllegalDecision, RequestDecision, ResponseDecision};
use crate::policy::view::{RequestView, ResponseView};

/// A policy ready to be called; `configure` has run and agreed.
#[derive(Debug)]
pub struct PolicyRuntime {
    /// Name of the policy.
    pub name: String,
}

/// Which parts of the contract a component exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// `request-policy`
    pub request: bool,
    /// `response-policy`
    pub response: bool,
    /// `balancer`
    pub balancer: bool,
}

/// Why a call gave no decision. The store it ran in is gone.
#[derive(Debug, thiserror::Error)]
pub enum PluginFailure {
    /// More CPU time than `limits.cpu`.
    #[error("out of CPU budget")]
    OutOfTime,
    /// It trapped: the first line of why.
    #[error("trapped: {0}")]
    Trap(String),
    /// It wanted more memory than `limits.memory` and gave up.
    #[error("out of memory budget")]
    OutOfMemory,
    /// What it returned is not allowed.
    #[error("illegal decision: {0}")]
    Illegal(#[from] IllegalDecision),
    /// `limits.instances` are all at work: overload, not the plugin's fault.
    #[error("all instances busy")]
    Overloaded,
}

/// What is true of an endpoint that may be picked now.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its index among the upstream's members.
    pub member: u32,
    /// Requests under way to it.
    pub in_flight: u32,
    /// Microseconds, 0 where unknown.
    pub latency_us: u32,
}

impl PolicyRuntime {
    /// What its plugin exports.
    #[must_use]
    pub fn roles(&self) -> Roles {
        Roles::default()
    }

    /// Asks for a decision on a request.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub fn on_request(&self, request: &dyn RequestView) -> Result<RequestDecision, PluginFailure> {
        let _ = request;
        Err(PluginFailure::Overloaded)
    }

    /// Asks for a decision on a response.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub fn on_response(
        &self,
        request: &dyn RequestView,
        response: &dyn ResponseView,
    ) -> Result<ResponseDecision, PluginFailure> {
        let _ = (request, response);
        Err(PluginFailure::Overloaded)
    }

    /// Asks which of `candidates` to take; `members` is what `update` tells the plugin, once per instance and set.
    ///
    /// # Errors
    /// The plugin failed, or picked what is not there.
    pub fn pick(
        &self,
        request: &dyn RequestView,
        members: &std::sync::Arc<[crate::upstream::Member]>,
        candidates: &[Candidate],
    ) -> Result<Option<usize>, PluginFailure> {
        let _ = (request, members, candidates);
        Ok(None)
    }
}

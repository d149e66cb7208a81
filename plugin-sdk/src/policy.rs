//! The traits a plugin's author implements.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Candidates, Decision, Endpoint, Problem, Request, Response, ResponseDecision};

/// A plugin that has taken over a policy's configuration.
pub trait Policy: Sized {
    /// What the operator writes under `config`.
    ///
    /// Derive `Deserialize` with `#[serde(deny_unknown_fields)]`, so that a misspelt key is a problem and not a default.
    /// [`NoConfig`] is for a plugin that has nothing to configure.
    type Config: DeserializeOwned;

    /// Takes over a configuration that has the right shape; called once, before anything else.
    ///
    /// What can be prepared is prepared here, not per request. No capability but [`log`](crate::log) may be called.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration, at once: a problem refuses it as a whole.
    fn configure(config: Self::Config) -> Result<Self, Vec<Problem>>;
}

/// Decides on a request before an upstream is chosen.
///
/// The gateway keeps several instances and renews them: what must be shared or last belongs in
/// [`counters`](crate::counters), not in `self`.
pub trait RequestPolicy: Policy {
    /// Decides on this request.
    fn on_request(&self, request: &Request) -> Decision;
}

/// Decides on a response before the client sees it.
pub trait ResponsePolicy: Policy {
    /// Decides on this response, given the request it answers.
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision;
}

/// Chooses the endpoint for a request.
pub trait Balancer: Policy {
    /// Learns the endpoints of the upstream; called before the first `pick` and whenever they change.
    fn update(&mut self, endpoints: Vec<Endpoint>);

    /// Index into `candidates` of the choice; `None` leaves it to the gateway (smooth weighted round robin).
    ///
    /// An index out of range counts as a failure of the plugin, and the gateway chooses.
    fn pick(&mut self, request: &Request, candidates: &Candidates) -> Option<usize>;
}

/// The configuration of a plugin that has no keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

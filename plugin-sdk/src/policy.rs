//! The traits a plugin's author implements.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{
    Attention, Candidates, Decision, Endpoint, Limits, Outcome, Piece, Problem, Request, Response, ResponseDecision,
    Step,
};

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

/// Says which limits a request is held to; the gateway counts, and answers 429 where one is used up.
///
/// What is said here depends on the request alone, so that the gateway may remember it. A policy that takes from
/// [`counters`](crate::counters) itself is called for each request.
pub trait LimitPolicy: Policy {
    /// Names the limits of this request.
    fn limits_of(&self, request: &Request) -> Limits;
}

/// Decides on a response before the client sees it.
pub trait ResponsePolicy: Policy {
    /// Decides on this response, given the request it answers.
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision;
}

/// Sees the bodies of requests and responses on their way, piece by piece.
///
/// Implement what belongs to one direction or to both; the other passes untouched. What is compressed is shown compressed:
/// look at `content-encoding`.
pub trait BodyPolicy: Policy {
    /// Says how the body of a request is to be shown; asked before the first piece, and only where there is a body.
    fn attend_request(&self, _request: &Request) -> Attention {
        Attention::Skip
    }

    /// Decides on a piece of a request's body. The last one comes once, with or without bytes.
    fn on_request_body(&self, _request: &Request, _piece: Piece) -> Step {
        Step::pass()
    }

    /// Says how the body of a response is to be shown.
    fn attend_response(&self, _request: &Request, _response: &Response) -> Attention {
        Attention::Skip
    }

    /// Decides on a piece of a response's body. The last one comes once, with or without bytes.
    fn on_response_body(&self, _request: &Request, _response: &Response, _piece: Piece) -> Step {
        Step::pass()
    }
}

/// Hears of exchanges once they are over; nobody waits for it.
pub trait Observer: Policy {
    /// An exchange is over. There is no response where the client was sent no head.
    fn on_exchange(&self, request: &Request, response: Option<&Response>, outcome: &Outcome);
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

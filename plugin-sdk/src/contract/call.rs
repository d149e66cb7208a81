//! The gateway's calls, handed on to the one configured policy of this instance.

use std::cell::RefCell;
use std::net::IpAddr;
use std::thread::LocalKey;

use super::types::IpAddress;
use super::{consumers, http};
use crate::consumers::KeyError;
use crate::{Ambiguity, Attention, Balancer, BodyPolicy, Candidates, Decision, Endpoint, Observer, Outcome, Piece};
use crate::{
    LimitPolicy, Limits, Policy, Problem, Request, RequestPolicy, Response, ResponseDecision, ResponsePolicy, Step,
};

/// Where an instance keeps its policy. A component has one thread, and the gateway makes one call at a time.
pub type Slot<P> = LocalKey<RefCell<Option<P>>>;

/// Makes the policy out of its configuration text.
///
/// # Errors
/// What is wrong with the text.
pub fn configure<P: Policy>(slot: &'static Slot<P>, text: &str) -> Result<(), Vec<Problem>> {
    let config = crate::problem::parse(text).map_err(|problem| vec![problem])?;
    slot.set(Some(P::configure(config)?));
    Ok(())
}

/// An address as the standard library has it.
#[must_use]
pub fn address(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => IpAddr::from([a, b, c, d]),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => IpAddr::from([a, b, c, d, e, f, g, h]),
    }
}

/// Why a field has no one value, as the SDK has it.
#[must_use]
pub fn ambiguity(ambiguity: http::Ambiguity) -> Ambiguity {
    match ambiguity {
        http::Ambiguity::Missing => Ambiguity::Missing,
        http::Ambiguity::Repeated => Ambiguity::Repeated,
    }
}

/// Why a field is nobody's key, as the SDK has it.
#[must_use]
pub fn key_error(error: consumers::KeyError) -> KeyError {
    match error {
        consumers::KeyError::Missing => KeyError::Missing,
        consumers::KeyError::Repeated => KeyError::Repeated,
        consumers::KeyError::Unknown => KeyError::Unknown,
    }
}

/// Asks the policy for its decision on a request.
pub fn on_request<P: RequestPolicy>(slot: &'static Slot<P>, request: &http::Request) -> Decision {
    with(slot, |policy| policy.on_request(&Request::new(request)))
}

/// Asks the policy for the limits of a request.
pub fn limits_of<P: LimitPolicy>(slot: &'static Slot<P>, request: &http::Request) -> Limits {
    with(slot, |policy| policy.limits_of(&Request::new(request)))
}

/// Asks the policy for its decision on a response.
pub fn on_response<P: ResponsePolicy>(
    slot: &'static Slot<P>,
    request: &http::Request,
    response: &http::Response,
) -> ResponseDecision {
    with(slot, |policy| policy.on_response(&Request::new(request), &Response::new(response)))
}

/// Asks the policy how the body of a request is to be shown.
pub fn attend_request<P: BodyPolicy>(slot: &'static Slot<P>, request: &http::Request) -> Attention {
    with(slot, |policy| policy.attend_request(&Request::new(request)))
}

/// Shows the policy a piece of a request's body.
pub fn on_request_body<P: BodyPolicy>(slot: &'static Slot<P>, request: &http::Request, piece: Piece) -> Step {
    with(slot, |policy| policy.on_request_body(&Request::new(request), piece))
}

/// Asks the policy how the body of a response is to be shown.
pub fn attend_response<P: BodyPolicy>(
    slot: &'static Slot<P>,
    request: &http::Request,
    response: &http::Response,
) -> Attention {
    with(slot, |policy| policy.attend_response(&Request::new(request), &Response::new(response)))
}

/// Shows the policy a piece of a response's body.
pub fn on_response_body<P: BodyPolicy>(
    slot: &'static Slot<P>,
    request: &http::Request,
    response: &http::Response,
    piece: Piece,
) -> Step {
    with(slot, |policy| policy.on_response_body(&Request::new(request), &Response::new(response), piece))
}

/// Tells the policy how an exchange went.
pub fn on_exchange<P: Observer>(
    slot: &'static Slot<P>,
    request: &http::Request,
    response: Option<&http::Response>,
    outcome: &Outcome,
) {
    let response = response.map(Response::new);
    with(slot, |policy| policy.on_exchange(&Request::new(request), response.as_ref(), outcome));
}

/// Tells the policy its endpoints.
pub fn update<P: Balancer>(slot: &'static Slot<P>, endpoints: Vec<Endpoint>) {
    with(slot, |policy| policy.update(endpoints));
}

/// Asks the policy for an endpoint.
pub fn pick<P: Balancer>(slot: &'static Slot<P>, request: &http::Request, candidates: &Candidates) -> Option<u32> {
    with(slot, |policy| policy.pick(&Request::new(request), candidates))
        .map(|index| u32::try_from(index).unwrap_or(u32::MAX))
}

#[expect(clippy::panic, reason = "a call before `configure` breaks the contract, and a trap is how a guest says so")]
fn with<P, R>(slot: &'static Slot<P>, call: impl FnOnce(&mut P) -> R) -> R {
    slot.with_borrow_mut(|policy| match policy {
        Some(policy) => call(policy),
        None => panic!("called before it was configured"),
    })
}

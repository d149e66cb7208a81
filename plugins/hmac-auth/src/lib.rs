//! Identifies clients by the signatures of their requests (RFC 9421, with HMAC-SHA256).
//!
//! The gateway holds the secrets and checks the HMAC; what was signed is put together here. See the README for what an
//! operator configures; [`config`] holds the keys.

mod component;
pub mod config;
mod digest;
mod refusal;
mod signature;

use std::time::Duration;

use tidegate_plugin_sdk::consumers::{self, ConsumerId};
use tidegate_plugin_sdk::shared_data::{self, WriteError};
use tidegate_plugin_sdk::{
    Ambiguity, Attention, BodyPolicy, Decision, Forward, LocalResponse, Piece, Policy, Problem, Request, RequestPolicy,
    Step, clock, export,
};

use component::Component;
use config::Config;
use digest::{BodyDigest, CONTENT_DIGEST};
use refusal::Refusal;
use signature::Signature;

const INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";
/// A client's clock may be as much ahead of ours.
const AHEAD: u64 = 30;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct HmacAuth {
    required: Vec<Component>,
    challenge: String,
    /// What a client is asked to sign (RFC 9421 section 5.1).
    accepted: String,
    config: Config,
}

impl Policy for HmacAuth {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        let required = config.check()?;
        let names: Vec<_> = required.iter().map(|component| format!("\"{}\"", component.name())).collect();
        Ok(Self {
            required,
            challenge: format!("Signature realm=\"{}\"", config.realm),
            accepted: format!("sig1=({});created;keyid;alg=\"hmac-sha256\"", names.join(" ")),
            config,
        })
    }
}

impl RequestPolicy for HmacAuth {
    fn on_request(&self, request: &Request) -> Decision {
        match self.check(request) {
            Ok(consumer) => self.admit(consumer).into(),
            Err(refusal) => self.refuse(refusal).into(),
        }
    }
}

impl BodyPolicy for HmacAuth {
    fn attend_request(&self, _: &Request) -> Attention {
        if self.config.body { Attention::Whole } else { Attention::Skip }
    }

    /// The signature was right, and covers the digest where there is one.
    fn on_request_body(&self, request: &Request, piece: Piece) -> Step {
        let wanted = match request.sole_header(CONTENT_DIGEST) {
            Ok(field) => BodyDigest::parse(&field),
            Err(Ambiguity::Missing) if piece.bytes.is_empty() => return Step::pass(),
            Err(Ambiguity::Missing | Ambiguity::Repeated) => None,
        };
        if wanted == Some(BodyDigest::of(&piece.bytes)) {
            return Step::pass();
        }
        Step::respond(self.refuse(Refusal::Digest))
    }
}

impl HmacAuth {
    fn check(&self, request: &Request) -> Result<ConsumerId, Refusal> {
        let signature = sent(request)?;
        if !self.required.iter().all(|component| signature.covers(component)) {
            return Err(Refusal::Uncovered);
        }
        let left = self.time_left(&signature)?;
        if self.config.body {
            check_digest(request, &signature)?;
        }
        let base = signature.base(request).ok_or(Refusal::Malformed)?;
        let found = consumers::verify_hmac(&signature.key_id, &base, &signature.hmac);
        let consumer = found.ok_or(Refusal::Wrong)?;
        if self.config.once {
            use_up(&signature, left)?;
        }
        Ok(consumer)
    }

    /// For how long the signature is still good.
    fn time_left(&self, signature: &Signature) -> Result<Duration, Refusal> {
        let now = clock::unix_time().as_secs();
        if signature.created > now.saturating_add(AHEAD) {
            return Err(Refusal::Late);
        }
        let end = signature.created.saturating_add(self.config.window);
        let end = signature.expires.map_or(end, |expires| expires.min(end));
        match end.checked_sub(now) {
            None | Some(0) => Err(Refusal::Late),
            Some(left) => Ok(Duration::from_secs(left)),
        }
    }

    fn refuse(&self, refusal: Refusal) -> LocalResponse {
        refusal.answer(&self.challenge, &self.accepted)
    }

    fn admit(&self, consumer: ConsumerId) -> Forward {
        let forward = Decision::forward().identify(consumer);
        match self.config.hide {
            true => forward.remove_request_header(INPUT).remove_request_header(SIGNATURE),
            false => forward,
        }
    }
}

fn sent(request: &Request) -> Result<Signature, Refusal> {
    match (request.sole_header(INPUT), request.sole_header(SIGNATURE)) {
        (Ok(input), Ok(signature)) => Signature::parse(&input, &signature).ok_or(Refusal::Malformed),
        (Err(Ambiguity::Missing), Err(Ambiguity::Missing)) => Err(Refusal::Missing),
        _ => Err(Refusal::Malformed),
    }
}

/// A digest that is not signed says nothing, and a body without one was not signed. Whether a body that is on its way
/// matches is seen once it is here; one that stayed away would be seen by nobody, so that is looked at now.
fn check_digest(request: &Request, signature: &Signature) -> Result<(), Refusal> {
    let digest = match request.sole_header(CONTENT_DIGEST) {
        Ok(field) => Some(BodyDigest::parse(&field).ok_or(Refusal::Digest)?),
        Err(Ambiguity::Missing) => None,
        Err(Ambiguity::Repeated) => return Err(Refusal::Digest),
    };
    if digest.is_some() && !signature.covers(&Component::Field(CONTENT_DIGEST.to_owned())) {
        return Err(Refusal::Uncovered);
    }
    let has_body = announces_body(request);
    if has_body && request.header("upgrade").is_some() {
        // What is about to become a tunnel is shown to no policy.
        return Err(Refusal::Digest);
    }
    match digest {
        None if has_body => Err(Refusal::Uncovered),
        Some(digest) if !has_body && digest != BodyDigest::of(b"") => Err(Refusal::Digest),
        _ => Ok(()),
    }
}

fn announces_body(request: &Request) -> bool {
    let has_length = request.header("content-length").is_some_and(|length| length.trim_ascii() != b"0");
    has_length || request.header("transfer-encoding").is_some()
}

/// Remembers the signature until it is good no longer.
fn use_up(signature: &Signature, left: Duration) -> Result<(), Refusal> {
    match shared_data::compare_and_swap(&signature.hmac, 0, &[], Some(left)) {
        Ok(_) => Ok(()),
        Err(WriteError::Conflict(_)) => Err(Refusal::Replayed),
        Err(WriteError::Full) => Err(Refusal::Full),
    }
}

export!(HmacAuth: request, body);

#[cfg(test)]
mod tests;

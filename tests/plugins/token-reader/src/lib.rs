//! A policy that asks for a signed token: `x-token` is checked with the key set that `x-keyset` names, `accounts` where it
//! names none. The payload goes on in `x-payload`; a token that is not believed is answered 401, and `x-why` says why.

use tidegate_plugin_sdk::keysets::{self, TokenError};
use tidegate_plugin_sdk::{Decision, NoConfig, Policy, Problem, Request, RequestPolicy, export};

/// The policy.
#[derive(Debug)]
pub struct TokenReader;

impl Policy for TokenReader {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
}

impl RequestPolicy for TokenReader {
    fn on_request(&self, request: &Request) -> Decision {
        let keyset = request.header("x-keyset").unwrap_or_else(|| b"accounts".to_vec());
        let token = request.header("x-token").unwrap_or_default();
        match keysets::verify(&String::from_utf8_lossy(&keyset), &token) {
            Ok(payload) => Decision::forward().set_request_header("x-payload", payload).into(),
            Err(error) => Decision::respond(401).header("x-why", why(error)).into(),
        }
    }
}

fn why(error: TokenError) -> &'static str {
    match error {
        TokenError::UnknownKeyset => "unknown-keyset",
        TokenError::Malformed => "malformed",
        TokenError::Algorithm => "algorithm",
        TokenError::UnknownKey => "unknown-key",
        TokenError::Signature => "signature",
        TokenError::Unavailable => "unavailable",
    }
}

export!(TokenReader: request);

//! `keysets`: signatures of tokens, checked with keys that no plugin ever holds.

use std::time::Duration;

use crate::keysets;
use crate::plugin::contract::v0_1::bindings::keysets::{Host, InvalidToken, TokenError};
use crate::plugin::instance::HostState;
use crate::plugin::scope;

impl Host for HostState {
    fn verify(&mut self, keyset: String, token: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, TokenError>> {
        scope::see("`keysets`", |call| call.learn(call.keysets.verify(&keyset, &token)).map_err(TokenError::from))
    }

    fn verify_current(
        &mut self,
        keyset: String,
        token: Vec<u8>,
        leeway_seconds: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, InvalidToken>> {
        let leeway = Duration::from_secs(leeway_seconds.into());
        scope::see("`keysets`", |call| {
            let now = Duration::from_millis(self.time().wall_ms);
            call.learn(call.keysets.verify_current(&keyset, &token, leeway, now)).map_err(InvalidToken::from)
        })
    }
}

impl From<keysets::TokenError> for TokenError {
    fn from(error: keysets::TokenError) -> Self {
        match error {
            keysets::TokenError::UnknownKeyset => Self::UnknownKeyset,
            keysets::TokenError::Malformed => Self::Malformed,
            keysets::TokenError::Algorithm => Self::Algorithm,
            keysets::TokenError::UnknownKey => Self::UnknownKey,
            keysets::TokenError::Signature => Self::Signature,
            keysets::TokenError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<keysets::InvalidToken> for InvalidToken {
    fn from(error: keysets::InvalidToken) -> Self {
        match error {
            keysets::InvalidToken::Untrusted(error) => Self::Untrusted(error.into()),
            keysets::InvalidToken::MalformedClaims => Self::MalformedClaims,
            keysets::InvalidToken::Endless => Self::Endless,
            keysets::InvalidToken::Expired => Self::Expired,
            keysets::InvalidToken::NotYet => Self::NotYet,
        }
    }
}

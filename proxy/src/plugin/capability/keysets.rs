//! `keysets`: signatures of tokens, checked with keys that no plugin ever holds.

use crate::keysets;
use crate::plugin::bindings::keysets::{Host, TokenError};
use crate::plugin::instance::HostState;
use crate::plugin::scope;

impl Host for HostState {
    fn verify(&mut self, keyset: String, token: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, TokenError>> {
        scope::see("`keysets`", |call| call.keysets.verify(&keyset, &token).map_err(TokenError::from))
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

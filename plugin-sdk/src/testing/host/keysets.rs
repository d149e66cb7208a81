//! Key sets that believe what the test says.

use std::collections::HashMap;

use super::{TestHost, with};
use crate::keysets::TokenError;

/// By key set, then by token.
pub(super) type Keysets = HashMap<String, HashMap<Vec<u8>, Result<Vec<u8>, TokenError>>>;

impl TestHost {
    /// Declares a key set and what becomes of a token under it; call again with the same name for another token. All others
    /// have a wrong signature.
    pub fn token(self, keyset: &str, token: &str, verdict: Result<&str, TokenError>) -> Self {
        let verdict = verdict.map(|payload| payload.as_bytes().to_owned());
        with(|state| state.keysets.entry(keyset.to_owned()).or_default().insert(token.into(), verdict));
        self
    }
}

pub(crate) fn verify(keyset: &str, token: &[u8]) -> Result<Vec<u8>, TokenError> {
    with(|state| {
        let tokens = state.keysets.get(keyset).ok_or(TokenError::UnknownKeyset)?;
        tokens.get(token).cloned().unwrap_or(Err(TokenError::Signature))
    })
}

//! Key sets that believe what the test says.

use std::collections::HashMap;

use serde_json::Value;

use super::{TestHost, with};
use crate::clock;
use crate::keysets::{InvalidToken, TokenError};

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

/// Of a payload that says `exp` or `nbf` twice the last one counts here: the gateway refuses it.
pub(crate) fn verify_current(keyset: &str, token: &[u8], leeway_seconds: u32) -> Result<Vec<u8>, InvalidToken> {
    let payload = verify(keyset, token)?;
    let claims: Value = serde_json::from_slice(&payload).map_err(|_| InvalidToken::MalformedClaims)?;
    let claims = claims.as_object().ok_or(InvalidToken::MalformedClaims)?;
    let moment = |name| {
        let value = claims.get(name).map(|value| value.as_f64().ok_or(InvalidToken::MalformedClaims));
        value.transpose()
    };
    let (now, leeway) = (clock::unix_time().as_secs_f64(), f64::from(leeway_seconds.min(60)));
    let (until, from) = (moment("exp")?.ok_or(InvalidToken::Endless)?, moment("nbf")?);
    if now >= until + leeway {
        return Err(InvalidToken::Expired);
    }
    if from.is_some_and(|from| now + leeway < from) { Err(InvalidToken::NotYet) } else { Ok(payload) }
}

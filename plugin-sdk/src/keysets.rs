//! Key sets for signed tokens, fetched, kept and refreshed by the gateway. Grant: `keysets`.

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
use crate::contract::verified as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::keysets as gateway;

/// Why a token is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// The operator configured no key set of this name.
    UnknownKeyset,
    /// It is no compact JWS (RFC 7515 section 7.1), or its header wants what is never given: `crit`, `none`.
    Malformed,
    /// Its algorithm is not one the key set allows.
    Algorithm,
    /// No key of the set fits.
    UnknownKey,
    /// The signature is not right.
    Signature,
    /// The key set could not be fetched yet.
    Unavailable,
}

/// Why a token does not count now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidToken {
    /// Its signature could not be confirmed, whatever the time is.
    Untrusted(TokenError),
    /// Its payload is no JSON object, or `exp` or `nbf` is there twice or is no number.
    MalformedClaims,
    /// It has no `exp`: every token has to end.
    Endless,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYet,
}

impl From<TokenError> for InvalidToken {
    fn from(error: TokenError) -> Self {
        Self::Untrusted(error)
    }
}

/// Checks the signature of a token under a key set, and returns its payload.
///
/// Claims (`exp`, `aud`, ...) are for the policy to check; where tokens are to end, [`verify_current`] is what asks for it, since decisions
/// made by this are remembered until the keys change. Keep nothing of the answer for the next call. Keys that the token itself brings or points to (`jwk`, `jku`,
/// `x5u`) are never used.
///
/// # Errors
/// Why the token is not to be believed.
pub fn verify(keyset: &str, token: &[u8]) -> Result<Vec<u8>, TokenError> {
    gateway::verify(keyset, token)
}

/// Checks the signature of a token under a key set, and that it counts now: from `nbf`, where it is there, until `exp` (RFC 7519
/// sections 4.1.4 and 4.1.5). Returns its payload.
///
/// `leeway` is for clocks that differ; what is less than a second of it counts for nothing, and so does what is more than 60. All other claims are for the policy to check. The gateway
/// knows how long the answer is true, and gives a decision that was made by it to requests that read the same for as long; a policy that
/// asks [`clock`](crate::clock) is called each time. Keep nothing of the answer for the next call: it may be true no longer.
///
/// # Errors
/// Why the token does not count.
pub fn verify_current(keyset: &str, token: &[u8], leeway: Duration) -> Result<Vec<u8>, InvalidToken> {
    gateway::verify_current(keyset, token, u32::try_from(leeway.as_secs()).unwrap_or(u32::MAX))
}

//! Key sets for signed tokens, fetched, kept and refreshed by the gateway. Grant: `keysets`.

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

/// Checks the signature of a token under a key set, and returns its payload.
///
/// Claims (`exp`, `aud`, ...) are for the policy to check. Keys that the token itself brings or points to (`jwk`, `jku`,
/// `x5u`) are never used.
///
/// # Errors
/// Why the token is not to be believed.
pub fn verify(keyset: &str, token: &[u8]) -> Result<Vec<u8>, TokenError> {
    gateway::verify(keyset, token)
}

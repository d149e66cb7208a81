//! Key sets for signed tokens: where they come from, how they stay fresh, and what they say of a signature.
//!
//! `token` takes a token apart (compact JWS, RFC 7515) and refuses what no key could mend; `key` checks a signature with
//! one key; `key_ring` holds the keys of a set, made ready once by `jwk` or `pem`, and chooses among them. A `keyset` is
//! a ring that may be replaced while requests use it: `fetch` gets a new one, `keeper` decides when.
//!
//! Nothing in a token chooses how it is checked: its algorithm must be one the operator allowed *and* one of the key's
//! kind, and keys it brings or points to (`jwk`, `jku`, `x5c`, `x5u`) are not even read.

mod fetch;
mod jwk;
mod keeper;
mod key;
mod key_ring;
mod keyset;
mod lifetime;
mod load;
mod pem;
mod proof;
mod tls;
mod token;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use keeper::KeysetKeeper;
pub use key_ring::{KeyFacts, KeyRing, UnusableKey};
pub use keyset::{Failure, Keyset, KeysetFacts};
use lifetime::Lifetime;
pub use load::KeysetProblem;
pub use proof::{Proof, Verified};

/// Why a token is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is no key set of this name.
    #[error("there is no such key set")]
    UnknownKeyset,
    /// It is no compact JWS, or its header wants what is never given.
    #[error("it is not a signed token")]
    Malformed,
    /// The key set does not allow its algorithm.
    #[error("its algorithm is not allowed")]
    Algorithm,
    /// No key of the set fits.
    #[error("no key fits")]
    UnknownKey,
    /// A key fits, and its signature does not.
    #[error("its signature is not right")]
    Signature,
    /// There are no keys yet.
    #[error("the keys are not there yet")]
    Unavailable,
}

/// Why a token does not count now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Its signature could not be confirmed, whatever the time is.
    #[error(transparent)]
    Untrusted(TokenError),
    /// Its payload is no JSON object, or `exp` or `nbf` is there twice or is no number.
    #[error("its claims cannot be read")]
    MalformedClaims,
    /// It has no `exp`.
    #[error("it does not end")]
    Endless,
    /// It has ended.
    #[error("it has expired")]
    Expired,
    /// It has not begun.
    #[error("it is not valid yet")]
    NotYet,
}

/// All key sets of one snapshot.
#[derive(Debug, Default)]
pub struct Keysets {
    by_name: BTreeMap<String, Arc<Keyset>>,
}

impl Keysets {
    /// Takes the key sets of a snapshot, each under its own name.
    pub fn new(keysets: impl IntoIterator<Item = Arc<Keyset>>) -> Self {
        Self { by_name: keysets.into_iter().map(|keyset| (keyset.name().to_owned(), keyset)).collect() }
    }

    /// Checks the signature of a token.
    ///
    /// # Errors
    /// The token is not to be believed.
    pub fn verify(&self, keyset: &str, token: &[u8]) -> Result<Verified, TokenError> {
        let keyset = self.get(keyset).ok_or(TokenError::UnknownKeyset)?;
        let (payload, ring) = keyset.check(token)?;
        let proof = Proof::new(keyset, &ring, Lifetime::UNASKED);
        Ok(Verified { payload, proof })
    }

    /// Checks the signature of a token, and that it counts at this moment since 1970; `leeway` is for clocks that differ, at most a
    /// minute.
    ///
    /// # Errors
    /// The token does not count.
    pub fn verify_current(
        &self,
        keyset: &str,
        token: &[u8],
        leeway: Duration,
        now: Duration,
    ) -> Result<Verified, InvalidToken> {
        let Verified { payload, proof } = self.verify(keyset, token)?;
        let lifetime = Lifetime::read(&payload, leeway)?;
        lifetime.check(now)?;
        Ok(Verified { payload, proof: proof.lasting(lifetime) })
    }

    /// The key set of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Keyset>> {
        self.by_name.get(name)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Keyset>> {
        self.by_name.values()
    }

    /// Whether both hold the very same key sets.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.by_name.len() == other.by_name.len()
            && self.by_name.iter().all(|(name, keyset)| other.get(name).is_some_and(|other| Arc::ptr_eq(keyset, other)))
    }
}

//! The keys of a set, and which of them a token is checked with.

use super::TokenError;
use super::key::VerificationKey;
use super::token::Token;
use crate::config::model::Algorithms;

/// Keys that one token is tried with: where it names none, an attacker chooses how often we calculate.
pub(super) const MOST_TRIES: usize = 8;

/// Keys that are ready.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<VerificationKey>,
    unusable: Vec<UnusableKey>,
    /// Tells this ring from one that was made of other bytes.
    pub(super) fingerprint: [u8; 32],
}

/// A key of a set, as an operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its name; none where it has none.
    pub kid: Option<String>,
    /// What it may be used with.
    pub algorithms: Algorithms,
}

/// A key of a set that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableKey {
    /// Which, from 0.
    pub index: usize,
    /// Its name; none where it has none.
    pub kid: Option<String>,
    /// Why.
    pub why: String,
}

impl KeyRing {
    pub(super) fn new(keys: Vec<VerificationKey>, unusable: Vec<UnusableKey>, fingerprint: [u8; 32]) -> Self {
        Self { keys, unusable, fingerprint }
    }

    /// Whether no token could be checked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Keys that can be used.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = KeyFacts> {
        self.keys.iter().map(|key| KeyFacts { kid: key.kid.clone(), algorithms: key.algorithms })
    }

    /// Keys that cannot.
    #[must_use]
    pub fn unusable(&self) -> &[UnusableKey] {
        &self.unusable
    }

    /// Whether a key has this name, or fits every name.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref().is_none_or(|own| own == kid))
    }

    /// Checks the signature.
    pub(super) fn check(&self, token: &Token<'_>) -> Result<(), TokenError> {
        let algorithm = token.algorithm.ok_or(TokenError::Algorithm)?;
        let fitting = self.keys.iter().filter(|key| key.fits(algorithm, token.kid.as_deref()));
        let mut refused = TokenError::UnknownKey;
        for key in fitting.take(MOST_TRIES) {
            if key.verifies(algorithm, token.signed, &token.signature) {
                return Ok(());
            }
            refused = TokenError::Signature;
        }
        Err(refused)
    }
}

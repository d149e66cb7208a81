//! What a client proves to be a consumer with.

use std::fmt;

use ring::hmac;

use super::PasswordHash;

/// Everything one consumer may be recognised by; no two consumers share any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// SHA-256 of each of its API keys; the keys themselves are not kept.
    pub api_key_hashes: Vec<[u8; 32]>,
    /// What its password is compared with.
    pub password: Option<PasswordHash>,
    /// What issuers of tokens call it.
    pub subjects: Vec<TokenSubject>,
    /// Secrets it signs requests with.
    pub signing_keys: Vec<SigningKey>,
    /// SHA-256 of each certificate (DER) it shows in TLS handshakes.
    pub certificates: Vec<[u8; 32]>,
}

/// What an issuer of tokens calls a client: `iss` and `sub` of RFC 7519.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenSubject {
    /// Who says so.
    pub issuer: String,
    /// The name it gave.
    pub subject: String,
}

/// A secret that a client signs requests with. The gateway has to have it as it is, to compute the same.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// What a signature names it by; public.
    pub id: String,
    /// At least [`SigningKey::LEAST_BYTES`].
    pub secret: Vec<u8>,
}

impl SigningKey {
    /// As many as the hash has, since a shorter secret is easier to guess than the hash is to forge (RFC 2104 section 3).
    pub const LEAST_BYTES: usize = 32;
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A signing key made ready.
#[derive(Debug)]
pub(super) struct HmacKey(hmac::Key);

impl HmacKey {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Whether this key made this HMAC, in the same time for every HMAC.
    pub(super) fn made(&self, message: &[u8], hmac: &[u8]) -> bool {
        hmac::verify(&self.0, message, hmac).is_ok()
    }
}

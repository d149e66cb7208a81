//! The clients the operator knows by name. Grant: `consumers`.
//!
//! Credentials never enter a plugin: it says where the client's is, or hands over what the client sent, and the gateway
//! compares.

use crate::Request;
#[cfg(target_arch = "wasm32")]
use crate::contract::consumers as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::consumers as gateway;

/// A client the operator knows.
///
/// The number belongs to the consumer's name: it stays the same over reloads, restarts and gateways, so that it may be part
/// of a counter's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerId(u64);

impl ConsumerId {
    /// The consumer of a number that was kept somewhere; who it is, and whether it still exists, the gateway knows.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The consumer's name; `None` where the operator removed it.
    #[must_use]
    pub fn name(self) -> Option<String> {
        gateway::name(self.0)
    }

    /// The tags the operator gave it.
    #[must_use]
    pub fn tags(self) -> Vec<String> {
        gateway::tags(self.0)
    }
}

/// Why a field of a request is nobody's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The field is not there.
    Missing,
    /// The field is there with different values.
    Repeated,
    /// No consumer owns the key.
    Unknown,
}

/// The consumer that owns the API key in this field, which is read as [`Request::sole_header`] reads it. The key itself does
/// not come into the plugin.
///
/// # Errors
/// Why it is nobody's.
pub fn find_by_key_header(request: &Request, name: &str) -> Result<ConsumerId, KeyError> {
    let found = gateway::find_by_key_header(request.view(), name).map(ConsumerId);
    #[cfg(target_arch = "wasm32")]
    let found = found.map_err(crate::contract::key_error);
    found
}

/// The consumer that owns this API key. The comparison takes the same time for every key.
#[must_use]
pub fn find_by_key(key: &[u8]) -> Option<ConsumerId> {
    gateway::find_by_key(key).map(ConsumerId)
}

/// The consumer of this name.
#[must_use]
pub fn find_by_name(name: &str) -> Option<ConsumerId> {
    gateway::find_by_name(name).map(ConsumerId)
}

/// The consumer that an issuer of tokens calls by this subject (RFC 7519 sections 4.1.1 and 4.1.2).
#[must_use]
pub fn find_by_subject(issuer: &str, subject: &str) -> Option<ConsumerId> {
    gateway::find_by_subject(issuer, subject).map(ConsumerId)
}

/// The consumer that shows this certificate, as [`Request::client_certificate`](crate::Request::client_certificate) has it.
#[must_use]
pub fn find_by_certificate(sha256: &[u8]) -> Option<ConsumerId> {
    gateway::find_by_certificate(sha256).map(ConsumerId)
}

/// The consumer whose signing key of this id made this HMAC-SHA256 over `message`; `None` where there is no such key, or the
/// HMAC is another. The comparison takes the same time for every HMAC.
#[must_use]
pub fn verify_hmac(key_id: &str, message: &[u8], hmac: &[u8]) -> Option<ConsumerId> {
    gateway::verify_hmac(key_id, message, hmac).map(ConsumerId)
}

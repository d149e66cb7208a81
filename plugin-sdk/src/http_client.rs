//! Requests to upstreams of the configuration. Grant: `http-client`, and each upstream by name in `plugin.upstreams`.
//!
//! ```no_run
//! use std::time::Duration;
//! use tidegate_plugin_sdk::http_client::Outgoing;
//!
//! let answer = Outgoing::get("sessions", "/introspect").timeout(Duration::from_millis(200)).send()?;
//! # Ok::<(), tidegate_plugin_sdk::http_client::SendError>(())
//! ```
//!
//! The request waits while its policy waits: keep the timeout short.

use std::time::Duration;

use crate::Field;
#[cfg(target_arch = "wasm32")]
use crate::contract::exchanged as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::http_client as gateway;

/// Unless another one is set.
const TIMEOUT_MS: u32 = 1000;

/// A request to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Name of an upstream; its balancer chooses the endpoint.
    pub upstream: String,
    /// Its method.
    pub method: String,
    /// Path and query, in origin form (RFC 9112 section 3.2.1).
    pub target: String,
    /// Fields; `host` is the upstream's where it is not given, framing is the gateway's.
    pub headers: Vec<Field>,
    /// Its body.
    pub body: Vec<u8>,
    /// For the whole exchange; at most `limits.http_timeout`.
    pub timeout_ms: u32,
}

/// The answer to a request. Redirects are answers like others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub headers: Vec<Field>,
    /// Its body; at most `limits.http_body`.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No upstream of this name was granted.
    UnknownUpstream,
    /// The request is not legal HTTP.
    IllegalRequest,
    /// More requests in one call of the plugin than `limits.http_calls`.
    TooManyCalls,
    /// No endpoint could be asked.
    Unavailable,
    /// The time is over.
    Timeout,
    /// The answer is larger than `limits.http_body`.
    TooLarge,
    /// The answer is not legal HTTP.
    IllegalResponse,
}

impl Outgoing {
    /// A request to an upstream for a path, with or without a query. It may take a second.
    pub fn new(method: impl Into<String>, upstream: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            upstream: upstream.into(),
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: TIMEOUT_MS,
        }
    }

    /// A GET.
    pub fn get(upstream: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new("GET", upstream, target)
    }

    /// A POST with a body; its type is a field of its own (`content-type`).
    pub fn post(upstream: impl Into<String>, target: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", upstream, target) }
    }

    /// Adds a field.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(Field::new(name, value));
        self
    }

    /// Sets how long the whole exchange may take.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX), ..self }
    }

    /// Sends it, and waits for its whole answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn send(&self) -> Result<Incoming, SendError> {
        gateway::send(self)
    }
}

impl Incoming {
    /// An answer with this status and nothing else, for tests.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The first value of a field; the name is matched without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_slice())
    }

    /// The same with a body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

//! What a policy decided, after the host has checked it.
//!
//! The types carry the invariant: an [`Edit`] that exists has a legal name, a legal value, and touches nothing that
//! frames or routes a message (shared with `wire`, which checks the finished head once more).

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use crate::consumers::Consumer;

/// The decision on a request.
#[derive(Clone, Debug)]
pub enum RequestDecision {
    /// Let it pass, changed as told.
    Forward(Forward),
    /// Answer it here.
    Respond(LocalResponse),
}

/// What changes about a request that passes.
#[derive(Clone, Debug, Default)]
pub struct Forward {
    /// Applied before the next policy sees the request.
    pub request: Vec<Edit>,
    /// Applied to the response on its way back, whoever makes it.
    pub response: Vec<Edit>,
    /// Who the client turned out to be.
    pub consumer: Option<Arc<Consumer>>,
}

/// The decision on a response.
#[derive(Clone, Debug)]
pub enum ResponseDecision {
    /// Let it pass with these edits.
    Forward(Vec<Edit>),
    /// Send this instead.
    Replace(LocalResponse),
}

/// A legal change to the header fields of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replace all values of the field by this one.
    Set(HeaderName, HeaderValue),
    /// Add a value beside those that are there.
    Append(HeaderName, HeaderValue),
    /// Remove all values of the field.
    Remove(HeaderName),
}

/// An answer made by a policy.
#[derive(Clone, Debug)]
pub struct LocalResponse {
    /// 200 to 599.
    pub status: StatusCode,
    /// Fields beside those the gateway makes itself.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Empty: the gateway writes a problem document where the status is 400 or above.
    pub body: Bytes,
}

/// Why a returned value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalDecision {
    /// Not a header name, or one with upper-case letters that no canonical form fits.
    #[error("illegal header name {0:?}")]
    Name(String),
    /// The name frames, routes or belongs to one connection.
    #[error("header {0:?} is the gateway's own")]
    Reserved(String),
    /// CR, LF, NUL or another byte that no field value may hold (RFC 9110 section 5.5).
    #[error("illegal value for header {0:?}")]
    Value(String),
    /// Not 200 to 599.
    #[error("illegal status {0}")]
    Status(u16),
    /// More bytes than the plugin's limit.
    #[error("output of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// What the plugin returned.
        bytes: usize,
        /// `plugin.limits.output`.
        limit: usize,
    },
    /// A consumer that does not exist, or no grant to name one.
    #[error("unknown consumer {0:?}")]
    Consumer(String),
    /// An index past the candidates.
    #[error("pick {index} of {candidates} candidates")]
    Pick {
        /// What the plugin returned.
        index: u32,
        /// How many there were.
        candidates: usize,
    },
}

/// A message head that edits can be applied to; implemented once per engine, in `wire`.
pub trait EditableHead {
    /// Applies one edit.
    fn apply(&mut self, edit: &Edit);
}

//! What a plugin sends out, as the host sees it: who really sends is none of its business.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};

/// A request to an upstream, legal and granted.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    /// Name of the upstream.
    pub upstream: String,
    /// What is asked.
    pub method: Method,
    /// Path and query.
    pub target: PathAndQuery,
    /// Fields, without any that frame the message.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// For the whole exchange.
    pub timeout: Duration,
    /// Bytes of the answer's body at most.
    pub body_limit: usize,
}

/// What the upstream answered.
#[derive(Clone, Debug)]
pub struct OutboundResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundFailure {
    /// No upstream of this name.
    #[error("no upstream of this name")]
    UnknownUpstream,
    /// No endpoint could be asked.
    #[error("no endpoint could be asked")]
    Unavailable,
    /// The time is over.
    #[error("the time is over")]
    Timeout,
    /// The answer is larger than it may be.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not legal HTTP.
    #[error("the answer is not legal")]
    IllegalResponse,
}

/// An answer to come. It owns what it needs: the call that waits for it may be dropped.
pub type OutboundAnswer = Pin<Box<dyn Future<Output = Result<OutboundResponse, OutboundFailure>> + Send>>;

/// Sends requests to upstreams.
pub trait Outbound: Send + Sync + fmt::Debug {
    /// Sends one request; its endpoint is chosen when the answer is first waited for.
    fn send(&self, request: OutboundRequest) -> OutboundAnswer;
}

/// Knows no upstream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Outbound for Nowhere {
    fn send(&self, _: OutboundRequest) -> OutboundAnswer {
        Box::pin(std::future::ready(Err(OutboundFailure::UnknownUpstream)))
    }
}

//! One check: ask an endpoint once, on a connection of its own.

mod grpc;
mod http1;
mod http2;

use std::fmt;
use std::io;
use std::sync::Arc;

use http::HeaderValue;
use http::header::USER_AGENT;
use http::request::Builder;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::config::model::{CheckKind, EndpointAddress, HealthCheck, HttpCheck, UpstreamProtocol};
use crate::upstream::transport::{Transport, Unreached};

/// Who asks, where the configuration does not say otherwise.
const AGENT: HeaderValue = HeaderValue::from_static("tidegate-health");
/// Bytes of a head, and then of a body, that are read; an endpoint is not asked for more by closing on it early.
const READ_LIMIT: usize = 64 * 1024;

/// What one check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A connection, where nothing else was asked for.
    Connected,
    /// A status the check takes for good, and the body it expects.
    Good(u16),
    /// Another status.
    Bad(u16),
    /// The right status, but not the body that is expected.
    OtherBody(u16),
    /// `SERVING`, by gRPC.
    Serving,
    /// Another state, by gRPC.
    NotServing(&'static str),
    /// A call by gRPC that ended with this status instead of an answer.
    CallFailed(u16),
    /// An answer in another protocol than was spoken.
    Garbage(Arc<str>),
    /// No connection, no whole answer, or not in time.
    Unreachable(Arc<str>),
}

impl Finding {
    /// Whether it speaks for the endpoint.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good(_) | Self::Connected | Self::Serving)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::OtherBody(status) => write!(f, "status {status} without the expected body"),
            Self::Good(status) | Self::Bad(status) => write!(f, "status {status}"),
            Self::Serving => f.write_str("SERVING"),
            Self::NotServing(state) => f.write_str(state),
            Self::CallFailed(grpc::NOT_FOUND) => f.write_str("gRPC status 5: it does not know this service"),
            Self::CallFailed(grpc::UNIMPLEMENTED) => f.write_str("gRPC status 12: it has no health service"),
            Self::CallFailed(status) => write!(f, "gRPC status {status}"),
            Self::Garbage(why) | Self::Unreachable(why) => f.write_str(why),
        }
    }
}

/// Asks once; the whole of it under one deadline.
pub(super) async fn probe(transport: &Transport, address: &EndpointAddress, check: &HealthCheck) -> Finding {
    match timeout(check.timeout, ask(transport, address, check)).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(failed)) => failed.into(),
        Err(_) => {
            Finding::Unreachable(format!("no answer within {}", humantime::format_duration(check.timeout)).into())
        }
    }
}

#[derive(Debug)]
enum Failed {
    Connect(Unreached),
    Request(http::Error),
    Http1(hyper::Error),
    Http2(h2::Error),
}

impl From<Failed> for Finding {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Connect(Unreached::Connect(error)) => Self::Unreachable(error_text(&error).into()),
            Failed::Connect(unreached) => Self::Unreachable(unreached.to_string().into()),
            Failed::Request(error) => Self::Unreachable(format!("cannot ask: {error}").into()),
            Failed::Http1(error) if error.is_parse() => Self::Garbage(format!("not HTTP: {error}").into()),
            Failed::Http1(error) => Self::Unreachable(error.to_string().into()),
            // What it sent made no sense to the library.
            Failed::Http2(error) if error.is_library() => Self::Garbage(format!("not HTTP/2: {error}").into()),
            Failed::Http2(error) => Self::Unreachable(error.to_string().into()),
        }
    }
}

/// Kinds the standard library knows read better without the number of the system's error.
fn error_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        known => known.to_string(),
    }
}

async fn ask(transport: &Transport, address: &EndpointAddress, check: &HealthCheck) -> Result<Finding, Failed> {
    if matches!(check.kind, CheckKind::Tcp) {
        let mut stream = transport.knock(address).await.map_err(Failed::Connect)?;
        if check.tls {
            // A session that just ends looks like an attack to the other side.
            let _ = stream.shutdown().await;
        }
        return Ok(Finding::Connected);
    }
    let stream = transport.reach(address).await.map_err(Failed::Connect)?;
    match (&check.kind, transport.protocol) {
        (CheckKind::Tcp, _) => Ok(Finding::Connected),
        (CheckKind::Http(http), UpstreamProtocol::Http1) => http1::get(stream, address, http).await,
        (CheckKind::Http(http), UpstreamProtocol::Http2) => http2::get(stream, address, http, check.tls).await,
        (CheckKind::Grpc(grpc), _) => grpc::ask(stream, address, grpc, check).await,
    }
}

/// The request with the fields that the configuration wants sent.
fn with_fields(mut request: Builder, check: &HttpCheck) -> Builder {
    if !check.headers.iter().any(|(name, _)| *name == USER_AGENT) {
        request = request.header(USER_AGENT, AGENT);
    }
    for (name, value) in &check.headers {
        request = request.header(name, value);
    }
    request
}

fn judged(check: &HttpCheck, status: u16, body: &[u8]) -> Finding {
    if !check.statuses.iter().any(|(first, last)| (*first..=*last).contains(&status)) {
        return Finding::Bad(status);
    }
    match &check.body {
        Some(expected) if memchr::memmem::find(body, expected.as_bytes()).is_none() => Finding::OtherBody(status),
        _ => Finding::Good(status),
    }
}

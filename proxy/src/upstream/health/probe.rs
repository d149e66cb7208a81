//! One check: ask an endpoint once, on a connection of its own.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::config::model::{CheckKind, EndpointAddress, HealthCheck, HttpCheck};
use crate::upstream::stream::Stream;

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
    /// An answer that is no HTTP.
    Garbage(Arc<str>),
    /// No connection, no whole answer, or not in time.
    Unreachable(Arc<str>),
}

impl Finding {
    /// Whether it speaks for the endpoint.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good(_) | Self::Connected)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::OtherBody(status) => write!(f, "status {status} without the expected body"),
            Self::Good(status) | Self::Bad(status) => write!(f, "status {status}"),
            Self::Garbage(why) => write!(f, "not HTTP: {why}"),
            Self::Unreachable(why) => f.write_str(why),
        }
    }
}

/// Asks once; the whole of it under one deadline.
pub(super) async fn probe(address: &EndpointAddress, check: &HealthCheck) -> Finding {
    match timeout(check.timeout, ask(address, &check.kind)).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(failed)) => failed.into(),
        Err(_) => {
            Finding::Unreachable(format!("no answer within {}", humantime::format_duration(check.timeout)).into())
        }
    }
}

#[derive(Debug)]
enum Failed {
    Connect(std::io::Error),
    Request(http::Error),
    Exchange(hyper::Error),
}

impl From<Failed> for Finding {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Connect(error) => Self::Unreachable(error_text(error.kind(), &error).into()),
            Failed::Request(error) => Self::Unreachable(format!("cannot ask: {error}").into()),
            Failed::Exchange(error) if error.is_parse() => Self::Garbage(error.to_string().into()),
            Failed::Exchange(error) => Self::Unreachable(error.to_string().into()),
        }
    }
}

/// Kinds the standard library knows read better without the number of the system's error.
fn error_text(kind: std::io::ErrorKind, error: &std::io::Error) -> String {
    match kind {
        std::io::ErrorKind::Other => error.to_string(),
        known => known.to_string(),
    }
}

async fn ask(address: &EndpointAddress, kind: &CheckKind) -> Result<Finding, Failed> {
    let stream = Stream::connect(address).await.map_err(Failed::Connect)?;
    match kind {
        CheckKind::Tcp => Ok(Finding::Connected),
        CheckKind::Http(check) => get(stream, address, check).await,
    }
}

async fn get(stream: Stream, address: &EndpointAddress, check: &HttpCheck) -> Result<Finding, Failed> {
    let request = request(address, check).map_err(Failed::Request)?;
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(READ_LIMIT).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(Failed::Exchange)?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        let body = read(&mut response, check.body.is_some()).await?;
        Ok(judged(check, response.status().as_u16(), &body))
    };
    // Both in this task: dropping the check drops its connection. The connection may end first, when all is read.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        done = &mut exchange => return done.map_err(Failed::Exchange),
        _ = connection => {}
    }
    exchange.await.map_err(Failed::Exchange)
}

fn request(address: &EndpointAddress, check: &HttpCheck) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut request = Request::get(&check.path).header(CONNECTION, "close");
    request = match &check.host {
        Some(host) => request.header(HOST, host),
        None => request.header(HOST, address.host()),
    };
    if !check.headers.iter().any(|(name, _)| *name == USER_AGENT) {
        request = request.header(USER_AGENT, "tidegate-health");
    }
    for (name, value) in &check.headers {
        request = request.header(name, value);
    }
    request.body(Empty::new())
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

/// Reads the body to its end or to the limit, so that the endpoint need not log a broken connection at each check. What was
/// read is returned where it is wanted.
async fn read(response: &mut Response<Incoming>, wanted: bool) -> Result<Vec<u8>, hyper::Error> {
    let (mut kept, mut left) = (Vec::new(), READ_LIMIT);
    while let Some(frame) = response.frame().await {
        let frame = frame?;
        let Some(data) = frame.data_ref() else { continue };
        if wanted {
            kept.extend(data.iter().take(left));
        }
        match left.checked_sub(data.len()) {
            Some(less) if less > 0 => left = less,
            _ => break,
        }
    }
    Ok(kept)
}

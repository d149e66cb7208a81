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
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::model::HealthCheck;
use crate::upstream::endpoint::Endpoint;

/// Bytes of a head, and then of a body, that are read; an endpoint is not asked for more by closing on it early.
const READ_LIMIT: usize = 64 * 1024;

/// What one check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A status the check takes for good.
    Good(u16),
    /// Another status.
    Bad(u16),
    /// An answer that is no HTTP.
    Garbage(Arc<str>),
    /// No connection, no whole answer, or not in time.
    Unreachable(Arc<str>),
}

impl Finding {
    /// Whether it speaks for the endpoint.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(status) | Self::Bad(status) => write!(f, "status {status}"),
            Self::Garbage(why) => write!(f, "not HTTP: {why}"),
            Self::Unreachable(why) => f.write_str(why),
        }
    }
}

/// Asks once; the whole of it under one deadline.
pub(super) async fn probe(endpoint: &Endpoint, check: &HealthCheck) -> Finding {
    match timeout(check.timeout, ask(endpoint, check)).await {
        Ok(Ok(status)) if is_good(check, status) => Finding::Good(status),
        Ok(Ok(status)) => Finding::Bad(status),
        Ok(Err(failed)) => failed.into(),
        Err(_) => {
            Finding::Unreachable(format!("no answer within {}", humantime::format_duration(check.timeout)).into())
        }
    }
}

fn is_good(check: &HealthCheck, status: u16) -> bool {
    check.healthy_statuses.iter().any(|(first, last)| (*first..=*last).contains(&status))
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

async fn ask(endpoint: &Endpoint, check: &HealthCheck) -> Result<u16, Failed> {
    let request = request(endpoint, check).map_err(Failed::Request)?;
    let stream = TcpStream::connect(endpoint.address).await.map_err(Failed::Connect)?;
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(READ_LIMIT).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(Failed::Exchange)?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        drain(&mut response).await?;
        Ok(response.status().as_u16())
    };
    // Both in this task: dropping the check drops its connection. The connection may end first, when all is read.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        done = &mut exchange => return done.map_err(Failed::Exchange),
        _ = connection => {}
    }
    exchange.await.map_err(Failed::Exchange)
}

fn request(endpoint: &Endpoint, check: &HealthCheck) -> Result<Request<Empty<Bytes>>, http::Error> {
    Request::get(&check.path)
        .header(HOST, check.host.as_deref().unwrap_or(&endpoint.label))
        .header(USER_AGENT, "tidegate-health")
        .header(CONNECTION, "close")
        .body(Empty::new())
}

/// Reads the body to its end or to the limit, so that the endpoint need not log a broken connection at each check.
async fn drain(response: &mut Response<Incoming>) -> Result<(), hyper::Error> {
    let mut left = READ_LIMIT;
    while let Some(frame) = response.frame().await {
        let length = frame?.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) if less > 0 => left = less,
            _ => break,
        }
    }
    Ok(())
}

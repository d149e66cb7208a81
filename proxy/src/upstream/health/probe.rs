//! One check: ask an endpoint once, over a connection of its own or the one that the check before left.

mod grpc;
mod http1;
mod http2;
mod kept;

use std::fmt;
use std::io;
use std::sync::Arc;

use http::HeaderValue;
use http::header::USER_AGENT;
use http::request::Builder;
use once_cell::sync::OnceCell;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::config::model::{CheckKind, EndpointAddress, HealthCheck, HttpCheck, UpstreamProtocol};
use crate::observe::metrics::TryFailure;
use crate::upstream::traffic::Failing;
use crate::upstream::transport::{Transport, Unreached};
pub(super) use kept::Room;
use kept::{Connection, Kept, Place};

/// Who asks, where the configuration does not say otherwise.
const AGENT: HeaderValue = HeaderValue::from_static("tidegate-health");
/// Bytes of a head, and then of a body, that are read; an endpoint is not asked for more by closing on it early.
const READ_LIMIT: usize = 64 * 1024;

/// Of so many checks one closes its connection: the next one shows whether the endpoint takes new connections, which those
/// that it has do not tell.
const CHECKS: u32 = 30;

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

/// Asks one endpoint, check after check.
#[derive(Debug)]
pub(super) struct Prober<'a> {
    transport: &'a Transport,
    address: &'a EndpointAddress,
    check: &'a HealthCheck,
    room: &'a Room,
    /// Where in the row of [`CHECKS`] it stands; with the first of them a connection is closed.
    turn: u32,
    kept: Option<Kept>,
    /// The last check had no answer over a connection that was kept.
    fell_silent: bool,
    /// A new connection was answered where one that was kept fell silent: something between forgets those that wait. Until the row begins
    /// anew none is kept.
    is_forgotten: bool,
    /// What is asked over HTTP/1.1.
    question: OnceCell<http1::Question>,
}

impl<'a> Prober<'a> {
    pub(super) fn new(
        transport: &'a Transport,
        address: &'a EndpointAddress,
        check: &'a HealthCheck,
        room: &'a Room,
    ) -> Self {
        Self {
            transport,
            address,
            check,
            room,
            turn: 0,
            kept: None,
            fell_silent: false,
            is_forgotten: false,
            question: OnceCell::new(),
        }
    }

    /// As if so many checks had been made: those of many endpoints are not to open their connections together.
    pub(super) fn after(self, checks: u32) -> Self {
        Self { turn: checks % CHECKS, ..self }
    }

    /// Asks once; the whole of it under one deadline. An endpoint that is not trusted is asked over a new
    /// connection, and only a good answer leaves one to the next check.
    pub(super) async fn ask(&mut self, is_trusted: bool) -> Finding {
        self.turn = (self.turn + 1) % CHECKS;
        self.is_forgotten &= self.turn != 0;
        let kept = self.kept.take().filter(|_| is_trusted);
        let keep = is_trusted && self.turn != 0 && !self.is_forgotten;
        let was_kept = kept.is_some();
        match timeout(self.check.timeout, self.answer(kept, keep)).await {
            Ok(Ok((finding, kept))) => {
                self.is_forgotten |= std::mem::take(&mut self.fell_silent) && finding.is_good();
                self.kept = kept.filter(|_| finding.is_good() && !self.is_forgotten);
                finding
            }
            Ok(Err(failed)) => failed.into(),
            Err(_) => {
                self.fell_silent = was_kept;
                let patience = humantime::format_duration(self.check.timeout);
                Finding::Unreachable(format!("no answer within {patience}").into())
            }
        }
    }

    async fn answer(&self, kept: Option<Kept>, keep: bool) -> Result<(Finding, Option<Kept>), Failed> {
        // One that breaks says nothing of the endpoint, which may close what was unused for a while; some say 408 with that, which
        // may meet the question on its way (RFC 9110 section 15.5.9).
        if let Some((connection, place)) = kept.and_then(Kept::taken)
            && let Ok(answered) = self.over(connection, Some(place).filter(|_| keep)).await
            && answered.0 != Finding::Bad(408)
        {
            return Ok(answered);
        }
        let connection = Box::pin(self.opened()).await?;
        let place = if keep { self.room.place(self.check) } else { None };
        self.over(connection, place).await
    }

    async fn opened(&self) -> Result<Connection, Failed> {
        let stream = match self.check.kind {
            CheckKind::Tcp => self.transport.knock(self.address).await,
            CheckKind::Http(_) | CheckKind::Grpc(_) => self.transport.reach(self.address).await,
        };
        stream.map(Connection::Octets).map_err(Failed::Connect)
    }

    /// Asks over this connection, which is kept where there is a place for it and it may serve on.
    async fn over(&self, connection: Connection, place: Option<Place>) -> Result<(Finding, Option<Kept>), Failed> {
        let Self { address, check, .. } = self;
        let keep = place.is_some();
        let (finding, left) = match (&check.kind, self.transport.protocol, connection) {
            (CheckKind::Tcp, _, connection) => (knocked(connection, check.tls).await, None),
            (CheckKind::Http(http), UpstreamProtocol::Http1, Connection::Octets(stream)) => {
                let question = self.question.get_or_try_init(|| http1::Question::new(address, http));
                let (finding, stream) = http1::get(stream, question.map_err(Failed::Request)?, http, keep).await?;
                (finding, stream.map(Connection::Octets))
            }
            (CheckKind::Http(http), _, connection) => {
                let session = Box::pin(connection.into_session()).await?;
                let (finding, session) = Box::pin(http2::get(session, address, http, check.tls, keep)).await?;
                (finding, session.map(Connection::from))
            }
            (CheckKind::Grpc(grpc), _, connection) => {
                let session = Box::pin(connection.into_session()).await?;
                let (finding, session) = Box::pin(grpc::ask(session, address, grpc, check, keep)).await?;
                (finding, session.map(Connection::from))
            }
        };
        Ok((finding, left.zip(place).map(Kept::from)))
    }
}

/// A connection was all that was asked for.
async fn knocked(connection: Connection, is_secure: bool) -> Finding {
    if let (Connection::Octets(mut stream), true) = (connection, is_secure) {
        // A session that just ends looks like an attack to the other side.
        let _ = stream.shutdown().await;
    }
    Finding::Connected
}

#[derive(Debug)]
enum Failed {
    Connect(Unreached),
    Request(http::Error),
    Http1(TryFailure),
    Http2(h2::Error),
}

impl From<Failed> for Finding {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Connect(Unreached::Connect(error)) => Self::Unreachable(error_text(&error).into()),
            Failed::Connect(unreached) => Self::Unreachable(unreached.to_string().into()),
            Failed::Request(error) => Self::Unreachable(format!("cannot ask: {error}").into()),
            Failed::Http1(failure @ TryFailure::Garbage) => Self::Garbage(Failing::Try(failure).to_string().into()),
            Failed::Http1(failure) => Self::Unreachable(Failing::Try(failure).to_string().into()),
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

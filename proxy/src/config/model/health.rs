//! How endpoints are watched: by asking them, and by what their traffic shows.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

/// Active checks, with the numbers Kong knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HealthCheck {
    /// What is asked.
    pub kind: CheckKind,
    /// Whether that is done over TLS, by the settings of the upstream.
    pub tls: bool,
    /// The port asked; the endpoint's own where none is given.
    pub port: Option<u16>,
    /// Whether a check leaves its connection to the next one; never where a connection is all that is asked for.
    pub reuse_connection: bool,
    /// From the end of one check to the start of the next.
    pub interval: Duration,
    /// How much shorter or longer than `interval` a wait may be, in percent.
    pub jitter: u32,
    /// For a whole check.
    pub timeout: Duration,
    /// Good answers in a row that make an unhealthy endpoint healthy.
    pub successes: u32,
    /// Bad answers in a row that make a healthy endpoint unhealthy.
    pub http_failures: u32,
    /// Connect failures and timeouts in a row that do.
    pub tcp_failures: u32,
}

/// What an active check asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// For a connection, which is closed at once; with TLS after the handshake.
    Tcp,
    /// For an answer.
    Http(HttpCheck),
    /// For its word, by the protocol that gRPC has for it.
    Grpc(GrpcCheck),
}

/// A call of `grpc.health.v1.Health/Check` that must be answered by `SERVING`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrpcCheck {
    /// The service asked about; the empty name is the server as a whole.
    pub service: String,
    /// `:authority` of the call; the endpoint's address where none is given.
    pub host: Option<String>,
}

/// A `GET` that must be answered well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpCheck {
    /// What is asked for.
    pub path: String,
    /// `Host` of the check; the endpoint's address where none is given.
    pub host: Option<String>,
    /// Sent besides.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Status codes that are good answers, as inclusive ranges.
    pub statuses: Vec<(u16, u16)>,
    /// What the body of a good answer contains, within its first 64 KiB.
    pub body: Option<String>,
}

/// When an endpoint is taken out because of what its traffic shows, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outliers {
    /// Failed tries in a row that take it out; 0 never do.
    pub failures: u32,
    /// Status codes that count as failed tries, as inclusive ranges.
    pub statuses: Vec<(u16, u16)>,
    /// Percent of the tries of a window that failed.
    pub error_share: u32,
    /// Tries in a window below which `error_share` and `slow_factor` say nothing.
    pub min_requests: u32,
    /// What `error_share` looks at.
    pub window: Duration,
    /// How long it may leave requests unanswered while others answer: a request alone is given three times that, and eight
    /// times the average latency is always given.
    pub silence: Duration,
    /// So many times the median latency of the upstream; `None` takes no slow endpoint out.
    pub slow_factor: Option<u32>,
    /// How long it stays out the first time; each further time it is so much longer.
    pub ejection: Duration,
    /// The longest it stays out.
    pub max_ejection: Duration,
    /// Percent of the endpoints that may be out, those unhealthy by checks included.
    pub max_ejected: u32,
}

impl Outliers {
    /// Whether an answer with this status is a failed try.
    #[must_use]
    pub fn is_failure(&self, status: u16) -> bool {
        self.statuses.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

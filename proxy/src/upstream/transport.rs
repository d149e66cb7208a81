//! How the endpoints of an upstream are reached.

use std::io;
use std::sync::Arc;

use super::stream::Stream;
use super::tls::{TlsProblem, TlsSettings};
use crate::config::model::{self, CheckKind, EndpointAddress, HealthCheck, UpstreamProtocol};
use crate::observe::metrics::TryFailure;

/// What is spoken to the endpoints of an upstream, and through what.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    /// The version of HTTP.
    pub protocol: UpstreamProtocol,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<TlsSettings>>,
}

/// A place that connections lead to: whoever has the same may use one another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The endpoint.
    pub address: EndpointAddress,
    /// The TLS settings by their identity; 0 for none.
    tls: u64,
    protocol: UpstreamProtocol,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// Nobody answered at that address.
    #[error("{0}")]
    Connect(io::Error),
    /// Somebody did, with whom no TLS session could be agreed on.
    #[error("TLS: {0}")]
    Tls(io::Error),
}

impl From<&Unreached> for TryFailure {
    fn from(unreached: &Unreached) -> Self {
        match unreached {
            Unreached::Connect(_) => Self::Connect,
            Unreached::Tls(_) => Self::Tls,
        }
    }
}

impl Transport {
    /// Reads what the configuration of an upstream says of it; the settings before are kept where they are the same.
    ///
    /// # Errors
    /// A certificate or key cannot be used.
    pub fn load(spec: &model::Upstream, before: Option<&Self>) -> Result<Self, TlsProblem> {
        let protocol = spec.protocol;
        let Some(tls) = &spec.tls else { return Ok(Self { protocol, tls: None }) };
        let loaded = TlsSettings::load(tls, spec.host.as_deref(), protocol)?;
        let kept = before.and_then(|before| before.tls.clone()).filter(|before| before.is_same_as(&loaded));
        Ok(Self { protocol, tls: Some(kept.unwrap_or_else(|| Arc::new(loaded))) })
    }

    /// Whether a connection by the one is as good as by the other.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let identity = |transport: &Self| transport.tls.as_ref().map(|tls| tls.identity());
        self.protocol == other.protocol && identity(self) == identity(other)
    }

    /// The place that a connection to this endpoint leads to.
    #[must_use]
    pub fn destination(&self, address: &EndpointAddress) -> Destination {
        let tls = self.tls.as_ref().map_or(0, |tls| tls.identity());
        Destination { address: address.clone(), tls, protocol: self.protocol }
    }

    /// What an active check goes by.
    #[must_use]
    pub fn for_check(&self, check: &HealthCheck) -> Self {
        let tls = self.tls.as_ref().filter(|_| check.tls).cloned();
        // Whoever asks for a connection alone asks the same, whatever would be spoken on it.
        let speaks = !matches!(check.kind, CheckKind::Tcp);
        Self { protocol: if speaks { self.protocol } else { UpstreamProtocol::default() }, tls }
    }

    /// Connects for requests, for as long as that takes.
    ///
    /// # Errors
    /// Nobody can be reached, or not in the way that is wanted.
    pub async fn connect(&self, address: &EndpointAddress) -> Result<Stream, Unreached> {
        self.complaining(address, self.reach(address).await)
    }

    /// The same for a check, which says by itself what it came to.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn reach(&self, address: &EndpointAddress) -> Result<Stream, Unreached> {
        let stream = Stream::connect(address).await.map_err(Unreached::Connect)?;
        match &self.tls {
            None => Ok(stream),
            Some(tls) => tls.for_requests(address, stream).await.map(Stream::from).map_err(Unreached::Tls),
        }
    }

    /// Connects for a check that sends nothing: with TLS there is a session at the end, for no protocol.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn knock(&self, address: &EndpointAddress) -> Result<Stream, Unreached> {
        let stream = Stream::connect(address).await.map_err(Unreached::Connect)?;
        self.over(address, stream).await
    }

    /// Does the handshake over a connection that carries what a client of a tcp listener says.
    ///
    /// # Errors
    /// No TLS session can be agreed on.
    pub async fn secure(&self, address: &EndpointAddress, stream: Stream) -> Result<Stream, Unreached> {
        self.complaining(address, self.over(address, stream).await)
    }

    async fn over(&self, address: &EndpointAddress, stream: Stream) -> Result<Stream, Unreached> {
        match &self.tls {
            None => Ok(stream),
            Some(tls) => tls.for_octets(address, stream).await.map(Stream::from).map_err(Unreached::Tls),
        }
    }

    /// Whoever asks for something else than how an endpoint is would not say why it got no session.
    fn complaining(&self, address: &EndpointAddress, reached: Result<Stream, Unreached>) -> Result<Stream, Unreached> {
        if let (Some(tls), Err(Unreached::Tls(error))) = (&self.tls, &reached) {
            tls.complain(address, &error.to_string());
        }
        reached
    }
}

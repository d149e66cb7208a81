//! The Gate: our own connection loop on Pingora's streams.
//!
//! It terminates TLS, reads each HTTP/1 head under one deadline, vets it, and only then hands the connection, with that
//! one message on it, to whoever serves HTTP/1. HTTP/2 runs in Pingora's loop, each stream vetted first. See ARCHITECTURE.md.

mod admission;
mod alarm;
mod chunked;
mod connection;
mod doorkeeper;
mod entrance;
mod guard;
mod h2;
mod head;
mod linger;
mod octets;
mod passage;
mod refusal;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::Stream;
use pingora_core::server::ShutdownWatch;
use pingora_proxy::{HttpProxy, ProxyHttp};

pub use admission::{Admission, Connections};
pub use alarm::Alarm;
pub use chunked::ChunkTracker;
pub use doorkeeper::{Doorkeeper, Refused, Terms};
pub use entrance::ProxyFault;
pub use guard::{BodyFault, Guard};
pub use h2::count_body;
pub use passage::{Opened, Passage, Tcp};
pub use refusal::{Refusal, violation_of};
pub use tls::{Alpn, HandshakeFailure, TlsError, TlsTerminator, tls_facts};

use crate::config::model::Limits;
use crate::policy::facts::TlsFacts;
use connection::{Heads, Next, client_of, close, closing, refuse, tell};
use entrance::{introduce, terminate};
use h2::H2App;
use tls::facts_of;

/// Serves the requests of HTTP/1 connections, once the Gate has vetted them.
pub trait Http1: Send + Sync + 'static {
    /// Serves the request whose body `client` stands before; says whether the connection may bring another.
    ///
    /// It may, only where the body was read to its end.
    fn serve(&self, client: &mut Guard, arrived: Arrived<'_>) -> impl Future<Output = Afterwards> + Send;
}

/// A request that was vetted.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// The head, from the request line to the empty line.
    pub head: Bytes,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// What TLS established on it.
    pub tls: Option<&'a Arc<TlsFacts>>,
    /// The limits in force.
    pub limits: &'a Limits,
    /// The connection has had its share of requests.
    is_last: bool,
    shutdown: &'a ShutdownWatch,
}

impl Arrived<'_> {
    /// Whether the connection may bring another request after this one, as far as is known now.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        !self.is_last && !*self.shutdown.borrow()
    }
}

/// What becomes of a connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It may bring another.
    Open,
    /// It is to be closed.
    Close,
}

/// The connection loop of one listener, in front of what all listeners share: `H` serves HTTP/1, `proxy` HTTP/2.
pub struct Gate<P, H, D>
where
    P: ProxyHttp,
{
    proxy: Arc<HttpProxy<P>>,
    http1: Arc<H>,
    door: Arc<D>,
}

impl<P, H, D> Gate<P, H, D>
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
    H: Http1,
    D: Doorkeeper,
{
    /// For a listener that is plain TCP to Pingora: `Service::new(name, Gate::new(proxy, http1, door))`, then `add_tcp`.
    ///
    /// `proxy` comes from `pingora_proxy::http_proxy` and needs no server options: the Gate does what they would.
    #[must_use]
    pub fn new(proxy: Arc<HttpProxy<P>>, http1: Arc<H>, door: Arc<D>) -> Self {
        Self { proxy, http1, door }
    }

    async fn serve(&self, stream: Stream, shutdown: &ShutdownWatch) -> Option<()> {
        let admission = self.door.admit()?;
        let terms = self.door.terms();
        let stream = introduce(stream, &terms, &*self.door).await?;
        let client = client_of(&*stream);
        let (stream, tls) = terminate(stream, &terms, client, &*self.door).await?;
        let facts = facts_of(tls.as_deref()).cloned();
        let mut guard = Box::new(Guard::new(stream, tls, admission));
        let mut heads = Heads::new(&guard, terms, &*self.door);
        let mut closing = pin!(closing(shutdown.clone()));
        let mut served = 0;
        loop {
            let (end, head) = match heads.next(&mut guard, closing.as_mut()).await {
                Next::Request(end, head) => (end, head),
                Next::Http2 => return self.serve_http2(guard, Arc::clone(heads.terms()), client, shutdown).await,
                other => return self.end(guard, other).await,
            };
            let limits = &heads.terms().limits;
            let head = match guard.begin(end, head, limits) {
                Ok(head) => head.freeze(),
                Err(refusal) => return self.end(guard, Next::Refuse(refusal)).await,
            };
            served += 1;
            let is_last = served >= limits.requests_per_connection;
            let arrived = Arrived { head, peer: client?.ip(), tls: facts.as_ref(), limits, is_last, shutdown };
            if self.http1.serve(&mut guard, arrived).await == Afterwards::Close || !guard.is_between_messages() {
                close(&mut guard).await;
                return None;
            }
        }
    }

    async fn serve_http2(
        &self,
        mut guard: Box<Guard>,
        terms: Arc<Terms>,
        client: Option<SocketAddr>,
        shutdown: &ShutdownWatch,
    ) -> Option<()> {
        guard.open_tunnel();
        let app = Arc::new(H2App::new(Arc::clone(&self.proxy), Arc::clone(&self.door), terms, client));
        ServerApp::process_new(&app, guard, shutdown).await.map(drop)
    }

    /// Ends a connection that brings nothing to serve.
    async fn end(&self, mut guard: Box<Guard>, next: Next) -> Option<()> {
        match next {
            Next::Refuse(refusal) => refuse(guard, refusal, &*self.door).await,
            Next::Reject(refusal) => tell(&guard, refusal, &*self.door),
            _ => close(&mut guard).await,
        }
        None
    }
}

#[async_trait]
impl<P, H, D> ServerApp for Gate<P, H, D>
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
    H: Http1,
    D: Doorkeeper,
{
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        self.serve(stream, shutdown).await;
        None
    }

    /// Does nothing: one listener that goes away must not shut down the proxy they all share.
    async fn cleanup(&self) {}
}

#[cfg(test)]
fn test_limits() -> Limits {
    use std::time::Duration;
    Limits {
        head_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(60),
        body_timeout: Duration::from_secs(30),
        head_bytes: 32 * 1024,
        line_bytes: 8 * 1024,
        target_bytes: 8 * 1024,
        headers: 100,
        body_bytes: None,
        connections: 1000,
        requests_per_connection: 1000,
        h2_streams: 100,
        underscore_headers: false,
        max_hops: 10,
    }
}

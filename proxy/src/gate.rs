//! The Gate: our own connection loop before Pingora's.
//!
//! It terminates TLS, reads each HTTP/1 head under one deadline, vets it, and only then hands the connection, with that
//! one message on it, to Pingora's proxy. HTTP/2 runs in Pingora's loop, each stream vetted first. See ARCHITECTURE.md.
//!
//! It leans on three things that Pingora does and does not promise; the contract tests (`tests/gate_contract`) hold them:
//! a session given a whole head does not read the stream before it has used it up; the stream comes back after each
//! request; a 101 answer is written beginning with its status line.

mod admission;
mod alarm;
mod chunked;
mod connection;
mod doorkeeper;
mod guard;
mod h2;
mod head;
mod linger;
mod octets;
mod refusal;
mod tls;

use std::any::Any;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use pingora_core::apps::{HttpServerApp, ReusedHttpStream, ServerApp};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{Shutdown, Stream};
use pingora_core::server::ShutdownWatch;
use pingora_proxy::{HttpProxy, ProxyHttp};

pub use admission::{Admission, Connections};
pub use doorkeeper::{Doorkeeper, Refused, Terms};
pub use h2::count_body;
pub use refusal::{Refusal, violation_of};
pub use tls::{HandshakeFailure, TlsError, TlsTerminator, tls_facts};

use connection::{Heads, Next, client_of, closing, refuse, tell};
use guard::Guard;
use h2::H2App;

/// The connection loop of one listener, in front of a proxy that all listeners share.
pub struct Gate<P, D>
where
    P: ProxyHttp,
{
    proxy: Arc<HttpProxy<P>>,
    door: Arc<D>,
}

impl<P, D> Gate<P, D>
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
    D: Doorkeeper,
{
    /// For a listener that is plain TCP to Pingora: `Service::new(name, Gate::new(proxy, door))`, then `add_tcp`.
    ///
    /// `proxy` comes from `pingora_proxy::http_proxy` and needs no server options: the Gate does what they would.
    #[must_use]
    pub fn new(proxy: Arc<HttpProxy<P>>, door: Arc<D>) -> Self {
        Self { proxy, door }
    }

    async fn serve(&self, stream: Stream, shutdown: &ShutdownWatch) -> Option<()> {
        let admission = self.door.admit()?;
        let terms = self.door.terms();
        let client = client_of(&*stream);
        let (stream, tls) = self.terminate(stream, &terms, client).await?;
        let mut guard = Box::new(Guard::new(stream, tls, admission));
        let mut heads = Heads::new(&guard, terms, &*self.door);
        let mut closing = pin!(closing(shutdown.clone()));
        let mut served = 0;
        let mut context = None;
        loop {
            let (end, head) = match heads.next(&mut guard, closing.as_mut()).await {
                Next::Request(end, head) => (end, head),
                Next::Http2 => return self.serve_http2(guard, Arc::clone(heads.terms()), client, shutdown).await,
                other => return self.end(guard, other).await,
            };
            let terms = heads.terms();
            let prefix = match guard.begin(end, head, &terms.limits) {
                Ok(prefix) => prefix,
                Err(refusal) => return self.end(guard, Next::Refuse(refusal)).await,
            };
            served += 1;
            let session = session(guard, prefix, served, terms, context.take());
            let (stream, settings) = hand_over(&self.proxy, session, shutdown).await?.consume();
            context = settings.and_then(|mut settings| settings.take_user_context());
            guard = stream.into_any().downcast().ok()?;
            if !guard.is_between_messages() {
                self.door.framing_disagreement(client);
                return None;
            }
        }
    }

    async fn terminate(
        &self,
        stream: Stream,
        terms: &Terms,
        client: Option<SocketAddr>,
    ) -> Option<(Stream, Option<Arc<ProxyDigest>>)> {
        let Some(tls) = &terms.tls else { return Some((stream, None)) };
        let handshake = tokio::time::timeout(terms.limits.head_timeout, tls.terminate(stream)).await;
        match handshake.unwrap_or(Err(HandshakeFailure::Timeout)) {
            Ok((session, facts)) => Some((session, Some(facts))),
            Err(failure) => {
                self.door.handshake_failed(client, failure);
                None
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
            _ => Shutdown::shutdown(&mut *guard).await,
        }
        None
    }
}

/// Gives a request to Pingora's proxy.
///
/// A function of its own, never inlined: the future is some 15 KB, and inlined into the loop it is built on the stack and
/// copied to the heap for each request.
#[inline(never)]
fn hand_over<'p, P>(
    proxy: &'p Arc<HttpProxy<P>>,
    session: ServerSession,
    shutdown: &'p ShutdownWatch,
) -> Pin<Box<dyn Future<Output = Option<ReusedHttpStream>> + Send + 'p>>
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
{
    proxy.process_new_http(session, shutdown)
}

/// One request as Pingora wants it: a session whose head is there already.
fn session(guard: Box<Guard>, prefix: BytesMut, served: u32, terms: &Terms, context: Option<Context>) -> ServerSession {
    let mut session = ServerSession::new_http1(guard);
    session.set_connection_user_context(context);
    session.set_keepalive_reuses_remaining(Some(terms.limits.requests_per_connection.saturating_sub(served)));
    // The guard has its own deadline for bodies, and a tunnel is as long-lived as its upstream allows.
    session.set_read_timeout(None);
    // A client that takes nothing for so long is idle as well.
    session.set_write_timeout(Some(terms.limits.idle_timeout));
    session.set_pipelined_prefix(prefix);
    session
}

/// What `ProxyHttp::persist_connection_context` hands from one request to the next.
type Context = Box<dyn Any + Send + Sync>;

#[async_trait]
impl<P, D> ServerApp for Gate<P, D>
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
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
fn test_limits() -> crate::config::model::Limits {
    use std::time::Duration;
    crate::config::model::Limits {
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
    }
}

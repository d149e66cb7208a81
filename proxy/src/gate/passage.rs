//! The way of connections that are passed on as a whole.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::Stream;
use pingora_core::server::ShutdownWatch;
use tokio::io::{AsyncRead, AsyncWrite};

use super::admission::Admission;
use super::connection::client_of;
use super::doorkeeper::{Doorkeeper, Terms};
use super::entrance::{introduce, terminate};
use super::tls::{HandshakeFailure, facts_of, server_name_of};
use crate::policy::facts::TlsFacts;

/// Passes whole connections on.
pub trait Tcp: Send + Sync + 'static {
    /// Serves a connection to its end.
    fn serve<C>(&self, client: C, opened: Opened) -> impl Future<Output = ()> + Send
    where
        C: AsyncRead + AsyncWrite + Unpin + Send;
}

/// What is known of a connection before its client is listened to.
#[derive(Debug)]
pub struct Opened {
    /// Its place among those open.
    pub admission: Admission,
    /// Where the client is, past a trusted proxy that speaks the PROXY protocol.
    pub client: SocketAddr,
    /// Where it connected to.
    pub reached: SocketAddr,
    /// What TLS established, where it is terminated here.
    pub tls: Option<Arc<TlsFacts>>,
    /// The server name the client asks for by TLS, terminated here or not, in lower case.
    pub server_name: Option<Box<str>>,
}

/// The connections of one listener, on their way to whoever passes them on.
pub struct Passage<T, D> {
    tcp: T,
    door: D,
}

impl<T: Tcp, D: Doorkeeper> Passage<T, D> {
    /// For a listener that is plain TCP to Pingora: `Service::new(name, Passage::new(tcp, door))`, then `add_tcp`.
    #[must_use]
    pub fn new(tcp: T, door: D) -> Self {
        Self { tcp, door }
    }

    async fn open(&self, stream: Stream) -> Option<(Stream, Opened)> {
        let admission = self.door.admit()?;
        let terms = self.door.terms();
        let stream = introduce(stream, &terms, &self.door).await?;
        let client = client_of(&*stream)?;
        let reached = reached_by(&stream)?;
        let (stream, digest) = terminate(stream, &terms, Some(client), &self.door).await?;
        let tls = facts_of(digest.as_deref()).cloned();
        let (stream, server_name) = match &tls {
            Some(facts) => (stream, facts.server_name.clone()),
            None if terms.reads_server_name => self.listen_for_name(stream, &terms, client).await?,
            None => (stream, None),
        };
        Some((stream, Opened { admission, client, reached, tls, server_name }))
    }

    /// Reads the server name off a handshake that is somebody else's.
    async fn listen_for_name(
        &self,
        stream: Stream,
        terms: &Terms,
        client: SocketAddr,
    ) -> Option<(Stream, Option<Box<str>>)> {
        let read = tokio::time::timeout(terms.limits.head_timeout, server_name_of(stream)).await;
        read.unwrap_or(Err(HandshakeFailure::Timeout))
            .inspect_err(|failure| self.door.handshake_failed(Some(client), *failure))
            .ok()
    }
}

/// The end of a connection that is ours, or the one its proxy tells of.
fn reached_by(stream: &Stream) -> Option<SocketAddr> {
    stream.get_socket_digest()?.local_addr()?.as_inet().copied()
}

#[async_trait]
impl<T: Tcp, D: Doorkeeper> ServerApp for Passage<T, D> {
    async fn process_new(self: &Arc<Self>, stream: Stream, _: &ShutdownWatch) -> Option<Stream> {
        let (stream, opened) = self.open(stream).await?;
        self.tcp.serve(stream, opened).await;
        None
    }

    async fn cleanup(&self) {}
}

//! A server behind a tcp listener: the test speaks for it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::wait::within;

/// Accepts one connection after another, when the test asks for it.
pub(crate) struct Peer {
    listener: TcpListener,
}

impl Peer {
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("the address of a bound socket")
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> TcpStream {
        within("a connection", self.listener.accept()).await.expect("a connection can be accepted").0
    }

    /// Returns to every client what it says, as long as the test runs.
    pub(crate) async fn echoing() -> SocketAddr {
        Self::doing(|mut stream| async move {
            let (mut from, mut to) = stream.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
            let _ = to.shutdown().await;
        })
        .await
    }

    /// Hears a first word and then ends the connection without one of its own: by a reset where this says so of its number, else in
    /// order.
    pub(crate) async fn hanging_up(by_reset: fn(usize) -> bool) -> SocketAddr {
        let connections = AtomicUsize::new(0);
        Self::doing(move |mut stream| {
            let by_reset = by_reset(connections.fetch_add(1, Ordering::Relaxed));
            async move {
                let mut word = [0; 64];
                let _ = stream.read(&mut word).await;
                if by_reset {
                    let _ = stream.set_zero_linger();
                }
            }
        })
        .await
    }

    /// Does the same with every connection, as long as the test runs.
    async fn doing<F: Future<Output = ()> + Send + 'static>(
        deed: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> SocketAddr {
        let peer = Self::listen().await;
        let address = peer.address();
        tokio::spawn(async move {
            while let Ok((stream, _)) = peer.listener.accept().await {
                tokio::spawn(deed(stream));
            }
        });
        address
    }
}

/// Everything that comes until the other side ends.
pub(crate) async fn all(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut heard = Vec::new();
    within("the end of a connection", stream.read_to_end(&mut heard)).await.expect("an orderly end");
    heard
}

/// So many octets.
pub(crate) async fn some(stream: &mut (impl AsyncRead + Unpin), count: usize) -> Vec<u8> {
    let mut heard = vec![0; count];
    within("octets", stream.read_exact(&mut heard)).await.expect("no end before");
    heard
}

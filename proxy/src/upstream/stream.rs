//! A connection to an endpoint as octets, whatever carries them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::tls::SecuredStream;
use crate::config::model::EndpointAddress;

/// A connection to an endpoint.
#[derive(Debug)]
pub enum Stream {
    /// To an address.
    Tcp(TcpStream),
    /// To a socket of this machine.
    Unix(UnixStream),
    /// With TLS over one of the others.
    Tls(Box<SecuredStream>),
}

impl From<SecuredStream> for Stream {
    fn from(stream: SecuredStream) -> Self {
        Self::Tls(Box::new(stream))
    }
}

impl Stream {
    /// Connects, for as long as that takes.
    ///
    /// # Errors
    /// Nobody listens there, or nobody can be reached.
    pub async fn connect(address: &EndpointAddress) -> io::Result<Self> {
        match address {
            EndpointAddress::Ip(address) => {
                let stream = TcpStream::connect(address).await?;
                // Small messages are not to wait for an acknowledgement; where that cannot be had they do.
                let _ = stream.set_nodelay(true);
                Ok(Self::Tcp(stream))
            }
            EndpointAddress::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        }
    }

    /// Whether what was written may wait here until it is flushed.
    #[must_use]
    pub fn keeps_back(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether an unused connection is still open, and nothing was sent on it that nobody asked for.
    pub fn is_quiet(&mut self) -> bool {
        let mut octet = [0];
        let would_block =
            |read: io::Result<usize>| matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        match self {
            // No system call, unless the kernel has said something.
            Self::Tcp(stream) => would_block(stream.try_read(&mut octet)),
            Self::Unix(stream) => would_block(stream.try_read(&mut octet)),
            // A session may have things to say of its own, which this takes; there is nothing to be woken for.
            Self::Tls(stream) => {
                let mut context = Context::from_waker(Waker::noop());
                Pin::new(stream).poll_read(&mut context, &mut ReadBuf::new(&mut octet)).is_pending()
            }
        }
    }
}

/// Does the same with whatever carries it.
macro_rules! carried {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
            Stream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        carried!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        carried!(self, stream => Pin::new(stream).poll_write(cx, octets))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        carried!(self, stream => Pin::new(stream).poll_write_vectored(cx, octets))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carried!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carried!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

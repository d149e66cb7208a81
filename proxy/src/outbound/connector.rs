//! Connections for requests of plugins: hyper's pool knows endpoints by the authority of a URI.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use crate::config::model::EndpointAddress;
use crate::upstream::stream::Stream;
use crate::upstream::transport::Transport;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// What stands before the path of a Unix socket, of which an authority can only have the digits.
const UNIX: &str = "unix-";

/// The authority that stands for an endpoint; no host of a request.
pub(super) fn authority(address: &EndpointAddress) -> String {
    match address {
        EndpointAddress::Ip(address) => address.to_string(),
        EndpointAddress::Unix(path) => format!("{UNIX}{}", hex::encode(path.as_os_str().as_encoded_bytes())),
    }
}

fn endpoint(uri: &Uri) -> Option<EndpointAddress> {
    let authority = uri.authority()?.as_str();
    let Some(digits) = authority.strip_prefix(UNIX) else { return authority.parse().ok() };
    let path = String::from_utf8(hex::decode(digits).ok()?).ok()?;
    format!("unix:{path}").parse().ok()
}

/// Connects to the endpoints of upstreams that are reached alike.
#[derive(Clone, Debug)]
pub(super) struct Connector(pub(super) Arc<Transport>);

impl Service<Uri> for Connector {
    type Response = TokioIo<Speaking>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let transport = Arc::clone(&self.0);
        Box::pin(async move {
            let address = endpoint(&uri).ok_or(io::ErrorKind::InvalidInput)?;
            let connected = tokio::time::timeout(CONNECT, transport.connect(&address)).await;
            let stream = connected.map_err(|_| io::ErrorKind::TimedOut)?.map_err(io::Error::other)?;
            Ok(TokioIo::new(Speaking(stream)))
        })
    }
}

/// A connection that speaks HTTP/1.
#[derive(Debug)]
pub(super) struct Speaking(Stream);

impl Connection for Speaking {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Speaking {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Speaking {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_had_back_from_its_authority() {
        for text in ["127.0.0.1:80", "[::1]:80", "unix:/run/a b.sock"] {
            let address: EndpointAddress = text.parse().unwrap();
            let uri = Uri::builder().scheme("http").authority(authority(&address)).path_and_query("/").build().unwrap();
            assert_eq!(endpoint(&uri), Some(address));
        }
    }
}

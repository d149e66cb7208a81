//! A server for what `Origin` does not speak: TLS, HTTP/2, Unix sockets. It says what it was asked, and how.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::tls::Authority;

/// What it says of its health by gRPC: one field behind a flag and a length. It is down as `down.test`.
const SERVING: &str = "\0\0\0\0\x02\x08\x01";
const NOT_SERVING: &str = "\0\0\0\0\x02\x08\x02";

/// A server that answers with one line about each request, then with the request's body, piece by piece.
///
/// Trailers say `grpc-status: 0`, and so many pieces were sent back.
pub(crate) struct Service {
    address: String,
    connections: Arc<AtomicUsize>,
}

/// What it speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

impl Service {
    /// Without TLS, on a port.
    pub(crate) async fn plain(speaks: Speaks) -> Self {
        Self::on_port(speaks, None).await
    }

    /// With TLS, as the host whose certificate has this name in the folder.
    pub(crate) async fn secured(speaks: Speaks, authority: &Authority, directory: &Path, name: &str) -> Self {
        Self::on_port(speaks, Some(authority.server(directory, name, alpn(speaks), None))).await
    }

    /// The same, for clients only that show a certificate of this authority.
    pub(crate) async fn mutual(speaks: Speaks, authority: &Authority, directory: &Path, name: &str) -> Self {
        let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots(), Authority::provider()).build();
        let verifier = verifier.expect("an authority");
        Self::on_port(speaks, Some(authority.server(directory, name, alpn(speaks), Some(verifier)))).await
    }

    /// On a Unix socket in this folder.
    pub(crate) fn unix(speaks: Speaks, directory: &Path) -> Self {
        let path: PathBuf = directory.join("service.sock");
        let listener = UnixListener::bind(&path).expect("a folder for sockets");
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(speaks, stream, "none"));
            }
        });
        Self { address: format!("unix:{}", path.display()), connections }
    }

    async fn on_port(speaks: Speaks, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("the address of a bound socket");
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Some(acceptor) = acceptor else { return serve(speaks, stream, "none").await };
                    // A client that does not trust us goes away: that is what some tests are for.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let name = stream.get_ref().1.server_name().unwrap_or("unnamed").to_owned();
                    serve(speaks, stream, &name).await;
                });
            }
        });
        Self { address: address.to_string(), connections }
    }

    /// As it stands in a configuration.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// An upstream with this endpoint alone and these keys.
    pub(crate) fn upstream(&self, keys: &str) -> String {
        let address = &self.address;
        format!("[[upstream]]\nname = \"service\"\nendpoint = [{{ address = \"{address}\" }}]\n{keys}\n")
    }
}

fn alpn(speaks: Speaks) -> &'static [u8] {
    match speaks {
        Speaks::Http1 => b"http/1.1",
        Speaks::Http2 => b"h2",
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(speaks: Speaks, stream: S, sni: &str) {
    let sni: Arc<str> = sni.into();
    let answer = service_fn(move |request: Request<Incoming>| {
        let sni = Arc::clone(&sni);
        async move {
            let uri = request.uri();
            let host = uri.host().or_else(|| request.headers().get("host")?.to_str().ok()).unwrap_or("nobody");
            let line = match (uri.path(), host) {
                ("/grpc.health.v1.Health/Check", "down.test") => NOT_SERVING.to_owned(),
                ("/grpc.health.v1.Health/Check", _) => SERVING.to_owned(),
                (path, _) => format!("{:?} {} {path} for {host} by {sni}\n", request.version(), request.method()),
            };
            Ok::<_, Infallible>(told(line, request))
        }
    });
    let io = TokioIo::new(stream);
    // A connection ends as its client wants it.
    match speaks {
        Speaks::Http1 => drop(http1::Builder::new().serve_connection(io, answer).with_upgrades().await),
        Speaks::Http2 => drop(http2::Builder::new(TokioExecutor::new()).serve_connection(io, answer).await),
    }
}

fn told(line: String, mut request: Request<Incoming>) -> Response<Told> {
    if request.headers().get("upgrade").is_some_and(|upgrade| upgrade == "websocket") {
        tokio::spawn(echo(hyper::upgrade::on(&mut request)));
        let body = Told { line: None, body: request.into_body(), pieces: 0, is_done: true };
        let answer = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
        return answer.body(body).expect("legal fields");
    }
    let mut answer = Response::builder();
    for name in ["content-type", "te", "grpc-timeout"] {
        if let Some(value) = request.headers().get(name) {
            answer = answer.header(format!("x-seen-{name}"), value);
        }
    }
    let body = Told { line: Some(line), body: request.into_body(), pieces: 0, is_done: false };
    answer.header("content-type", "application/grpc").body(body).expect("legal fields")
}

/// A tunnel that gives back what comes.
async fn echo(upgrade: hyper::upgrade::OnUpgrade) {
    let mut tunnel = TokioIo::new(upgrade.await.expect("an upgrade that was agreed on"));
    let mut octets = [0; 4096];
    while let Ok(count @ 1..) = tunnel.read(&mut octets).await {
        tunnel.write_all(&octets[..count]).await.expect("a client that listens");
        tunnel.flush().await.expect("a client that listens");
    }
}

/// The line, the body that came, and trailers.
struct Told {
    line: Option<String>,
    body: Incoming,
    pieces: usize,
    is_done: bool,
}

impl Body for Told {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(line) = this.line.take() {
            return Poll::Ready(Some(Ok(Frame::data(line.into()))));
        }
        if this.is_done {
            return Poll::Ready(None);
        }
        match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            Some(Ok(frame)) if frame.is_data() => {
                this.pieces += 1;
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            Some(Ok(_)) | None => {
                this.is_done = true;
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().expect("a legal value"));
                trailers.insert("x-pieces", this.pieces.into());
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }
}

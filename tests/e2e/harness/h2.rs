//! An HTTP/2 client that chooses its frames.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use http::Request;
use http::response::Parts;
use tokio::task::JoinHandle;

use super::client::tcp;
use super::message::{Head, Response};
use super::wait::within;
use super::wire::Io;

/// One HTTP/2 connection.
pub(crate) struct H2Client {
    send: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

impl H2Client {
    /// Speaks HTTP/2 by prior knowledge (h2c).
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(tcp(address).await).await
    }

    /// Speaks HTTP/2 over a stream that is open already.
    pub(crate) async fn over(io: impl Io + 'static) -> Self {
        let (send, connection) = within("the HTTP/2 preface", handshake(io)).await.expect("an HTTP/2 connection");
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Self { send, driver }
    }

    /// Sends a request with one DATA frame for each piece; the last one ends the stream.
    pub(crate) async fn call(&self, request: Request<()>, pieces: &[&'static str]) -> Response {
        self.try_call(request, pieces).await.expect("a whole HTTP/2 response")
    }

    /// The same, where the stream may be reset.
    pub(crate) async fn try_call(&self, request: Request<()>, pieces: &[&'static str]) -> Result<Response, h2::Error> {
        let mut send = within("a free stream", self.send.clone().ready()).await?;
        let (answer, mut body) = send.send_request(request, pieces.is_empty())?;
        for (index, piece) in pieces.iter().enumerate() {
            body.send_data(Bytes::from_static(piece.as_bytes()), index + 1 == pieces.len())?;
        }
        within("an HTTP/2 response", whole(answer)).await
    }

    /// Sends a request with one piece, and tells the head that answers it and whether that ends the stream.
    pub(crate) async fn head(&self, request: Request<()>, piece: &'static str) -> (Parts, bool) {
        let mut send = within("a free stream", self.send.clone().ready()).await.expect("a connection");
        let (answer, mut body) = send.send_request(request, false).expect("a stream");
        body.send_data(Bytes::from_static(piece.as_bytes()), true).expect("a stream that takes a body");
        let (head, stream) = within("an HTTP/2 head", answer).await.expect("a head").into_parts();
        (head, stream.is_end_stream())
    }

    /// Whether the connection still stands.
    pub(crate) fn is_open(&self) -> bool {
        !self.driver.is_finished()
    }
}

impl Drop for H2Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A GET of this URI.
pub(crate) fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).expect("a legal request")
}

/// A POST to this URI.
pub(crate) fn post(uri: &str) -> Request<()> {
    Request::post(uri).body(()).expect("a legal request")
}

async fn whole(answer: h2::client::ResponseFuture) -> Result<Response, h2::Error> {
    let (parts, mut stream) = answer.await?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    let fields = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let head = Head { raw: Vec::new(), start: format!("HTTP/2 {}", parts.status.as_u16()), fields: fields.collect() };
    Ok(Response { head, body })
}

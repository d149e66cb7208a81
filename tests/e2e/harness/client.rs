//! An HTTP/1.1 client that keeps its connection in sight.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::message::{Head, Response};
use super::script::chunks;
use super::wait::within;
use super::wire::{Io, Wire};

/// A request as a well-behaved client sends it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    fields: String,
    has_host: bool,
    chunked: bool,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            fields: String::new(),
            has_host: false,
            chunked: false,
            body: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    /// Adds a field; a `host` replaces the one that is sent otherwise.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.has_host |= name.eq_ignore_ascii_case("host");
        let _ = write!(self.fields, "{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Frames the body as chunks.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The request on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has_host {
            head.push_str("Host: edge.test\r\n");
        }
        head.push_str(&self.fields);
        let mut body = self.body.clone().unwrap_or_default();
        if self.chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
            body = chunks(&body);
        } else if self.body.is_some() {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        [head.as_bytes(), &body].concat()
    }
}

/// One connection to a listener.
pub(crate) struct Client {
    wire: Wire<Box<dyn Io>>,
}

impl Client {
    /// Opens a connection.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(tcp(address).await)
    }

    /// Speaks HTTP/1.1 over a stream that is open already.
    pub(crate) fn over(io: impl Io + 'static) -> Self {
        Self { wire: Wire::new(Box::new(io)) }
    }

    /// Sends one request and reads its answer.
    pub(crate) async fn call(&mut self, request: &Request) -> Response {
        let answer = self.try_call(request).await;
        answer.unwrap_or_else(|e| panic!("{e} instead of an answer to {} {}", request.method, request.target))
    }

    /// The same, where the connection may break.
    pub(crate) async fn try_call(&mut self, request: &Request) -> io::Result<Response> {
        within("a request to be sent", self.wire.send(&request.bytes())).await?;
        self.try_receive(request.method == "HEAD").await
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within("bytes to be sent", self.wire.send(bytes.as_ref())).await.expect("the gateway takes what is sent");
    }

    /// Sends bytes that the gateway may no longer want.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("bytes to be sent", self.wire.send(bytes.as_ref())).await
    }

    /// Ends our direction of the connection.
    pub(crate) async fn finish(&mut self) {
        within("the connection to end", self.wire.finish()).await.expect("a direction can be ended");
    }

    /// Reads the next response.
    pub(crate) async fn receive(&mut self) -> Response {
        self.try_receive(false).await.expect("a whole response")
    }

    /// Reads the next head and leaves the body.
    pub(crate) async fn receive_head(&mut self) -> Head {
        let head = within("a response head", self.wire.head()).await.expect("a whole head");
        head.expect("a head before the connection ends")
    }

    /// Reads what comes next.
    pub(crate) async fn receive_some(&mut self) -> Vec<u8> {
        within("bytes from the gateway", self.wire.some()).await.expect("bytes or an orderly end")
    }

    /// Waits until the gateway closes, and returns what came before.
    pub(crate) async fn until_closed(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match within("the gateway to close the connection", self.wire.some()).await {
                Ok(bytes) if !bytes.is_empty() => all.extend(bytes),
                _ => return all,
            }
        }
    }

    /// Reads the next response, `HEAD` or other, or says how the connection ended.
    pub(crate) async fn try_receive(&mut self, answers_head: bool) -> io::Result<Response> {
        let head = within("a response head", self.wire.head()).await?;
        let head = head.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut body = Vec::new();
        let framing = head.response_framing(answers_head);
        within("a response body", self.wire.body(framing, &mut |piece| body.extend_from_slice(piece))).await?;
        Ok(Response { head, body })
    }
}

/// A plain connection.
pub(crate) async fn tcp(address: SocketAddr) -> TcpStream {
    let stream = within("a connection", TcpStream::connect(address)).await.expect("the listener accepts");
    stream.set_nodelay(true).expect("a socket option");
    stream
}

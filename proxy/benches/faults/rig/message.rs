//! As much of HTTP/1.1 as both ends of the rig need: heads, and bodies with a length.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More header fields than this nobody here sends.
const MOST_FIELDS: usize = 32;
/// A head longer than this is none.
const MOST_HEAD: usize = 16 * 1024;
/// Carries the number of a request to whoever executes it.
const ID: &str = "x-id";

/// A connection and what was read from it too early.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    held: BytesMut,
}

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) is_post: bool,
    /// The number its client gave it; empty where it gave none.
    pub(crate) id: String,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// Its connection serves no other request.
    pub(crate) closes: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream, held: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets).await
    }

    /// Whether the other side has closed it, or sent what nobody asked for.
    pub(crate) fn is_over(&self) -> bool {
        !self.held.is_empty()
            || !matches!(self.stream.try_read(&mut [0]), Err(why) if why.kind() == io::ErrorKind::WouldBlock)
    }

    /// The next request with its body; `None` where the client closes instead.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Asked>> {
        let Some(end) = self.head().await? else { return Ok(None) };
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        head.parse(&self.held).map_err(io::Error::other)?;
        let asked =
            Asked { is_post: head.method == Some("POST"), id: field(head.headers, ID).unwrap_or_default().to_owned() };
        let length = length(head.headers).unwrap_or(0);
        self.held.advance(end);
        self.body(length).await?;
        Ok(Some(asked))
    }

    /// The answer to a request that was sent; an error where it does not come, or not to its end.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let end = self.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let invalid = |why: &'static str| io::Error::new(io::ErrorKind::InvalidData, why);
        head.parse(&self.held).map_err(|_| invalid("no head"))?;
        let status = head.code.ok_or_else(|| invalid("no status"))?;
        let length = length(head.headers).ok_or_else(|| invalid("no length"))?;
        let closes = field(head.headers, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.held.advance(end);
        Ok(Answer { status, body: self.body(length).await?, closes })
    }

    /// Reads until a head is whole, and says where it ends; `None` where the other side closes before it begins.
    async fn head(&mut self) -> io::Result<Option<usize>> {
        loop {
            if let Some(at) = self.held.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(Some(at + 4));
            }
            if self.held.len() > MOST_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.stream.read_buf(&mut self.held).await? == 0 {
                let is_clean = self.held.is_empty();
                return if is_clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn body(&mut self, length: usize) -> io::Result<Bytes> {
        while self.held.len() < length {
            if self.stream.read_buf(&mut self.held).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.held.split_to(length).freeze())
    }
}

/// The request with this number, and its bytes on the wire.
pub(crate) fn request(id: &str, is_post: bool) -> String {
    let (method, body) = if is_post { ("POST", "pay 10") } else { ("GET", "") };
    let length = if is_post { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    format!("{method} /items HTTP/1.1\r\nHost: shop.example\r\n{ID}: {id}\r\n{length}\r\n{body}")
}

/// What answers the request with this number, and nobody else's.
pub(crate) fn body(id: &str) -> String {
    format!("{id} {:.<500}\n", "")
}

fn field<'a>(fields: &'a [httparse::Header<'_>], name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    str::from_utf8(found.value).ok()
}

fn length(fields: &[httparse::Header<'_>]) -> Option<usize> {
    field(fields, "content-length")?.parse().ok()
}

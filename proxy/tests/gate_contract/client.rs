//! A client that sends octets as it is told and reads answers one by one.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Far beyond anything these tests wait for: it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const HOST: &str = "Host: a.test\r\n";

/// A request without a body that keeps the connection.
pub(crate) fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\n{HOST}\r\n").into_bytes()
}

/// A request after which the connection ends: whoever gets its answer knows that nothing else was answered in between.
pub(crate) fn last() -> Vec<u8> {
    format!("GET /last HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n").into_bytes()
}

/// A POST with `Content-Length`.
pub(crate) fn post(target: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A chunked POST; `body` is the coded body, with its end or without.
pub(crate) fn chunked(target: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST {target} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), body].concat()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Anything octets can be sent over.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    held: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::over(stream)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, held: Vec::new() }
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next answer; `None` where the connection ends instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.held.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if self.more() == 0 {
                assert!(self.held.is_empty(), "half an answer: {}", self.held.escape_ascii());
                return None;
            }
        };
        let head = String::from_utf8(self.held.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.field("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = self.octets(length);
        Some(answer)
    }

    /// Statuses of all answers until the connection ends.
    pub(crate) fn statuses(&mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.answer()).map(|answer| answer.status).collect()
    }

    /// Exactly so many octets.
    pub(crate) fn octets(&mut self, count: usize) -> Vec<u8> {
        assert!(self.has_octets(count), "the connection ended after {}", self.held.escape_ascii());
        self.held.drain(..count).collect()
    }

    /// Whether so many octets come before the connection ends.
    pub(crate) fn has_octets(&mut self, count: usize) -> bool {
        while self.held.len() < count {
            if self.more() == 0 {
                return false;
            }
        }
        true
    }

    fn more(&mut self) -> usize {
        let mut octets = [0; 16 * 1024];
        let count = match self.stream.read(&mut octets) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            read => read.unwrap(),
        };
        self.held.extend_from_slice(&octets[..count]);
        count
    }
}

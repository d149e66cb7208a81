//! Reading HTTP/1 off a stream, for both sides.

use std::io::{self, ErrorKind};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::message::{Framing, Head};

/// A stream of either side, with or without TLS.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A stream and what was read from it too early.
pub(crate) struct Wire<S> {
    io: S,
    held: BytesMut,
}

impl<S: Io> Wire<S> {
    pub(crate) fn new(io: S) -> Self {
        Self { io, held: BytesMut::new() }
    }

    /// The stream below.
    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// Ends our direction.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.io.shutdown().await
    }

    /// The next head, or `None` where the stream ended before it began.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.held, b"\r\n\r\n") {
                return Ok(Some(Head::parse(&self.held.split_to(end + 4))));
            }
            if !self.fill().await? {
                return if self.held.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads a body to its end and hands each piece to `see`.
    pub(crate) async fn body(&mut self, framing: Framing, see: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<()> {
        match framing {
            Framing::None => Ok(()),
            Framing::Length(length) => self.exactly(length, see).await,
            Framing::Chunked => self.chunks(see).await,
            Framing::UntilClose => self.rest(see).await,
        }
    }

    /// What comes next, as much as there is; empty at the end.
    pub(crate) async fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.held.is_empty() {
            self.fill().await?;
        }
        Ok(self.held.split().to_vec())
    }

    async fn exactly(&mut self, mut left: usize, see: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<()> {
        while left > 0 {
            if self.held.is_empty() && !self.fill().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let piece = self.held.split_to(left.min(self.held.len()));
            left -= piece.len();
            see(&piece);
        }
        Ok(())
    }

    async fn chunks(&mut self, see: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(());
            }
            self.exactly(size, see).await?;
            if !self.line().await?.is_empty() {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }

    async fn rest(&mut self, see: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<()> {
        loop {
            see(&self.held.split());
            if !self.fill().await? {
                return Ok(());
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.held, b"\r\n") {
                let line = self.held.split_to(end);
                self.held.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.fill().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.io.read_buf(&mut self.held).await? > 0)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

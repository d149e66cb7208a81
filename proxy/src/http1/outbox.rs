//! Octets on their way to one side.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// Pieces up to this length are copied behind what stands before them; longer ones are sent from where they are.
const COPIED: usize = 4 * 1024;
/// With more than this waiting, what was taken is sent before more is taken.
const ENOUGH: usize = 16 * 1024;

/// What is to be sent next: small things in a row, then at most one large piece.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    row: BytesMut,
    piece: Bytes,
    /// How bodies are framed here.
    chunked: bool,
    /// A chunk was begun whose line end is still to come.
    in_chunk: bool,
}

impl Outbox {
    /// Where heads are written; bodies after them are framed as chunks or not.
    pub(super) fn begin(&mut self, chunked: bool) -> &mut BytesMut {
        self.chunked = chunked;
        self.in_chunk = false;
        &mut self.row
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.row.is_empty() && self.piece.is_empty()
    }

    /// Whether there is room for another piece.
    pub(super) fn takes_more(&self) -> bool {
        self.piece.is_empty() && self.row.len() < ENOUGH
    }

    /// Adds a piece of a body, where there is room; an empty one is none.
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        if self.chunked {
            self.begin_chunk(piece.len());
        }
        if piece.len() <= COPIED { self.row.extend_from_slice(&piece) } else { self.piece = piece }
    }

    /// Adds what ends a body, where there is room.
    pub(super) fn end(&mut self) {
        if self.chunked {
            self.end_chunk();
            self.row.extend_from_slice(b"0\r\n\r\n");
        }
    }

    fn begin_chunk(&mut self, length: usize) {
        self.end_chunk();
        let mut digits = [0; 16];
        let mut rest = &mut digits[..];
        // Sixteen digits hold any length.
        let _ = io::Write::write_fmt(&mut rest, format_args!("{length:x}"));
        let unused = rest.len();
        self.row.put_slice(digits.get(..16 - unused).unwrap_or_default());
        self.row.put_slice(b"\r\n");
        self.in_chunk = true;
    }

    fn end_chunk(&mut self) {
        if std::mem::take(&mut self.in_chunk) {
            self.row.put_slice(b"\r\n");
        }
    }

    /// Sends some of it; call again until it is empty.
    pub(super) fn poll_send<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut W,
    ) -> Poll<io::Result<()>> {
        let sent = match (self.row.is_empty(), self.piece.is_empty()) {
            (_, true) => ready!(Pin::new(io).poll_write(cx, &self.row))?,
            (true, false) => ready!(Pin::new(io).poll_write(cx, &self.piece))?,
            (false, false) => {
                let both = [IoSlice::new(&self.row), IoSlice::new(&self.piece)];
                ready!(Pin::new(io).poll_write_vectored(cx, &both))?
            }
        };
        if sent == 0 && !self.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_row = sent.min(self.row.len());
        self.row.advance(of_row);
        self.piece.advance((sent - of_row).min(self.piece.len()));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;

    use super::*;

    async fn sent(outbox: &mut Outbox) -> Vec<u8> {
        let (mut near, mut far) = tokio::io::duplex(7);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.map(|_| all)
        });
        while !outbox.is_empty() {
            poll_fn(|cx| outbox.poll_send(cx, &mut near)).await.unwrap();
        }
        drop(near);
        reading.await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn chunks_are_framed_however_large_they_are() {
        let mut outbox = Outbox::default();
        outbox.begin(true).put_slice(b"head|");
        outbox.push(Bytes::from_static(b"abc"));
        outbox.push(Bytes::new());
        let large = Bytes::from(vec![b'x'; COPIED + 1]);
        outbox.push(large.clone());
        assert!(!outbox.takes_more());
        let mut all = sent(&mut outbox).await;
        outbox.push(Bytes::from_static(b"z"));
        outbox.end();
        all.extend(sent(&mut outbox).await);
        let want = [b"head|3\r\nabc\r\n1001\r\n".as_slice(), &large, b"\r\n1\r\nz\r\n0\r\n\r\n"].concat();
        assert_eq!(all, want);
    }

    #[tokio::test]
    async fn without_chunks_a_body_is_what_it_is() {
        let mut outbox = Outbox::default();
        outbox.begin(false).put_slice(b"head|");
        outbox.push(Bytes::from_static(b"abc"));
        outbox.end();
        assert_eq!(sent(&mut outbox).await, b"head|abc");
    }
}

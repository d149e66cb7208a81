//! Octets on their way to one side.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// Pieces up to this length are copied behind what stands before them; longer ones are sent from where they are.
const COPIED: usize = 4 * 1024;
/// With more than this waiting, what was taken is sent before more is taken.
const ENOUGH: usize = 16 * 1024;

/// What ends a chunk.
const CHUNK_END: &[u8] = b"\r\n";
/// What ends a body of chunks.
const BODY_END: &[u8] = b"0\r\n\r\n";
/// Both.
const LAST_CHUNK_END: &[u8] = b"\r\n0\r\n\r\n";

/// What is to be sent next: small things in a row, then at most one large piece, then what ends that.
///
/// A chunk is sent to its line end at once: some clients take none of it before.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    row: BytesMut,
    piece: Bytes,
    tail: &'static [u8],
    /// How bodies are framed here.
    chunked: bool,
    /// The body is whole.
    ended: bool,
}

impl Outbox {
    /// Where heads are written; bodies after them are framed as chunks or not.
    pub(super) fn begin(&mut self, chunked: bool) -> &mut BytesMut {
        (self.chunked, self.ended) = (chunked, false);
        &mut self.row
    }

    /// Gives back what memory a large body took, where nothing waits.
    pub(super) fn shed(&mut self) {
        if self.row.is_empty() && self.row.try_reclaim(COPIED + 1) {
            self.row = BytesMut::new();
        }
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.row.is_empty() && self.piece.is_empty() && self.tail.is_empty()
    }

    /// Whether no more of the body comes than what waits.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many octets wait.
    pub(super) fn len(&self) -> usize {
        self.row.len() + self.piece.len() + self.tail.len()
    }

    /// Takes so many octets of the first part that waits, for whoever frames them otherwise.
    pub(super) fn take(&mut self, most: usize) -> Bytes {
        if self.row.is_empty() {
            return self.piece.split_to(most.min(self.piece.len()));
        }
        self.row.split_to(most.min(self.row.len())).freeze()
    }

    /// Whether there is room for another piece.
    pub(super) fn takes_more(&self) -> bool {
        self.piece.is_empty() && self.tail.is_empty() && self.row.len() < ENOUGH
    }

    /// Adds a piece of a body, where there is room; an empty one is none.
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        let end = if self.chunked { CHUNK_END } else { &[] };
        if self.chunked {
            self.put_size(piece.len());
        }
        if piece.len() <= COPIED {
            self.row.extend_from_slice(&piece);
            self.row.extend_from_slice(end);
        } else {
            (self.piece, self.tail) = (piece, end);
        }
    }

    /// Adds what ends a body, where there is room or behind the last piece.
    pub(super) fn end(&mut self) {
        self.ended = true;
        if !self.chunked {
            return;
        }
        if self.tail.is_empty() { self.row.extend_from_slice(BODY_END) } else { self.tail = LAST_CHUNK_END }
    }

    fn put_size(&mut self, length: usize) {
        let mut digits = [0; 16];
        let mut rest = &mut digits[..];
        // Sixteen digits hold any length.
        let _ = io::Write::write_fmt(&mut rest, format_args!("{length:x}"));
        let unused = rest.len();
        self.row.extend_from_slice(digits.get(..16 - unused).unwrap_or_default());
        self.row.extend_from_slice(b"\r\n");
    }

    /// Sends some of it; call again until it is empty.
    pub(super) fn poll_send<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut W,
    ) -> Poll<io::Result<()>> {
        let sent = if self.piece.is_empty() && self.tail.is_empty() {
            ready!(Pin::new(io).poll_write(cx, &self.row))?
        } else {
            let all = [IoSlice::new(&self.row), IoSlice::new(&self.piece), IoSlice::new(self.tail)];
            ready!(Pin::new(io).poll_write_vectored(cx, &all))?
        };
        if sent == 0 && !self.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(sent);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, sent: usize) {
        let of_row = sent.min(self.row.len());
        self.row.advance(of_row);
        let of_piece = (sent - of_row).min(self.piece.len());
        self.piece.advance(of_piece);
        self.tail = self.tail.get(sent - of_row - of_piece..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::BufMut;
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn sent(outbox: &mut Outbox) -> Vec<u8> {
        let (mut near, mut far) = tokio::io::duplex(777);
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
    async fn a_last_piece_of_any_length_stands_before_the_end_of_its_body() {
        for length in [1, COPIED, COPIED + 1, 100_000] {
            let mut outbox = Outbox::default();
            outbox.begin(true);
            let piece = vec![b'x'; length];
            outbox.push(Bytes::from(piece.clone()));
            outbox.end();
            let want = [format!("{length:x}\r\n").as_bytes(), &piece, b"\r\n0\r\n\r\n"].concat();
            assert!(sent(&mut outbox).await == want, "a piece of {length} octets");
        }
    }

    #[tokio::test]
    async fn a_chunk_is_sent_to_its_line_end_at_once() {
        for length in [1, COPIED + 1] {
            let mut outbox = Outbox::default();
            outbox.begin(true);
            outbox.push(Bytes::from(vec![b'x'; length]));
            assert!(sent(&mut outbox).await.ends_with(b"x\r\n"), "a chunk of {length} octets");
        }
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

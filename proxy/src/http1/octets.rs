//! HTTP/1 towards an endpoint: one exchange after another over one connection, as octets.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::outbox::Outbox;
use super::response::{self, Framing, ResponseHead};
use crate::gate::ChunkTracker;
use crate::observe::metrics::TryFailure;
use crate::upstream::stream::Stream;

/// Room for the next read while a head is awaited.
pub(crate) const HEAD_ROOM: usize = 2 * 1024;
/// Room asked for then.
const HEAD_BUFFER: usize = 4 * 1024;
/// Room for the next read of a body.
const BODY_ROOM: usize = 4 * 1024;
/// Room asked for then.
const BODY_BUFFER: usize = 64 * 1024;

/// A connection of one exchange at a time.
#[derive(Debug)]
pub(crate) struct Octets {
    io: Stream,
    /// Whether what was taken may wait to be flushed.
    keeps_back: bool,
    is_flushed: bool,
    /// Received and not looked at.
    held: BytesMut,
    /// How much of it was no head yet.
    looked_at: usize,
    /// Some came since that was last asked.
    has_heard: bool,
}

/// What is still to come of an answer's body.
#[derive(Debug)]
pub(crate) enum Remaining {
    Nothing,
    Length(u64),
    Chunks(ChunkTracker),
    UntilClose,
}

impl From<Framing> for Remaining {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => Self::Nothing,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(ChunkTracker::of_an_answer()),
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

impl Octets {
    pub(super) fn over(io: Stream) -> Self {
        Self::with_room(io, BytesMut::new())
    }

    /// Will read into this buffer, which is empty, as long as there is room.
    pub(crate) fn with_room(io: Stream, held: BytesMut) -> Self {
        let (keeps_back, is_flushed) = (io.keeps_back(), true);
        Self { io, keeps_back, is_flushed, held, looked_at: 0, has_heard: false }
    }

    /// The connection, without what was received on it and not looked at.
    pub(crate) fn into_io(self) -> Stream {
        self.io
    }

    /// Gives back what memory a large body took.
    pub(super) fn shed(&mut self) {
        if self.held.try_reclaim(HEAD_BUFFER + 1) {
            self.held = BytesMut::new();
        }
    }

    /// Whether it is still open while it is unused, and nothing was sent on it that nobody asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.io.is_quiet()
    }

    /// Whether something came since that was last asked.
    pub(super) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.has_heard)
    }

    /// Whether all that was received was looked at.
    pub(crate) fn is_read(&self) -> bool {
        self.held.is_empty()
    }

    /// The head of an answer. An end before it is an error.
    pub(crate) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        method: &Method,
    ) -> Poll<Result<ResponseHead, TryFailure>> {
        loop {
            match self.take_head(method) {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(response::Garbage) => return Poll::Ready(Err(TryFailure::Garbage)),
            }
            match ready!(self.poll_fill(cx, HEAD_ROOM, HEAD_BUFFER)) {
                Ok(1..) => {}
                _ => return Poll::Ready(Err(TryFailure::Reset)),
            }
        }
    }

    /// One that comes in drops is parsed anew for each line at most, not for each octet.
    fn take_head(&mut self, method: &Method) -> Result<Option<ResponseHead>, response::Garbage> {
        if !response::may_be_whole(&self.held, self.looked_at) {
            return Ok(None);
        }
        let head = response::take(&mut self.held, method)?;
        self.looked_at = if head.is_some() { 0 } else { self.held.len() };
        Ok(head)
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, least: usize, ask: usize) -> Poll<io::Result<usize>> {
        if self.held.capacity() - self.held.len() < least {
            self.held.reserve(ask);
        }
        let read = ready!(pin!(self.io.read_buf(&mut self.held)).poll(cx));
        self.has_heard |= matches!(read, Ok(1..));
        Poll::Ready(read)
    }

    /// The next octets of a body; `None` at its end.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        remaining: &mut Remaining,
    ) -> Poll<Result<Option<Bytes>, TryFailure>> {
        loop {
            match self.take_piece(remaining) {
                Ok(Some(piece)) => return Poll::Ready(Ok(Some(piece))),
                Ok(None) if matches!(remaining, Remaining::Nothing) => return Poll::Ready(Ok(None)),
                Ok(None) => {}
                Err(failure) => return Poll::Ready(Err(failure)),
            }
            match ready!(self.poll_fill(cx, BODY_ROOM, BODY_BUFFER)) {
                Ok(1..) => {}
                Ok(0) if matches!(remaining, Remaining::UntilClose) => *remaining = Remaining::Nothing,
                _ => return Poll::Ready(Err(TryFailure::Reset)),
            }
        }
    }

    fn take_piece(&mut self, remaining: &mut Remaining) -> Result<Option<Bytes>, TryFailure> {
        if self.held.is_empty() {
            return Ok(None);
        }
        let (piece, is_at_end) = match remaining {
            Remaining::Nothing => (None, true),
            Remaining::Length(missing) => {
                let count = usize::try_from(*missing).unwrap_or(usize::MAX).min(self.held.len());
                *missing -= count as u64;
                (Some(self.held.split_to(count).freeze()), *missing == 0)
            }
            Remaining::Chunks(tracker) => {
                let piece = tracker.take_data(&mut self.held).map_err(|_| TryFailure::Garbage)?;
                (piece, tracker.is_at_end())
            }
            Remaining::UntilClose => (Some(self.held.split().freeze()), false),
        };
        if is_at_end {
            *remaining = Remaining::Nothing;
        }
        Ok(piece)
    }

    /// Whether nothing that was taken is kept back.
    pub(super) fn is_flushed(&self) -> bool {
        self.is_flushed
    }

    /// Sends some of what waits, or sees that it is not kept back.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, out: &mut Outbox) -> Poll<io::Result<()>> {
        if out.is_empty() {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.is_flushed = true;
        } else {
            ready!(out.poll_send(cx, &mut self.io))?;
            self.is_flushed = !self.keeps_back;
        }
        Poll::Ready(Ok(()))
    }

    #[cfg(test)]
    pub(super) fn held(&mut self) -> &mut BytesMut {
        &mut self.held
    }
}

/// As a tunnel: what was received already comes first.
impl AsyncRead for Octets {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.held.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let count = this.held.len().min(buf.remaining());
        buf.put_slice(&this.held.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Octets {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

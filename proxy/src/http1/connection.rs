//! A connection to an endpoint, and the body that comes on it.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::outbox::Outbox;
use super::response::Framing;
use crate::config::model::EndpointAddress;
use crate::gate::{Alarm, ChunkTracker};
use crate::observe::metrics::TryFailure;
use crate::upstream::stream::Stream;
use crate::upstream::transport::Transport;

/// Room for the next read while a head is awaited.
const HEAD_ROOM: usize = 2 * 1024;
/// Room asked for then.
const HEAD_BUFFER: usize = 4 * 1024;
/// Room for the next read of a body.
const BODY_ROOM: usize = 4 * 1024;
/// Room asked for then.
const BODY_BUFFER: usize = 64 * 1024;

/// A connection to an endpoint.
#[derive(Debug)]
pub(super) struct Connection {
    io: Stream,
    /// Whether octets that were taken may wait to be flushed.
    keeps_back: bool,
    is_flushed: bool,
    /// Octets received and not looked at.
    pub(super) held: BytesMut,
    /// Octets to send.
    pub(super) out: Outbox,
    /// How long the endpoint may do nothing.
    pub(super) alarm: Alarm,
    /// It took an octet of the request at hand.
    pub(super) has_taken: bool,
    /// It sent an octet since then.
    pub(super) has_said: bool,
}

/// What is still to come of an answer's body.
#[derive(Debug)]
pub(super) enum Remaining {
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

impl Connection {
    /// Connects within `patience`.
    pub(super) async fn open(
        transport: &Transport,
        address: &EndpointAddress,
        patience: Duration,
    ) -> Result<Self, TryFailure> {
        let connected = tokio::time::timeout(patience, transport.connect(address)).await;
        let io =
            connected.map_err(|_| TryFailure::ConnectTimeout)?.map_err(|unreached| TryFailure::from(&unreached))?;
        Ok(Self {
            keeps_back: io.keeps_back(),
            is_flushed: true,
            io,
            held: BytesMut::new(),
            out: Outbox::default(),
            alarm: Alarm::default(),
            has_taken: false,
            has_said: false,
        })
    }

    /// Its exchange is over, and it may wait for another.
    pub(super) fn be_unused(&mut self) {
        self.alarm.clear();
        (self.has_taken, self.has_said) = (false, false);
    }

    /// Gives back what memory a large body took.
    pub(super) fn shed(&mut self) {
        if self.held.try_reclaim(HEAD_BUFFER + 1) {
            self.held = BytesMut::new();
        }
        self.out.shed();
    }

    /// Whether an unused connection is still open, and nothing was sent on it that nobody asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.io.is_quiet()
    }

    /// Reads more of a head. An end is an error.
    pub(super) fn poll_head_octets(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TryFailure>> {
        match ready!(self.poll_fill(cx, HEAD_ROOM, HEAD_BUFFER)) {
            Ok(1..) => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(TryFailure::Reset)),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, least: usize, ask: usize) -> Poll<io::Result<usize>> {
        if self.held.capacity() - self.held.len() < least {
            self.held.reserve(ask);
        }
        let read = ready!(pin!(self.io.read_buf(&mut self.held)).poll(cx));
        self.alarm.clear();
        self.has_said |= matches!(read, Ok(1..));
        Poll::Ready(read)
    }

    /// The next octets of a body; `None` at its end.
    pub(super) fn poll_piece(
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

    /// Whether nothing is left to be sent.
    pub(super) fn is_sent(&self) -> bool {
        self.out.is_empty() && self.is_flushed
    }

    /// Sends some of what waits in the outbox, or sees that it is not kept back.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TryFailure>> {
        let sent = if self.out.is_empty() {
            ready!(Pin::new(&mut self.io).poll_flush(cx)).map(|()| self.is_flushed = true)
        } else {
            ready!(self.out.poll_send(cx, &mut self.io)).map(|()| self.is_flushed = !self.keeps_back)
        };
        self.alarm.clear();
        self.has_taken |= sent.is_ok();
        Poll::Ready(sent.map_err(|_| TryFailure::Reset))
    }
}

/// As a tunnel: what was received already comes first.
impl AsyncRead for Connection {
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

impl AsyncWrite for Connection {
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

//! A connection, as whoever serves its requests sees it: it ends where the request ends.

mod stream;

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pingora_core::protocols::Stream;
use pingora_core::protocols::raw_connect::ProxyDigest;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::admission::Admission;
use super::alarm::Alarm;
use super::chunked::ChunkTracker;
use super::head::{Framing, Head};
use super::linger;
use super::refusal::Refusal;
use crate::config::model::Limits;

/// Octets read ahead while nobody may have them yet.
const MOST_HELD: usize = 16 * 1024;
/// Room for an ordinary head.
const HEAD_BUFFER: usize = 4 * 1024;
/// With less than this free, a read of a head asks for more.
const HEAD_ROOM: usize = 2 * 1024;
/// With less than this free, a look at what comes after a message does.
const PROBE_ROOM: usize = 64;

/// With less than this free, a read of a body does.
const BODY_ROOM: usize = 4 * 1024;
/// Room for a large body.
const BODY_BUFFER: usize = 64 * 1024;

/// Stands between a connection and whoever serves its requests.
///
/// It never hands over an octet that belongs to a later message, or that follows a request to upgrade which has not been
/// granted: what nobody can see nobody can forward by mistake. It is passive: the loop in `connection` says what comes
/// next, the guard keeps to it.
#[derive(Debug)]
pub struct Guard {
    io: Stream,
    /// Octets read and not handed over.
    held: BytesMut,
    incoming: Incoming,
    /// The client has stopped sending, or the connection is broken.
    ended: bool,
    alarm: Alarm,
    /// For a client that takes nothing.
    stall: Alarm,
    /// How long a body may stand still.
    patience: Duration,
    /// What the handshake said, in the form that reaches the hooks.
    tls: Option<Arc<ProxyDigest>>,
    admission: Option<Admission>,
}

/// What the octets to come are.
#[derive(Debug)]
enum Incoming {
    /// A body of which this many octets are missing.
    Length(u64),
    /// A body that says itself where it ends.
    Chunked(ChunkTracker),
    /// Another request, which is no business of the one at hand.
    NextRequest,
    /// What that is, the answer to a request to upgrade decides.
    Undecided,
    /// Anything: the connection is no longer HTTP/1, or no longer ours.
    Tunnel,
    /// What nobody will read.
    Rest,
}

/// Why the body of a request ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It breaks a rule of the Gate's.
    Refused(Refusal),
    /// The client is gone.
    Gone,
}

impl From<Refusal> for BodyFault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Guard {
    pub(super) fn new(io: Stream, tls: Option<Arc<ProxyDigest>>, admission: Admission) -> Self {
        Self {
            io,
            held: BytesMut::new(),
            incoming: Incoming::NextRequest,
            ended: false,
            alarm: Alarm::default(),
            stall: Alarm::default(),
            patience: Duration::MAX,
            tls,
            admission: Some(admission),
        }
    }

    /// Octets read and not handed over: the start of the next head.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Drops the first `count` octets of what is held.
    pub(super) fn skip(&mut self, count: usize) {
        self.held.advance(count.min(self.held.len()));
    }

    /// The connection's timer, which the guard itself uses only while a body is read.
    pub(super) fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    /// Whether the message begun last has been handed over to its last octet, and nothing else is open.
    pub(super) fn is_between_messages(&self) -> bool {
        matches!(self.incoming, Incoming::NextRequest)
    }

    /// From now on lets everything through, both ways.
    pub fn open_tunnel(&mut self) {
        self.incoming = Incoming::Tunnel;
    }

    /// Gives up what the client may still send: it is read and discarded after the connection has been closed on our side.
    /// What comes through a tunnel is the other end's to take.
    pub fn discard_rest(&mut self) {
        if !matches!(self.incoming, Incoming::Tunnel) {
            self.incoming = Incoming::Rest;
        }
    }

    /// Reads more octets of a head. `Ok(0)` is the end of the stream.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = self.poll_hold(cx, HEAD_ROOM, HEAD_BUFFER);
        if read.is_pending() && self.held.is_empty() && self.held.try_reclaim(HEAD_BUFFER + 1) {
            // A large body or head was here; a client that may stay silent for long is not given as much.
            self.held = BytesMut::new();
        }
        read
    }

    fn poll_hold(&mut self, cx: &mut Context<'_>, room: usize, ask: usize) -> Poll<io::Result<usize>> {
        if self.held.capacity() - self.held.len() < room {
            // Between requests nobody refers to the last head any more: this takes its memory back, and asks for none.
            self.held.reserve(ask);
        }
        let read = ready!(pin!(self.io.read_buf(&mut self.held)).poll(cx));
        self.ended |= !matches!(read, Ok(1..));
        Poll::Ready(read)
    }

    /// Begins the message whose head is the first `end` octets held, and takes that head out.
    ///
    /// Chunked coding that is broken in what is already here is refused at once, before an origin hears of the request.
    pub(super) fn begin(&mut self, end: usize, head: Head, limits: &Limits) -> Result<BytesMut, Refusal> {
        self.patience = limits.body_timeout;
        self.alarm.clear();
        self.incoming = match head.framing {
            Framing::None if head.upgrade => Incoming::Undecided,
            Framing::None => Incoming::NextRequest,
            Framing::Length(length) => Incoming::Length(length),
            Framing::Chunked => {
                let tracker = ChunkTracker::new(limits.body_bytes.unwrap_or(u64::MAX));
                tracker.clone().advance(self.held.get(end..).unwrap_or_default())?;
                Incoming::Chunked(tracker)
            }
        };
        Ok(self.held.split_to(end.min(self.held.len())))
    }

    /// The next octets of the body begun last, without the chunks around them; `None` at its end.
    ///
    /// # Errors
    /// It is not to be had any more; what was refused must be answered and its connection closed.
    pub fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        loop {
            if let Some(piece) = self.take_piece()? {
                return Poll::Ready(Ok(Some(piece)));
            }
            if !self.has_body_left() {
                return Poll::Ready(Ok(None));
            }
            let most = self.body_room();
            match self.poll_hold(cx, BODY_ROOM.min(most), most) {
                Poll::Ready(Ok(1..)) => self.alarm.clear(),
                Poll::Ready(_) => return Poll::Ready(Err(BodyFault::Gone)),
                Poll::Pending => {
                    ready!(self.alarm.poll(cx, self.patience));
                    return Poll::Ready(Err(BodyFault::Refused(Refusal::BodyTimeout)));
                }
            }
        }
    }

    /// Whether octets of the body begun last are still to come.
    #[must_use]
    pub fn has_body_left(&self) -> bool {
        matches!(self.incoming, Incoming::Length(_) | Incoming::Chunked(_))
    }

    /// Room worth having for what is left of the body.
    fn body_room(&self) -> usize {
        match self.incoming {
            Incoming::Length(missing) => usize::try_from(missing).unwrap_or(usize::MAX).min(BODY_BUFFER),
            _ => BODY_BUFFER,
        }
    }

    fn take_piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.held.is_empty() {
            return Ok(None);
        }
        let (piece, is_at_end) = match &mut self.incoming {
            Incoming::Length(missing) => {
                let count = usize::try_from(*missing).unwrap_or(usize::MAX).min(self.held.len());
                *missing -= count as u64;
                (Some(self.held.split_to(count).freeze()), *missing == 0)
            }
            Incoming::Chunked(tracker) => (tracker.take_data(&mut self.held)?, tracker.is_at_end()),
            _ => (None, false),
        };
        if is_at_end {
            self.incoming = Incoming::NextRequest;
        }
        Ok(piece)
    }

    /// Whether the answer to the request at hand may make a tunnel of the connection.
    #[must_use]
    pub fn may_be_upgraded(&self) -> bool {
        matches!(self.incoming, Incoming::Undecided)
    }

    /// The request to upgrade was answered, and not granted: what comes next is a request.
    pub fn stay_http(&mut self) {
        if self.may_be_upgraded() {
            self.incoming = Incoming::NextRequest;
        }
    }

    /// Resolves when the client stops sending or its connection breaks; what it sends meanwhile is kept.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_ours = self.may_be_upgraded() || self.has_body_left();
        let most = if is_ours { MOST_HELD } else { 1 };
        while !self.ended && self.held.len() < most {
            // A broken connection has ended as well.
            let _ = ready!(self.poll_hold(cx, PROBE_ROOM, HEAD_BUFFER));
        }
        if self.ended { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What holds for a client that takes nothing: rings after `patience`, counted from the first time it is asked.
    pub fn poll_stalled(&mut self, cx: &mut Context<'_>, patience: Duration) -> Poll<()> {
        self.stall.poll(cx, patience)
    }

    /// The client took something.
    pub fn has_taken(&mut self) {
        self.stall.clear();
    }
}

impl AsyncRead for Guard {
    /// Everything, once the connection is a tunnel; before that there is nothing to be read this way.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if !matches!(guard.incoming, Incoming::Tunnel) {
            return Poll::Ready(Ok(()));
        }
        if guard.held.is_empty() {
            return Pin::new(&mut guard.io).poll_read(cx, buf);
        }
        let count = guard.held.len().min(buf.remaining());
        buf.put_slice(&guard.held.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl Drop for Guard {
    /// A connection closed with octets unread is reset, and the reset can overtake the answer.
    fn drop(&mut self) {
        let has_unread = match self.incoming {
            Incoming::Length(_) | Incoming::Chunked(_) | Incoming::Rest => true,
            Incoming::NextRequest | Incoming::Undecided => !self.held.is_empty(),
            Incoming::Tunnel => false,
        };
        if has_unread && !self.ended {
            let io = std::mem::replace(&mut self.io, Box::new(io::Cursor::new(Vec::new())));
            linger::in_background(io, self.admission.take());
        }
    }
}

#[cfg(test)]
mod tests;

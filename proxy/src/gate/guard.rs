//! The stream Pingora is given: it ends where the request ends.

mod stream;

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
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

/// Stands between a connection and the session Pingora makes of it.
///
/// It never hands over an octet that belongs to a later message, or that follows a request to upgrade which has not been
/// granted: what the proxy cannot see it cannot forward by mistake. It is passive: the loop in `connection` says what comes
/// next, the guard keeps to it.
#[derive(Debug)]
pub(super) struct Guard {
    io: Stream,
    /// Octets read and not handed over.
    held: BytesMut,
    incoming: Incoming,
    /// The client has stopped sending, or the connection is broken.
    ended: bool,
    /// Whoever waits for octets that are held back.
    waiting: Option<Waker>,
    alarm: Alarm,
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
    /// Another request, which is not the session's business.
    NextRequest,
    /// What that is, the answer to a request to upgrade decides.
    Undecided,
    /// Anything: the connection is no longer HTTP/1, or no longer ours.
    Tunnel,
    /// What nobody will read.
    Rest,
}

impl Guard {
    pub(super) fn new(io: Stream, tls: Option<Arc<ProxyDigest>>, admission: Admission) -> Self {
        Self {
            io,
            held: BytesMut::new(),
            incoming: Incoming::NextRequest,
            ended: false,
            waiting: None,
            alarm: Alarm::default(),
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
    pub(super) fn open_tunnel(&mut self) {
        self.incoming = Incoming::Tunnel;
    }

    /// Gives up what the client may still send: it is read and discarded after the connection has been closed on our side.
    pub(super) fn discard_rest(&mut self) {
        self.incoming = Incoming::Rest;
    }

    /// Reads more octets of a head. `Ok(0)` is the end of the stream.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_hold(cx, HEAD_ROOM)
    }

    fn poll_hold(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        if self.held.capacity() - self.held.len() < room {
            // Between requests nobody refers to the last head any more: this takes its memory back, and asks for none.
            self.held.reserve(HEAD_BUFFER);
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

    /// How many of these octets belong to the message, which goes on through them.
    fn measure(incoming: &mut Incoming, octets: &[u8]) -> Result<usize, Refusal> {
        let (used, is_at_end) = match incoming {
            Incoming::Length(missing) => {
                let used = usize::try_from(*missing).unwrap_or(usize::MAX).min(octets.len());
                *missing -= used as u64;
                (used, *missing == 0)
            }
            Incoming::Chunked(tracker) => (tracker.advance(octets)?, tracker.is_at_end()),
            _ => (octets.len(), false),
        };
        if is_at_end {
            *incoming = Incoming::NextRequest;
        }
        Ok(used)
    }

    fn poll_message(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            return Poll::Ready(self.hand_over_held(buf));
        }
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, buf) else {
            return self.poll_patience(cx);
        };
        self.alarm.clear();
        let octets = buf.filled().get(before..).unwrap_or_default();
        self.ended |= read.is_err() || octets.is_empty();
        read?;
        let used = Self::measure(&mut self.incoming, octets)?;
        if let Some(surplus) = octets.get(used..).filter(|surplus| !surplus.is_empty()) {
            self.held.extend_from_slice(surplus);
            buf.set_filled(before + used);
        }
        Poll::Ready(Ok(()))
    }

    fn hand_over_held(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let fitting = self.held.len().min(buf.remaining());
        let used = Self::measure(&mut self.incoming, self.held.get(..fitting).unwrap_or_default())?;
        buf.put_slice(&self.held.split_to(used));
        Ok(())
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.alarm.poll(cx, self.patience));
        self.alarm.clear();
        Poll::Ready(Err(Refusal::BodyTimeout.into()))
    }

    fn poll_tunnel(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            return Poll::Ready(self.hand_over_held(buf));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }

    /// The session polls between messages only to notice a client that goes away: an end goes through, octets are kept.
    fn poll_end(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<()>> {
        while !self.ended && self.held.len() < most {
            ready!(self.poll_hold(cx, PROBE_ROOM))?;
        }
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Looks at the first octets of an answer to a request to upgrade: 101 opens the tunnel, a final status closes the matter.
    fn note_answer(&mut self, octets: &[u8]) {
        if !matches!(self.incoming, Incoming::Undecided) {
            return;
        }
        match octets {
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'1', b'0', b'1', ..] => {
                self.open_tunnel();
                if let Some(waiting) = self.waiting.take() {
                    waiting.wake();
                }
            }
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'2'..=b'9', ..] => {
                self.incoming = Incoming::NextRequest
            }
            _ => {}
        }
    }
}

impl AsyncRead for Guard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        match guard.incoming {
            Incoming::Length(_) | Incoming::Chunked(_) => guard.poll_message(cx, buf),
            Incoming::NextRequest => guard.poll_end(cx, 1),
            Incoming::Undecided => guard.poll_end(cx, MOST_HELD),
            Incoming::Tunnel => guard.poll_tunnel(cx, buf),
            Incoming::Rest => Poll::Ready(Ok(())),
        }
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

//! HTTP/2 towards an endpoint: many exchanges over one connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Uri, Version, header, uri};

use super::outbox::Outbox;
use super::response::{Framing, Garbage, ResponseHead};
use crate::observe::metrics::TryFailure;
use crate::upstream::stream::Stream;
use crate::wire::response::{has_body, sole_length};

/// Exchanges that one connection carries at a time, where its endpoint allows as many.
const MOST_STREAMS: usize = 100;
/// Octets of a head, as HTTP/2 reckons them, over which it is none.
const MOST_OCTETS: u32 = 64 * 1024;
/// Octets of a body that one exchange may have received and not yet passed on.
const WINDOW: u32 = 256 * 1024;
/// The same for all exchanges of a connection.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Octets of a body sent at once.
const PIECE: usize = 64 * 1024;

/// A connection that several exchanges share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    send: SendRequest<Bytes>,
    standing: Arc<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// No further exchange begins on it.
    retired: AtomicBool,
    /// Exchanges under way.
    exchanges: AtomicUsize,
}

impl Shared {
    /// Speaks HTTP/2 over this connection, and goes on doing so in a task of its own.
    pub(super) async fn over(stream: Stream) -> Result<Self, h2::Error> {
        let mut builder = h2::client::Builder::new();
        builder.enable_push(false).max_header_list_size(MOST_OCTETS);
        builder.initial_window_size(WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
        let (send, connection) = builder.handshake::<_, Bytes>(stream).await?;
        let standing = Arc::<Standing>::default();
        let shared = Self { send, standing: Arc::clone(&standing) };
        tokio::spawn(async move {
            // However it ends, the exchanges on it are told by themselves.
            let _ = connection.await;
            standing.retired.store(true, Ordering::Relaxed);
        });
        Ok(shared)
    }

    /// Whether it may carry one more exchange.
    pub(super) fn has_room(&self) -> bool {
        let most = self.send.current_max_send_streams().min(MOST_STREAMS);
        !self.is_retired() && self.standing.exchanges.load(Ordering::Relaxed) < most
    }

    pub(super) fn is_retired(&self) -> bool {
        self.standing.retired.load(Ordering::Relaxed)
    }

    /// Whether it carries nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.standing.exchanges.load(Ordering::Relaxed) == 0
    }

    /// One more exchange.
    pub(super) fn exchange(&self) -> Multiplexed {
        self.standing.exchanges.fetch_add(1, Ordering::Relaxed);
        Multiplexed { shared: self.clone(), head: None, is_last: false, answer: None, up: None, down: None }
    }
}

/// One exchange over a shared connection.
#[derive(Debug)]
pub(super) struct Multiplexed {
    shared: Shared,
    /// The head of the request, until it is sent.
    head: Option<Request<()>>,
    /// The end of the request was sent, or there is no body that could end.
    is_last: bool,
    answer: Option<ResponseFuture>,
    up: Option<SendStream<Bytes>>,
    down: Option<RecvStream>,
}

impl Drop for Multiplexed {
    fn drop(&mut self) {
        self.shared.standing.exchanges.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Multiplexed {
    /// The connection it goes over, for others to share.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// It failed in a way that leaves its connection in doubt.
    pub(super) fn retire(&self) {
        self.shared.standing.retired.store(true, Ordering::Relaxed);
    }

    /// Takes a sealed head; it is sent with what comes of the body by then.
    pub(super) fn begin(&mut self, head: Parts, is_secure: bool, has_body: bool) -> Result<(), Garbage> {
        self.head = Some(request(head, is_secure).ok_or(Garbage)?);
        self.is_last = !has_body;
        Ok(())
    }

    /// Whether all there is was sent.
    pub(super) fn is_sent(&self, out: &Outbox) -> bool {
        self.head.is_none() && out.is_empty() && (self.is_last || !out.has_ended())
    }

    /// Sends some of it.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, out: &mut Outbox) -> Poll<Result<(), h2::Error>> {
        if self.head.is_some() {
            ready!(self.shared.send.poll_ready(cx))?;
            let Some(head) = self.head.take() else { return Poll::Ready(Ok(())) };
            let (answer, up) = self.shared.send.send_request(head, self.is_last)?;
            (self.answer, self.up) = (Some(answer), Some(up));
            return Poll::Ready(Ok(()));
        }
        let Some(up) = &mut self.up else { return Poll::Ready(Ok(())) };
        if out.is_empty() {
            self.is_last = true;
            return Poll::Ready(up.send_data(Bytes::new(), true));
        }
        up.reserve_capacity(out.len().min(PIECE));
        while up.capacity() == 0 {
            match ready!(up.poll_capacity(cx)) {
                Some(room) => drop(room?),
                None => return Poll::Ready(Err(Reason::CANCEL.into())),
            }
        }
        let piece = out.take(up.capacity());
        self.is_last = out.is_empty() && out.has_ended();
        Poll::Ready(up.send_data(piece, self.is_last))
    }

    /// The head of an answer, be it an interim one.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>, method: &Method) -> Poll<Result<ResponseHead, Fault>> {
        let Some(answer) = &mut self.answer else { return Poll::Pending };
        if let Poll::Ready(Some(interim)) = answer.poll_informational(cx) {
            return Poll::Ready(Ok(interim_head(interim?)));
        }
        let (head, down) = ready!(Pin::new(answer).poll(cx))?.into_parts();
        self.answer = None;
        let head = final_head(head, method, down.is_end_stream());
        self.down = Some(down);
        Poll::Ready(head.map_err(|_| Fault::Garbage))
    }

    /// The next octets of its body; `None` at its end.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, h2::Error>> {
        let Some(down) = &mut self.down else { return Poll::Ready(Ok(None)) };
        let Some(piece) = ready!(down.poll_data(cx)) else { return Poll::Ready(Ok(None)) };
        let piece = piece?;
        down.flow_control().release_capacity(piece.len())?;
        Poll::Ready(Ok(Some(piece)))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Http2(#[from] h2::Error),
    #[error("no answer that could be passed on")]
    Garbage,
}

impl Fault {
    /// Whether the endpoint says that it has done nothing of it, so that it may be asked of another (RFC 9113 section 8.7).
    pub(super) fn is_untouched(&self) -> bool {
        match self {
            Self::Http2(error) => error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM),
            Self::Garbage => false,
        }
    }

    /// Whether the endpoint itself broke this exchange off, while its connection stands.
    pub(super) fn is_said(&self) -> bool {
        match self {
            Self::Http2(error) => error.is_reset() && error.is_remote(),
            Self::Garbage => true,
        }
    }

    pub(super) fn kind(&self) -> TryFailure {
        match self {
            Self::Http2(error) if error.is_io() || error.is_go_away() || error.is_reset() => TryFailure::Reset,
            Self::Http2(_) | Self::Garbage => TryFailure::Garbage,
        }
    }
}

/// The head as HTTP/2 wants it: the authority is no field any more.
fn request(mut head: Parts, is_secure: bool) -> Option<Request<()>> {
    let host = head.headers.remove(header::HOST)?;
    let scheme = if is_secure { uri::Scheme::HTTPS } else { uri::Scheme::HTTP };
    let target = head.uri.path_and_query().cloned().unwrap_or_else(|| uri::PathAndQuery::from_static("/"));
    let uri = Uri::builder().scheme(scheme).authority(host.as_bytes()).path_and_query(target);
    head.uri = uri.build().ok()?;
    head.version = Version::HTTP_2;
    Some(Request::from_parts(head, ()))
}

fn interim_head(interim: Response<()>) -> ResponseHead {
    let mut parts = interim.into_parts().0;
    parts.version = Version::HTTP_11;
    ResponseHead { parts, phrase: None, framing: Framing::None, keeps_connection: true }
}

fn final_head(mut parts: http::response::Parts, method: &Method, is_ended: bool) -> Result<ResponseHead, Garbage> {
    parts.version = Version::HTTP_11;
    let length = sole_length(&parts.headers).map_err(|_| Garbage)?;
    let framing = match length {
        _ if !has_body(method, &parts) => Framing::None,
        Some(length) => Framing::Length(length),
        None if is_ended => {
            parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
            Framing::None
        }
        None => Framing::Chunked,
    };
    Ok(ResponseHead { parts, phrase: None, framing, keeps_connection: true })
}

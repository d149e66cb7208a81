//! The loop of one connection: what comes next, and whether it may.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use pingora_core::protocols::{ALPN, GetSocketDigest, Ssl};
use pingora_core::server::ShutdownWatch;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::doorkeeper::{Doorkeeper, Refused, Terms};
use super::guard::Guard;
use super::head::{self, Head, HeadEnd};
use super::refusal::Refusal;

/// What every HTTP/2 connection begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// For last words that nobody may want to read.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What a connection turned out to bring next.
#[derive(Debug)]
pub(super) enum Next {
    /// A whole, vetted head of this length.
    Request(usize, Head),
    /// The HTTP/2 preface, still held.
    Http2,
    /// Nothing: it is to be closed without a word.
    Nothing,
    /// Something that is answered and closed.
    Refuse(Refusal),
    /// Something that is closed: no answer would be understood.
    Reject(Refusal),
}

/// Which protocols may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
    /// Plain text where prior knowledge of HTTP/2 is allowed.
    Either,
}

/// What ended a wait for octets.
enum Event {
    Octets,
    End,
    Broken,
    Overdue,
    Closing,
}

/// Waits for the heads of one connection.
pub(super) struct Heads<'a, D> {
    door: &'a D,
    /// Asked for again when a request begins.
    terms: Arc<Terms>,
    protocol: Protocol,
    is_first: bool,
    /// The listener closes: a connection that is idle may still send one request.
    is_closing: bool,
}

impl<'a, D: Doorkeeper> Heads<'a, D> {
    /// For a connection that has just been made, on the terms it was made on.
    pub(super) fn new(guard: &Guard, terms: Arc<Terms>, door: &'a D) -> Self {
        let protocol = match guard.selected_alpn_proto() {
            Some(ALPN::H2) => Protocol::Http2,
            None if terms.http2 && guard.get_ssl_digest().is_none() => Protocol::Either,
            _ => Protocol::Http1,
        };
        Self { door, terms, protocol, is_first: true, is_closing: false }
    }

    /// The terms for the request at hand.
    pub(super) fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// Reads until a whole head is there, or something that ends the connection.
    ///
    /// `closing` resolves once the listener closes and is not polled after that.
    pub(super) async fn next<C: Future<Output = ()>>(&mut self, guard: &mut Guard, mut closing: Pin<&mut C>) -> Next {
        let mut search = HeadEnd::default();
        let mut had_empty_line = false;
        guard.alarm().clear();
        loop {
            if !had_empty_line && self.protocol != Protocol::Http2 && guard.held().starts_with(b"\r\n") {
                // Some clients send one after a body (RFC 9112 section 2.2).
                guard.skip(2);
                had_empty_line = true;
            }
            if let Some(next) = self.look(guard.held(), &mut search) {
                self.is_first = false;
                return next;
            }
            let was_empty = guard.held().is_empty();
            match self.wait(guard, closing.as_mut()).await {
                // From the first octet of a head on its own deadline holds, and the terms of that moment.
                Event::Octets if was_empty && !self.is_first => {
                    guard.alarm().clear();
                    self.terms = self.door.terms();
                }
                Event::Octets => {}
                Event::Closing => {
                    self.is_closing = true;
                    guard.alarm().clear();
                }
                Event::End if !was_empty => return Next::Refuse(Refusal::TruncatedHead),
                Event::Overdue if !was_empty => return Next::Refuse(Refusal::HeadTimeout),
                Event::End | Event::Overdue | Event::Broken => return Next::Nothing,
            }
        }
    }

    /// What is held, once that can be told.
    fn look(&mut self, held: &[u8], search: &mut HeadEnd) -> Option<Next> {
        if held.is_empty() || held == b"\r" {
            return None;
        }
        if self.protocol != Protocol::Http1 {
            let is_preface = held.iter().zip(PREFACE).all(|(have, want)| have == want);
            match (is_preface, self.protocol) {
                (true, _) => return (held.len() >= PREFACE.len()).then_some(Next::Http2),
                (false, Protocol::Http2) => return Some(Next::Reject(Refusal::NotHttp2)),
                (false, _) => self.protocol = Protocol::Http1,
            }
        }
        let found = search.find(held, &self.terms.limits).transpose()?;
        let checked = found.and_then(|end| {
            let head = held.get(..end).unwrap_or_default();
            head::check(head, &self.terms.limits).map(|head| Next::Request(end, head))
        });
        Some(checked.unwrap_or_else(Next::Refuse))
    }

    /// Clock, timer and shutdown are looked at only where there is nothing to read.
    async fn wait<C: Future<Output = ()>>(&self, guard: &mut Guard, mut closing: Pin<&mut C>) -> Event {
        let is_idle = guard.held().is_empty() && !self.is_first;
        let patience = match (is_idle, self.is_closing) {
            (false, _) => self.terms.limits.head_timeout,
            (true, false) => self.terms.limits.idle_timeout,
            (true, true) => self.terms.drain,
        };
        poll_fn(|cx| {
            if let Poll::Ready(read) = guard.poll_fill(cx) {
                return Poll::Ready(match read {
                    Ok(0) => Event::End,
                    Ok(_) => Event::Octets,
                    Err(_) => Event::Broken,
                });
            }
            if is_idle && !self.is_closing && closing.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Closing);
            }
            ready!(guard.alarm().poll(cx, patience));
            Poll::Ready(Event::Overdue)
        })
        .await
    }
}

/// Resolves when the listener closes, or is gone.
pub(super) async fn closing(mut shutdown: ShutdownWatch) {
    while !*shutdown.borrow_and_update() {
        if shutdown.changed().await.is_err() {
            return;
        }
    }
}

/// Answers a request that is not taken, tells the doorkeeper, and closes.
pub(super) async fn refuse<D: Doorkeeper>(mut guard: Box<Guard>, refusal: Refusal, door: &D) {
    let answer = refusal.answer(guard.held().starts_with(b"HEAD "));
    let write = async {
        guard.write_all(&answer).await?;
        guard.flush().await
    };
    // Whether the client takes the answer changes nothing for it.
    let _ = tokio::time::timeout(ANSWER_TIMEOUT, write).await;
    tell(&guard, refusal, door);
    guard.discard_rest();
}

/// Ends our direction of a connection; TLS has something to say then, which the client may not take.
pub(super) async fn close(guard: &mut Guard) {
    guard.alarm().clear();
    poll_fn(|cx| match Pin::new(&mut *guard).poll_shutdown(cx) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => guard.alarm().poll(cx, ANSWER_TIMEOUT),
    })
    .await;
}

/// Tells the doorkeeper what was refused.
pub(super) fn tell<D: Doorkeeper>(guard: &Guard, refusal: Refusal, door: &D) {
    door.refused(&Refused { client: client_of(guard), refusal, request_line: first_line(guard.held()) });
}

fn first_line(octets: &[u8]) -> &[u8] {
    octets.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default()
}

/// The address at the other end.
pub(super) fn client_of(stream: &(impl GetSocketDigest + ?Sized)) -> Option<SocketAddr> {
    stream.get_socket_digest()?.peer_addr()?.as_inet().copied()
}

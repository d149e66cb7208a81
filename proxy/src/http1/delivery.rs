//! What goes to the client, and how long it may take to take it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::outbox::Outbox;
use crate::gate::Guard;

/// The client went away, or takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// An answer on its way to the client.
#[derive(Debug)]
pub(super) struct Delivery {
    out: Outbox,
    is_flushed: bool,
    /// How long the client may take nothing.
    patience: Duration,
}

impl Delivery {
    pub(super) fn new(patience: Duration) -> Self {
        Self { out: Outbox::default(), is_flushed: true, patience }
    }

    /// Where a head is written.
    pub(super) fn begin(&mut self, chunked: bool) -> &mut BytesMut {
        self.out.begin(chunked)
    }

    /// Whether there is room for another piece.
    pub(super) fn takes_more(&self) -> bool {
        self.out.takes_more()
    }

    /// Adds a piece of a body, where there is room.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.out.push(piece);
    }

    /// Adds what ends a body, where there is room.
    pub(super) fn end(&mut self) {
        self.out.end();
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Delivers some of what waits.
    pub(super) fn poll_some(&mut self, cx: &mut Context<'_>, client: &mut Guard) -> Poll<Result<(), Gone>> {
        let sent = self.out.poll_send(cx, client);
        self.is_flushed = false;
        self.taken(cx, client, sent)
    }

    /// Sees that what was delivered is not kept back.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, client: &mut Guard) -> Poll<Result<(), Gone>> {
        if self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut *client).poll_flush(cx);
        self.is_flushed = matches!(flushed, Poll::Ready(Ok(())));
        self.taken(cx, client, flushed)
    }

    /// Delivers all of it.
    pub(super) async fn all(&mut self, client: &mut Guard) -> Result<(), Gone> {
        poll_fn(|cx| {
            while !self.is_empty() {
                ready!(self.poll_some(cx, client))?;
            }
            self.poll_flush(cx, client)
        })
        .await
    }

    fn taken(&self, cx: &mut Context<'_>, client: &mut Guard, took: Poll<io::Result<()>>) -> Poll<Result<(), Gone>> {
        match took {
            Poll::Ready(Ok(())) => {
                client.has_taken();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(Gone)),
            Poll::Pending => {
                ready!(client.poll_stalled(cx, self.patience));
                Poll::Ready(Err(Gone))
            }
        }
    }
}

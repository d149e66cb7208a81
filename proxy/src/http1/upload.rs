//! The body of a request, which may have to be sent more than once.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::request::Parts;

use super::request::waits_for_continue;
use crate::gate::{BodyFault, Guard};

/// Octets of a body kept for another try.
const MOST_KEPT: usize = 64 * 1024;

/// Where the body of a request comes from: what was kept of it first, then the client.
#[derive(Debug)]
pub(super) struct Upload {
    /// Whether there is one at all, be it empty.
    pub(super) has_body: bool,
    /// A copy: a piece of one octet may hold on to a buffer of many.
    kept: BytesMut,
    /// What was kept and is still to be sent once more.
    again: Bytes,
    /// Whether all that was received has been kept.
    is_whole: bool,
    /// Whether it may ever be sent again.
    is_repeatable: bool,
    /// Octets received from the client.
    pub(super) received: u64,
}

impl Upload {
    /// `is_repeatable` says whether the method allows another try.
    pub(super) fn new(has_body: bool, is_repeatable: bool) -> Self {
        Self { has_body, kept: BytesMut::new(), again: Bytes::new(), is_whole: true, is_repeatable, received: 0 }
    }

    /// It may be sent again whatever the method: who refuses it says that nothing was done.
    pub(super) fn keep_for_any_method(&mut self) {
        self.is_repeatable = true;
    }

    /// Whether all that was taken can be had once more.
    pub(super) fn can_begin_again(&self) -> bool {
        self.is_whole
    }

    /// Begins at its first octet, for another try.
    pub(super) fn begin_again(&mut self) {
        self.again = Bytes::copy_from_slice(&self.kept);
    }

    /// Whether the client waits to be told to send it: it may do so after its answer, or not.
    pub(super) fn is_unasked(&self, client: &Guard, head: &Parts) -> bool {
        client.has_body_left() && self.received == 0 && waits_for_continue(head)
    }

    /// The next piece; `None` at the end.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Guard,
    ) -> Poll<Result<Option<Bytes>, BodyFault>> {
        if !self.again.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.again))));
        }
        let piece = ready!(client.poll_body(cx))?;
        if let Some(piece) = &piece {
            self.received += piece.len() as u64;
            self.keep(piece);
        }
        Poll::Ready(Ok(piece))
    }

    fn keep(&mut self, piece: &Bytes) {
        self.is_whole &= self.is_repeatable && self.kept.len() + piece.len() <= MOST_KEPT;
        if self.is_whole {
            self.kept.extend_from_slice(piece);
        } else {
            self.kept = BytesMut::new();
        }
    }
}

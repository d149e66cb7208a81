//! The body of a request, which may have to be sent more than once.

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::gate::{BodyFault, Guard};

/// Octets of a body kept for another try.
const MOST_KEPT: usize = 64 * 1024;

/// Where the body of a request comes from: what was kept of it first, then the client.
#[derive(Debug)]
pub(super) struct Upload {
    /// Whether there is one at all, be it empty.
    pub(super) has_body: bool,
    kept: Vec<Bytes>,
    kept_octets: usize,
    /// Whether all that was received has been kept.
    is_whole: bool,
    /// Whether it may ever be sent again.
    is_repeatable: bool,
    next: usize,
    /// Octets received from the client.
    pub(super) received: u64,
}

impl Upload {
    /// `is_repeatable` says whether the method allows another try.
    pub(super) fn new(has_body: bool, is_repeatable: bool) -> Self {
        Self { has_body, kept: Vec::new(), kept_octets: 0, is_whole: true, is_repeatable, next: 0, received: 0 }
    }

    /// Whether all that was taken can be had once more.
    pub(super) fn can_begin_again(&self) -> bool {
        self.is_whole
    }

    /// Begins at its first octet, for another try.
    pub(super) fn begin_again(&mut self) {
        self.next = 0;
    }

    /// The next piece; `None` at the end.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Guard,
    ) -> Poll<Result<Option<Bytes>, BodyFault>> {
        if let Some(piece) = self.kept.get(self.next) {
            self.next += 1;
            return Poll::Ready(Ok(Some(piece.clone())));
        }
        let piece = ready!(client.poll_body(cx))?;
        if let Some(piece) = &piece {
            self.received += piece.len() as u64;
            self.keep(piece);
        }
        Poll::Ready(Ok(piece))
    }

    fn keep(&mut self, piece: &Bytes) {
        self.is_whole &= self.is_repeatable && self.kept_octets + piece.len() <= MOST_KEPT;
        if self.is_whole {
            self.kept_octets += piece.len();
            self.kept.push(piece.clone());
            self.next = self.kept.len();
        } else {
            self.kept.clear();
            self.next = 0;
        }
    }
}

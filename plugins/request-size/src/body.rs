//! Bodies whose length nobody announced: counted as they pass.

use tidegate_plugin_sdk::{Attention, BodyPolicy, LocalResponse, Piece, Request, Step};

use crate::{Announced, CONTENT_TOO_LARGE, LENGTH_REQUIRED, RequestSize, announced};

impl BodyPolicy for RequestSize {
    fn attend_request(&self, request: &Request) -> Attention {
        let is_limited = self.body.is_some() || self.require_length;
        if is_limited && announced(request) == Announced::Nothing { Attention::Pieces } else { Attention::Skip }
    }

    fn on_request_body(&self, _: &Request, piece: Piece) -> Step {
        let so_far = counted(&piece.memory);
        let Some(so_far) = so_far.checked_add(u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX)) else {
            return refused(CONTENT_TOO_LARGE);
        };
        // What may be a body turns out to be none where nothing comes; of that, no length is required.
        if self.require_length && so_far > 0 {
            return refused(LENGTH_REQUIRED);
        }
        match self.body {
            Some(limit) if so_far > limit => refused(CONTENT_TOO_LARGE),
            _ => Step::pass().remember(so_far.to_le_bytes()),
        }
    }
}

/// What the steps before counted; nothing at first.
fn counted(memory: &[u8]) -> u64 {
    memory.try_into().map_or(0, u64::from_le_bytes)
}

fn refused(status: u16) -> Step {
    Step::respond(LocalResponse::new(status))
}

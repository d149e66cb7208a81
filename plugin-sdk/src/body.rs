//! Bodies, as a policy sees them.

use crate::LocalResponse;

/// How a body is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Not at all; it passes untouched, and at full speed.
    Skip,
    /// Piece by piece. Its length is no longer known to the receiver.
    Pieces,
    /// In one piece, once it has ended. One over the policy's `limits.body` is refused: the client gets 413 for a
    /// request, and a response is cut off.
    Whole,
}

/// A piece of a body: what arrived at once, so that its borders mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// The bytes; the last piece may have none.
    pub bytes: Vec<u8>,
    /// Whether the body ends here.
    pub last: bool,
    /// What the step before told to remember; empty at first.
    pub memory: Vec<u8>,
}

/// What becomes of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on as it is.
    Pass,
    /// This goes on in its place.
    Replace(Vec<u8>),
    /// Nothing goes on yet: the piece is kept, and shown again in front of the next one. What is kept counts against
    /// `limits.body`. With the last piece it means `Pass`.
    Hold,
    /// This goes on in its place, and what follows it unseen.
    Finish(Vec<u8>),
    /// The exchange ends here. A request gets this answer, unless its response has begun; a response that has begun is
    /// cut off.
    Respond(LocalResponse),
}

/// What becomes of a piece, and what to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What becomes of it.
    pub action: Action,
    /// Given back with the next piece of the same body; at most 4096 bytes.
    pub memory: Vec<u8>,
}

impl Piece {
    /// A piece in the middle of a body; for tests.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), last: false, memory: Vec::new() }
    }

    /// A piece at the end of a body; for tests.
    #[must_use]
    pub fn last(bytes: impl Into<Vec<u8>>) -> Self {
        Self { last: true, ..Self::new(bytes) }
    }

    /// The same piece with what a step remembered; for tests.
    #[must_use]
    pub fn after(self, step: &Step) -> Self {
        Self { memory: step.memory.clone(), ..self }
    }
}

impl Step {
    /// The piece goes on as it is.
    #[must_use]
    pub fn pass() -> Self {
        Action::Pass.into()
    }

    /// This goes on in its place.
    #[must_use]
    pub fn replace(bytes: impl Into<Vec<u8>>) -> Self {
        Action::Replace(bytes.into()).into()
    }

    /// The piece is kept, and shown again in front of the next one.
    #[must_use]
    pub fn hold() -> Self {
        Action::Hold.into()
    }

    /// This goes on in its place, and what follows it unseen.
    #[must_use]
    pub fn finish(bytes: impl Into<Vec<u8>>) -> Self {
        Action::Finish(bytes.into()).into()
    }

    /// The exchange ends with this answer.
    #[must_use]
    pub fn respond(response: LocalResponse) -> Self {
        Action::Respond(response).into()
    }

    /// Gives this back with the next piece; at most 4096 bytes. One instance serves many messages: what belongs to one of
    /// them is kept here, not in `self`.
    #[must_use]
    pub fn remember(self, memory: impl Into<Vec<u8>>) -> Self {
        Self { memory: memory.into(), ..self }
    }
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Self { action, memory: Vec::new() }
    }
}

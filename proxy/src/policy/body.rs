//! Bodies on their way through policies: pieces in, actions, pieces out, against no engine.
//!
//! A [`Pipe`] has a stage for each policy that attends to the body, and each piece runs through all of them, as through
//! the commands of a shell pipe. What a stage lets go on is a piece for the next one, so that the borders of pieces mean
//! nothing to anybody.

mod pipe;

use bytes::Bytes;

use super::decision::LocalResponse;
pub use pipe::{Pipe, Stop, Stopped};

/// Bytes that a policy may have remembered for it from piece to piece (`wit/policies.wit`, `step.memory`).
pub const MEMORY: usize = 4096;

/// How a body is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Not at all.
    Skip,
    /// Piece by piece.
    Pieces,
    /// In one piece, once it has ended.
    Whole,
}

/// What a policy is shown.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Part of the body, or nothing where only its end is told.
    pub bytes: &'a [u8],
    /// Whether the body ends here.
    pub last: bool,
    /// What the policy remembered at the piece before.
    pub memory: &'a [u8],
}

/// What becomes of a piece, and what to remember.
#[derive(Clone, Debug)]
pub struct Step {
    /// What becomes of it.
    pub action: Action,
    /// Given back with the next piece; at most [`MEMORY`] bytes.
    pub memory: Vec<u8>,
}

/// What becomes of a piece.
#[derive(Clone, Debug)]
pub enum Action {
    /// It goes on as it is.
    Pass,
    /// This goes on in its place.
    Replace(Bytes),
    /// It is kept and shown again in front of the next one; the last one passes.
    Hold,
    /// This goes on in its place, and what follows it unseen.
    Finish(Bytes),
    /// The exchange ends here.
    Respond(LocalResponse),
}

#[cfg(test)]
mod tests;

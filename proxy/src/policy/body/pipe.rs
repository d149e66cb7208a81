//! The pipe, and one stage of it.

use bytes::{Bytes, BytesMut};

use super::{Action, Attention, Piece, Step};
use crate::policy::decision::LocalResponse;

/// Showing what is held once more costs a copy of it, and a client chooses the size of its pieces: one byte at a time, a
/// held megabyte would be copied a million times. So each byte that arrives pays for this many bytes shown again, and
/// what cannot be paid waits for more. Short holds, such as a word cut in two, never wait.
const SHOWN_AGAIN_PER_BYTE: usize = 64;

/// Bytes that are shown again for nothing.
const SHOWN_AGAIN_FREE: usize = 1 << 20;

/// One body on its way through those who attend to it, in their order.
#[derive(Debug)]
pub struct Pipe<L> {
    stages: Vec<Stage<L>>,
    has_ended: bool,
}

/// Who ended an exchange, and how.
#[derive(Debug)]
pub struct Stopped<'p, L, E> {
    /// Whose stage it was.
    pub by: &'p L,
    /// How.
    pub stop: Stop<E>,
}

/// How an exchange ended in the middle of a body.
#[derive(Debug)]
pub enum Stop<E> {
    /// More was to be kept than `limits.body`.
    TooLarge,
    /// A policy answers.
    Respond(LocalResponse),
    /// A policy failed, and that is not to be passed over.
    Failed(E),
}

#[derive(Debug)]
struct Stage<L> {
    by: L,
    shows_whole: bool,
    /// Most bytes kept.
    limit: usize,
    state: State,
    memory: Vec<u8>,
    kept: BytesMut,
    /// Bytes that may still be shown again.
    allowance: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Attending,
    /// The rest passes unseen, as its policy wishes.
    Finished,
    /// The rest passes unseen, because its policy failed.
    Failed,
}

impl<L> Default for Pipe<L> {
    fn default() -> Self {
        Self { stages: Vec::new(), has_ended: false }
    }
}

impl<L> Pipe<L> {
    /// Adds a stage behind the others, unless it is to see nothing; for it, at most `limit` bytes are kept.
    pub fn attend(&mut self, by: L, attention: Attention, limit: usize) {
        if attention != Attention::Skip {
            self.stages.push(Stage::new(by, attention == Attention::Whole, limit));
        }
    }

    /// Whether nobody attends to the body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Sends a piece through all stages and returns what comes out, which may be nothing yet. `last` comes once; what
    /// comes after it passes untouched.
    ///
    /// `ask` shows a piece to its policy; without a step the policy failed and may be passed over: the piece goes on
    /// untouched, and so does all that follows.
    ///
    /// # Errors
    /// The exchange ends here.
    pub fn push<E>(
        &mut self,
        piece: Bytes,
        last: bool,
        mut ask: impl FnMut(&L, Piece<'_>) -> Result<Option<Step>, E>,
    ) -> Result<Bytes, Stopped<'_, L, E>> {
        if self.has_ended {
            return Ok(piece);
        }
        self.has_ended = last;
        let mut piece = piece;
        for stage in &mut self.stages {
            match stage.take(piece, last, &mut ask) {
                Ok(next) => piece = next,
                Err(stop) => return Err(Stopped { by: &stage.by, stop }),
            }
        }
        Ok(piece)
    }

    /// Begins the same body anew, for another try; whose policy failed stays out.
    pub fn rewind(&mut self) {
        self.has_ended = false;
        self.stages.iter_mut().for_each(Stage::rewind);
    }
}

impl<L> Stage<L> {
    fn new(by: L, shows_whole: bool, limit: usize) -> Self {
        Self {
            by,
            shows_whole,
            limit,
            state: State::Attending,
            memory: Vec::new(),
            kept: BytesMut::new(),
            allowance: SHOWN_AGAIN_FREE,
        }
    }

    fn take<E>(
        &mut self,
        piece: Bytes,
        last: bool,
        ask: &mut impl FnMut(&L, Piece<'_>) -> Result<Option<Step>, E>,
    ) -> Result<Bytes, Stop<E>> {
        if self.state != State::Attending {
            return Ok(piece);
        }
        let Some(shown) = self.gather(piece, last)? else { return Ok(Bytes::new()) };
        let piece = Piece { bytes: &shown, last, memory: &self.memory };
        match ask(&self.by, piece).map_err(Stop::Failed)? {
            Some(step) => self.settle(shown, last, step),
            None => {
                self.state = State::Failed;
                Ok(shown)
            }
        }
    }

    /// What is to be shown now, if anything.
    fn gather<E>(&mut self, piece: Bytes, last: bool) -> Result<Option<Bytes>, Stop<E>> {
        let sum = self.kept.len().saturating_add(piece.len());
        if self.shows_whole && sum > self.limit {
            return Err(Stop::TooLarge);
        }
        if self.kept.is_empty() && (last || !self.shows_whole) {
            return Ok((last || !piece.is_empty()).then_some(piece));
        }
        self.allowance = self.allowance.saturating_add(piece.len().saturating_mul(SHOWN_AGAIN_PER_BYTE));
        let again = self.kept.len();
        self.kept.extend_from_slice(&piece);
        let is_due = !self.shows_whole && !piece.is_empty() && (self.allowance >= again || sum > self.limit);
        if !(last || is_due) {
            return Ok(None);
        }
        self.allowance = self.allowance.saturating_sub(again);
        Ok(Some(std::mem::take(&mut self.kept).freeze()))
    }

    fn settle<E>(&mut self, shown: Bytes, last: bool, step: Step) -> Result<Bytes, Stop<E>> {
        self.memory = step.memory;
        match step.action {
            Action::Pass => Ok(shown),
            Action::Hold if last => Ok(shown),
            Action::Hold if shown.len() > self.limit => Err(Stop::TooLarge),
            Action::Hold => {
                self.kept = BytesMut::from(shown);
                Ok(Bytes::new())
            }
            Action::Replace(bytes) => Ok(bytes),
            Action::Finish(bytes) => {
                self.state = State::Finished;
                Ok(bytes)
            }
            Action::Respond(response) => Err(Stop::Respond(response)),
        }
    }

    fn rewind(&mut self) {
        if self.state == State::Finished {
            self.state = State::Attending;
        }
        self.memory.clear();
        self.kept.clear();
        self.allowance = SHOWN_AGAIN_FREE;
    }
}

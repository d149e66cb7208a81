//! What a body policy returned.

use bytes::Bytes;

use super::Rules;
use crate::plugin::bindings::body_policy;
use crate::policy::body::{Action, Attention, MEMORY, Step};
use crate::policy::decision::IllegalDecision;

impl From<body_policy::Attention> for Attention {
    fn from(attention: body_policy::Attention) -> Self {
        match attention {
            body_policy::Attention::Skip => Self::Skip,
            body_policy::Attention::Pieces => Self::Pieces,
            body_policy::Attention::Whole => Self::Whole,
        }
    }
}

impl Rules<'_> {
    /// A step that puts at most `most` bytes in the place of a piece.
    pub(in crate::plugin) fn step(self, step: body_policy::Step, most: usize) -> Result<Step, IllegalDecision> {
        if step.memory.len() > MEMORY {
            return Err(IllegalDecision::Memory { bytes: step.memory.len(), limit: MEMORY });
        }
        let action = match step.action {
            body_policy::Action::Pass => Action::Pass,
            body_policy::Action::Hold => Action::Hold,
            body_policy::Action::Replace(bytes) => Action::Replace(within(most, bytes)?),
            body_policy::Action::Finish(bytes) => Action::Finish(within(most, bytes)?),
            body_policy::Action::Respond(response) => Action::Respond(self.local_response(response)?),
        };
        Ok(Step { action, memory: step.memory })
    }
}

fn within(limit: usize, bytes: Vec<u8>) -> Result<Bytes, IllegalDecision> {
    match bytes.len() {
        size if size > limit => Err(IllegalDecision::TooLarge { bytes: size, limit }),
        _ => Ok(bytes.into()),
    }
}

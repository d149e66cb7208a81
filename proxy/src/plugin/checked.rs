//! What the gateway holds against it whatever a guest returned, in the words of no version of the contract.

mod body;
mod limits;

use std::sync::Arc;

use crate::consumers::{Consumer, ConsumerId, Consumers};
use crate::policy::decision::IllegalDecision;
pub(super) use body::{memory, within};
pub(super) use limits::NamedByGuest;

/// What a field costs beside its bytes, so that a million empty ones are not free (as in RFC 7541 section 4.1).
pub(super) const FIELD_OVERHEAD: usize = 32;

/// What returned values are held against.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// `limits.output`.
    pub(super) output: usize,
    /// `limits.output_fields`.
    pub(super) fields: usize,
    /// Whom a decision may name; none without the grant.
    pub(super) consumers: Option<&'a Consumers>,
}

impl Rules<'_> {
    pub(super) fn consumer(self, id: ConsumerId) -> Result<Arc<Consumer>, IllegalDecision> {
        let known = self.consumers.and_then(|consumers| consumers.by_id(id));
        known.cloned().ok_or(IllegalDecision::Consumer(id.0))
    }

    pub(super) fn fits_fields(self, fields: usize) -> Result<(), IllegalDecision> {
        if fields > self.fields { Err(IllegalDecision::TooManyFields { fields, limit: self.fields }) } else { Ok(()) }
    }

    pub(super) fn fits(self, bytes: usize) -> Result<(), IllegalDecision> {
        if bytes > self.output { Err(IllegalDecision::TooLarge { bytes, limit: self.output }) } else { Ok(()) }
    }
}

/// What a field counts for against `limits.output`.
pub(super) fn field_size(name: &str, value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_OVERHEAD
}

/// The chosen one of `candidates`.
pub(super) fn pick(index: Option<u32>, candidates: usize) -> Result<Option<usize>, IllegalDecision> {
    let Some(index) = index else { return Ok(None) };
    match usize::try_from(index) {
        Ok(chosen) if chosen < candidates => Ok(Some(chosen)),
        _ => Err(IllegalDecision::Pick { index, candidates }),
    }
}

//! From what a guest returned to what the gateway may act on, or to why it may not.

mod body;
mod limits;

use std::sync::Arc;

use bytes::Bytes;

use super::bindings::request_policy::Decision as GuestRequestDecision;
use super::bindings::response_policy::Decision as GuestResponseDecision;
use super::bindings::types;
use crate::consumers::{Consumer, ConsumerId, Consumers};
use crate::policy::decision::{
    Changes, Edit, IllegalDecision, LocalResponse, RequestDecision, ResponseDecision, field, field_name, final_status,
    target,
};

/// What a field costs beside its bytes, so that a million empty ones are not free (as in RFC 7541 section 4.1).
const FIELD_OVERHEAD: usize = 32;

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
    pub(super) fn request_decision(self, decision: GuestRequestDecision) -> Result<RequestDecision, IllegalDecision> {
        match decision {
            GuestRequestDecision::Forward(forward) => {
                let asked = forward.target.as_ref().map_or(0, String::len);
                self.fits_fields(forward.request.len().saturating_add(forward.response.len()))?;
                self.fits(forward.request.iter().chain(&forward.response).map(edit_size).sum::<usize>() + asked)?;
                let changes = Changes {
                    request: edits(forward.request)?,
                    response: edits(forward.response)?,
                    consumer: forward.consumer.map(|id| self.consumer(ConsumerId(id))).transpose()?,
                    target: forward.target.map(target).transpose()?,
                };
                Ok(RequestDecision::Forward(changes.into()))
            }
            GuestRequestDecision::Respond(response) => {
                Ok(RequestDecision::Respond(self.local_response(response)?.into()))
            }
        }
    }

    pub(super) fn response_decision(
        self,
        decision: GuestResponseDecision,
    ) -> Result<ResponseDecision, IllegalDecision> {
        match decision {
            GuestResponseDecision::Forward(list) => {
                self.fits_fields(list.len())?;
                self.fits(list.iter().map(edit_size).sum())?;
                edits(list).map(ResponseDecision::Forward)
            }
            GuestResponseDecision::Replace(response) => self.local_response(response).map(ResponseDecision::Replace),
        }
    }

    fn local_response(self, response: types::LocalResponse) -> Result<LocalResponse, IllegalDecision> {
        self.fits_fields(response.headers.len())?;
        self.fits(response.headers.iter().map(field_size).sum::<usize>().saturating_add(response.body.len()))?;
        Ok(LocalResponse {
            status: final_status(response.status)?,
            headers: response.headers.into_iter().map(|f| field(&f.name, f.value)).collect::<Result<_, _>>()?,
            body: Bytes::from(response.body),
        })
    }

    fn consumer(self, id: ConsumerId) -> Result<Arc<Consumer>, IllegalDecision> {
        let known = self.consumers.and_then(|consumers| consumers.by_id(id));
        known.cloned().ok_or(IllegalDecision::Consumer(id.0))
    }

    fn fits_fields(self, fields: usize) -> Result<(), IllegalDecision> {
        if fields > self.fields { Err(IllegalDecision::TooManyFields { fields, limit: self.fields }) } else { Ok(()) }
    }

    fn fits(self, bytes: usize) -> Result<(), IllegalDecision> {
        if bytes > self.output { Err(IllegalDecision::TooLarge { bytes, limit: self.output }) } else { Ok(()) }
    }
}

/// The chosen one of `candidates`.
pub(super) fn pick(index: Option<u32>, candidates: usize) -> Result<Option<usize>, IllegalDecision> {
    let Some(index) = index else { return Ok(None) };
    match usize::try_from(index) {
        Ok(chosen) if chosen < candidates => Ok(Some(chosen)),
        _ => Err(IllegalDecision::Pick { index, candidates }),
    }
}

fn edits(edits: Vec<types::Edit>) -> Result<Vec<Edit>, IllegalDecision> {
    edits.into_iter().map(edit).collect()
}

fn edit(edit: types::Edit) -> Result<Edit, IllegalDecision> {
    Ok(match edit {
        types::Edit::Set(f) => {
            let (name, value) = field(&f.name, f.value)?;
            Edit::Set(name, value)
        }
        types::Edit::Append(f) => {
            let (name, value) = field(&f.name, f.value)?;
            Edit::Append(name, value)
        }
        types::Edit::Remove(name) => Edit::Remove(field_name(&name)?),
    })
}

fn edit_size(edit: &types::Edit) -> usize {
    match edit {
        types::Edit::Set(field) | types::Edit::Append(field) => field_size(field),
        types::Edit::Remove(name) => name.len() + FIELD_OVERHEAD,
    }
}

fn field_size(field: &types::Field) -> usize {
    field.name.len() + field.value.len() + FIELD_OVERHEAD
}

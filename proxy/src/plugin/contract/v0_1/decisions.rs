//! From what a guest of contract 0.1 returned to what the gateway may act on, or to why it may not.

use bytes::Bytes;

use super::bindings::{limit_policy, request_policy, response_policy, types};
use crate::consumers::ConsumerId;
use crate::counters::{Algorithm, Limit, Quota};
use crate::plugin::checked::{FIELD_OVERHEAD, NamedByGuest, Rules, field_size};
use crate::policy::decision::{
    Changes, Edit, IllegalDecision, LocalResponse, RequestDecision, ResponseDecision, field, field_name, final_status,
    target,
};
use crate::policy::limits::Limits;

pub(super) fn on_request(
    decision: request_policy::Decision,
    rules: Rules<'_>,
) -> Result<RequestDecision, IllegalDecision> {
    match decision {
        request_policy::Decision::Forward(forward) => {
            let asked = forward.target.as_ref().map_or(0, String::len);
            rules.fits_fields(forward.request.len().saturating_add(forward.response.len()))?;
            rules.fits(forward.request.iter().chain(&forward.response).map(edit_size).sum::<usize>() + asked)?;
            let changes = Changes {
                request: edits(forward.request)?,
                response: edits(forward.response)?,
                consumer: forward.consumer.map(|id| rules.consumer(ConsumerId(id))).transpose()?,
                target: forward.target.map(target).transpose()?,
            };
            Ok(RequestDecision::Forward(changes.into()))
        }
        request_policy::Decision::Respond(response) => {
            Ok(RequestDecision::Respond(local_response(response, rules)?.into()))
        }
    }
}

pub(super) fn on_response(
    decision: response_policy::Decision,
    rules: Rules<'_>,
) -> Result<ResponseDecision, IllegalDecision> {
    match decision {
        response_policy::Decision::Forward(list) => {
            rules.fits_fields(list.len())?;
            rules.fits(list.iter().map(edit_size).sum())?;
            edits(list).map(ResponseDecision::Forward)
        }
        response_policy::Decision::Replace(response) => local_response(response, rules).map(ResponseDecision::Replace),
    }
}

/// Limits that may be taken from, each made by `limit` of its key.
pub(super) fn limits(
    said: limit_policy::Limits,
    rules: Rules<'_>,
    limit: impl Fn(&[u8], Quota, Algorithm) -> Limit,
) -> Result<Limits, IllegalDecision> {
    rules.limits(said.all.into_iter().map(NamedByGuest::from), said.advertise, limit)
}

pub(super) fn local_response(
    response: types::LocalResponse,
    rules: Rules<'_>,
) -> Result<LocalResponse, IllegalDecision> {
    rules.fits_fields(response.headers.len())?;
    let fields = response.headers.iter().map(|field| field_size(&field.name, &field.value)).sum::<usize>();
    rules.fits(fields.saturating_add(response.body.len()))?;
    Ok(LocalResponse {
        status: final_status(response.status)?,
        headers: response.headers.into_iter().map(|f| field(&f.name, f.value)).collect::<Result<_, _>>()?,
        body: Bytes::from(response.body),
    })
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
        types::Edit::Set(field) | types::Edit::Append(field) => field_size(&field.name, &field.value),
        types::Edit::Remove(name) => name.len() + FIELD_OVERHEAD,
    }
}

impl From<limit_policy::Limit> for NamedByGuest {
    fn from(limit: limit_policy::Limit) -> Self {
        let limit_policy::Limit { key, units, window_ms, algorithm, cost, name } = limit;
        Self { key, quota: Quota { limit: units, window_ms }, algorithm: algorithm.into(), cost, name }
    }
}

impl From<limit_policy::Algorithm> for Algorithm {
    fn from(algorithm: limit_policy::Algorithm) -> Self {
        match algorithm {
            limit_policy::Algorithm::Gcra(burst) => Self::Gcra { burst },
            limit_policy::Algorithm::Window => Self::Window,
            limit_policy::Algorithm::Sliding => Self::Sliding,
        }
    }
}

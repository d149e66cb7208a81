//! The calls of `body-policy`, and what comes of them.

use wasmtime::Store;

use super::bindings::body_policy;
use super::decisions::local_response;
use super::exports::Exports;
use crate::plugin::checked::{Rules, memory, within};
use crate::plugin::failure::Fault;
use crate::plugin::instance::HostState;
use crate::plugin::view::{the_request, the_response};
use crate::policy::body::{Action, Attention, Piece, Step};
use crate::policy::decision::IllegalDecision;

impl Exports {
    pub(in crate::plugin) fn attend_request(
        &mut self,
        store: &mut Store<HostState>,
    ) -> wasmtime::Result<Option<Attention>> {
        let Some(guest) = self.body(&mut *store)? else { return Ok(None) };
        Ok(Some(guest.call_attend_request(store, the_request())?.into()))
    }

    pub(in crate::plugin) fn on_request_body(
        &mut self,
        store: &mut Store<HostState>,
        piece: Piece<'_>,
        rules: Rules<'_>,
        most: usize,
    ) -> Result<Option<Step>, Fault> {
        let Some(guest) = self.body(&mut *store)? else { return Ok(None) };
        let Piece { bytes, last, memory } = piece;
        let said = guest.call_on_request_body(store, the_request(), bytes, last, memory)?;
        Ok(Some(step(said, rules, most)?))
    }

    pub(in crate::plugin) fn attend_response(
        &mut self,
        store: &mut Store<HostState>,
    ) -> wasmtime::Result<Option<Attention>> {
        let Some(guest) = self.body(&mut *store)? else { return Ok(None) };
        Ok(Some(guest.call_attend_response(store, the_request(), the_response())?.into()))
    }

    pub(in crate::plugin) fn on_response_body(
        &mut self,
        store: &mut Store<HostState>,
        piece: Piece<'_>,
        rules: Rules<'_>,
        most: usize,
    ) -> Result<Option<Step>, Fault> {
        let Some(guest) = self.body(&mut *store)? else { return Ok(None) };
        let Piece { bytes, last, memory } = piece;
        let said = guest.call_on_response_body(store, the_request(), the_response(), bytes, last, memory)?;
        Ok(Some(step(said, rules, most)?))
    }
}

impl From<body_policy::Attention> for Attention {
    fn from(attention: body_policy::Attention) -> Self {
        match attention {
            body_policy::Attention::Skip => Self::Skip,
            body_policy::Attention::Pieces => Self::Pieces,
            body_policy::Attention::Whole => Self::Whole,
        }
    }
}

/// A step that puts at most `most` bytes in the place of a piece.
fn step(step: body_policy::Step, rules: Rules<'_>, most: usize) -> Result<Step, IllegalDecision> {
    let memory = memory(step.memory)?;
    let action = match step.action {
        body_policy::Action::Pass => Action::Pass,
        body_policy::Action::Hold => Action::Hold,
        body_policy::Action::Replace(bytes) => Action::Replace(within(most, bytes)?),
        body_policy::Action::Finish(bytes) => Action::Finish(within(most, bytes)?),
        body_policy::Action::Respond(response) => Action::Respond(local_response(response, rules)?),
    };
    Ok(Step { action, memory })
}

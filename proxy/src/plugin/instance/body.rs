//! The calls of `body-policy`.

use super::{Instance, the_request, the_response};
use crate::plugin::bindings::body_policy::{Attention, Step};
use crate::policy::body::Piece;

impl Instance {
    /// `None` where the component does not see bodies.
    pub(in crate::plugin) fn attend_request(&mut self) -> wasmtime::Result<Option<Attention>> {
        let Some(guest) = &self.exports.body else { return Ok(None) };
        guest.call_attend_request(&mut self.store, the_request()).map(Some)
    }

    /// `None` where the component does not see bodies.
    pub(in crate::plugin) fn on_request_body(&mut self, piece: Piece<'_>) -> wasmtime::Result<Option<Step>> {
        let Some(guest) = &self.exports.body else { return Ok(None) };
        let Piece { bytes, last, memory } = piece;
        guest.call_on_request_body(&mut self.store, the_request(), bytes, last, memory).map(Some)
    }

    /// `None` where the component does not see bodies.
    pub(in crate::plugin) fn attend_response(&mut self) -> wasmtime::Result<Option<Attention>> {
        let Some(guest) = &self.exports.body else { return Ok(None) };
        guest.call_attend_response(&mut self.store, the_request(), the_response()).map(Some)
    }

    /// `None` where the component does not see bodies.
    pub(in crate::plugin) fn on_response_body(&mut self, piece: Piece<'_>) -> wasmtime::Result<Option<Step>> {
        let Some(guest) = &self.exports.body else { return Ok(None) };
        let Piece { bytes, last, memory } = piece;
        guest.call_on_response_body(&mut self.store, the_request(), the_response(), bytes, last, memory).map(Some)
    }
}

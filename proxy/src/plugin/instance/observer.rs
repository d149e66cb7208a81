//! The call of `observer`.

use super::{Instance, the_request, the_response};
use crate::plugin::bindings::observer::Outcome;

impl Instance {
    /// Does nothing where the component does not observe.
    pub(in crate::plugin) fn on_exchange(&mut self, has_response: bool, outcome: &Outcome) -> wasmtime::Result<()> {
        let Some(guest) = &self.exports.observer else { return Ok(()) };
        guest.call_on_exchange(&mut self.store, the_request(), has_response.then(the_response), outcome)
    }
}

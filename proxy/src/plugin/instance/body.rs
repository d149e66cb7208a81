//! The calls of a component that sees bodies.

use super::Instance;
use crate::plugin::checked::Rules;
use crate::plugin::contract::by_version;
use crate::plugin::failure::Fault;
use crate::policy::body::{Attention, Piece, Step};

impl Instance {
    /// `None` where the component does not see bodies.
    pub(in crate::plugin) fn attend_request(&mut self) -> wasmtime::Result<Option<Attention>> {
        by_version!(&mut self.exports, exports => exports.attend_request(&mut self.store))
    }

    /// `None` where the component does not see bodies; at most `most` bytes come in the place of the piece.
    pub(in crate::plugin) fn on_request_body(
        &mut self,
        piece: Piece<'_>,
        rules: Rules<'_>,
        most: usize,
    ) -> Result<Option<Step>, Fault> {
        by_version!(&mut self.exports, exports => exports.on_request_body(&mut self.store, piece, rules, most))
    }

    /// `None` where the component does not see bodies.
    pub(in crate::plugin) fn attend_response(&mut self) -> wasmtime::Result<Option<Attention>> {
        by_version!(&mut self.exports, exports => exports.attend_response(&mut self.store))
    }

    /// `None` where the component does not see bodies; at most `most` bytes come in the place of the piece.
    pub(in crate::plugin) fn on_response_body(
        &mut self,
        piece: Piece<'_>,
        rules: Rules<'_>,
        most: usize,
    ) -> Result<Option<Step>, Fault> {
        by_version!(&mut self.exports, exports => exports.on_response_body(&mut self.store, piece, rules, most))
    }
}

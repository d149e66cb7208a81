//! The call of a component that observes.

use super::Instance;
use crate::plugin::contract::by_version;
use crate::plugin::policy::Exchange;

impl Instance {
    /// Does nothing where the component does not observe.
    pub(in crate::plugin) fn on_exchange(
        &mut self,
        status: Option<u16>,
        exchange: &Exchange<'_>,
    ) -> wasmtime::Result<()> {
        by_version!(&mut self.exports, exports => exports.on_exchange(&mut self.store, status, exchange))
    }
}

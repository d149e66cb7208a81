//! `clock`: what time it is, to the millisecond.
//!
//! Coarse on purpose: a guest that measures nanoseconds measures its neighbours. It stands still while a call runs.

use crate::plugin::bindings::clock::Host;
use crate::plugin::instance::HostState;

impl Host for HostState {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.time().wall_ms)
    }

    fn monotonic_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.time().monotonic_ms)
    }
}

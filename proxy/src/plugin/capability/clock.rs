//! `clock`: what time it is, to the millisecond.
//!
//! Coarse on purpose: a guest that measures nanoseconds measures its neighbours. It stands still while a call runs.

use crate::plugin::contract::v0_1::bindings::clock::Host;
use crate::plugin::instance::HostState;
use crate::plugin::scope;

impl Host for HostState {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        scope::see("`clock`", |_| self.time().wall_ms)
    }

    fn monotonic_ms(&mut self) -> wasmtime::Result<u64> {
        scope::see("`clock`", |_| self.time().monotonic_ms)
    }
}

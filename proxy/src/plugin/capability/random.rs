//! `random`: random numbers fit for secrets.

use rand::Rng;

use crate::plugin::contract::v0_1::bindings::random::Host;
use crate::plugin::instance::HostState;
use crate::plugin::scope;

/// What one call may ask for, as the contract says.
const MAX_BYTES: u32 = 4096;

impl Host for HostState {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        if count > MAX_BYTES {
            wasmtime::bail!("{count} random bytes in one call are more than {MAX_BYTES}");
        }
        let mut bytes = vec![0; usize::try_from(count)?];
        scope::see("`random`", |_| rand::rng().fill_bytes(&mut bytes))?;
        Ok(bytes)
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        scope::see("`random`", |_| rand::rng().next_u64())
    }
}

//! `shared-data`: values that all instances of a policy share.

use crate::plugin::contract::v0_1::bindings::shared_data::{Entry, Host, WriteError};
use crate::plugin::instance::HostState;
use crate::plugin::scope;
use crate::shared_data::{self, PolicyData, Write};

impl Host for HostState {
    fn get(&mut self, key: Vec<u8>) -> wasmtime::Result<Option<Entry>> {
        let entry = self.shared(|data, _| data.get(&key))?;
        Ok(entry.map(|entry| Entry { value: entry.value.to_vec(), version: entry.version }))
    }

    fn set(&mut self, key: Vec<u8>, value: Vec<u8>, ttl_ms: u32) -> wasmtime::Result<Result<u64, WriteError>> {
        let written = self.shared(|data, limit| data.set(Write { key: &key, value: &value, ttl_ms, limit }))?;
        Ok(written.map_err(WriteError::from))
    }

    fn compare_and_swap(
        &mut self,
        key: Vec<u8>,
        version: u64,
        value: Vec<u8>,
        ttl_ms: u32,
    ) -> wasmtime::Result<Result<u64, WriteError>> {
        let swapped = self
            .shared(|data, limit| data.compare_and_swap(version, Write { key: &key, value: &value, ttl_ms, limit }))?;
        Ok(swapped.map_err(WriteError::from))
    }

    fn remove(&mut self, key: Vec<u8>) -> wasmtime::Result<bool> {
        self.shared(|data, _| data.remove(&key))
    }
}

impl HostState {
    /// Works on the policy's data, under its limit.
    fn shared<R>(&self, work: impl FnOnce(&PolicyData, usize) -> R) -> wasmtime::Result<R> {
        scope::see("`shared-data`", |_| work(self.shared_data(), self.limits().shared_data))
    }
}

impl From<shared_data::WriteError> for WriteError {
    fn from(error: shared_data::WriteError) -> Self {
        match error {
            shared_data::WriteError::Conflict { version } => Self::Conflict(version),
            shared_data::WriteError::Full => Self::Full,
        }
    }
}

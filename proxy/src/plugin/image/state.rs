//! Reads the state of an instance for its image, through the functions that were added to its component.

use std::collections::HashMap;

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance as GuestInstance, Lift, WasmList};
use wasmtime_wizer::ComponentInstanceState;

use crate::plugin::instance::{HostState, Instance};

/// A function that reads a memory takes one more page of it to return its result in.
const PAGE_BYTES: usize = 64 << 10;

/// The state of one instance.
///
/// The trait knows no failure: after the first one nothing is read any more, and [`Self::finish`] tells it.
pub(super) struct InstanceState<'i> {
    store: &'i mut Store<HostState>,
    guest: GuestInstance,
    /// Each memory is asked for twice and read once: reading it changes its size.
    memories: HashMap<String, Vec<u8>>,
    bytes_left: usize,
    failure: Option<wasmtime::Error>,
}

impl<'i> InstanceState<'i> {
    /// At most `bytes` of memory are read.
    pub(super) fn new(instance: &'i mut Instance, bytes: usize) -> Self {
        let (store, guest) = instance.parts();
        Self { store, guest, memories: HashMap::new(), bytes_left: bytes, failure: None }
    }

    /// # Errors
    /// Something could not be read.
    pub(super) fn finish(self) -> wasmtime::Result<()> {
        self.failure.map_or(Ok(()), Err)
    }

    async fn value<R: Default>(&mut self, instance: &str, function: &str) -> R
    where
        (R,): ComponentNamedList + Lift + Send + Sync + 'static,
    {
        self.call::<(R,)>(instance, function).await.map(|(value,)| value).unwrap_or_default()
    }

    async fn memory(&mut self, instance: &str, function: &str) -> Vec<u8> {
        self.store.data_mut().lend_memory(PAGE_BYTES);
        let list = self.call::<(WasmList<u8>,)>(instance, function).await;
        list.and_then(|(list,)| self.copy(&list)).unwrap_or_default()
    }

    fn copy(&mut self, list: &WasmList<u8>) -> Option<Vec<u8>> {
        let bytes = list.as_le_slice(&*self.store);
        let left = self.bytes_left.checked_sub(bytes.len()).ok_or_else(too_large).map(|left| (left, bytes.to_vec()));
        let (left, copy) = self.noted(left)?;
        self.bytes_left = left;
        Some(copy)
    }

    async fn call<R>(&mut self, instance: &str, function: &str) -> Option<R>
    where
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        if self.failure.is_some() {
            return None;
        }
        let result = self.try_call(instance, function).await;
        self.noted(result)
    }

    async fn try_call<R>(&mut self, instance: &str, function: &str) -> wasmtime::Result<R>
    where
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let missing = || wasmtime::format_err!("the component does not show its state");
        let store = &mut *self.store;
        let (_, instance) = self.guest.get_export(&mut *store, None, instance).ok_or_else(missing)?;
        let (_, function) = self.guest.get_export(&mut *store, Some(&instance), function).ok_or_else(missing)?;
        self.guest.get_typed_func::<(), R>(&mut *store, function)?.call_async(&mut *store, ()).await
    }

    fn noted<R>(&mut self, result: wasmtime::Result<R>) -> Option<R> {
        result.map_err(|error| self.failure = Some(error)).ok()
    }
}

impl ComponentInstanceState for InstanceState<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        if !self.memories.contains_key(func) {
            let memory = self.memory(instance, func).await;
            self.memories.insert(func.to_owned(), memory);
        }
        contents(self.memories.get(func).map(Vec::as_slice).unwrap_or_default());
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.value(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.value(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.value::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.value::<f64>(instance, func).await.to_bits()
    }
}

fn too_large() -> wasmtime::Error {
    wasmtime::format_err!("its memory is larger than an image may be")
}

//! `counters` that are shared with other gateways: the same functions, which wait for an answer.
//!
//! They are linked by hand, because generated bindings make a function either one that waits or one that does not. Places
//! (`hold`) stay this gateway's: nobody would give back those of a gateway that died.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance};

use crate::counters::SharedCounters;
use crate::plugin::contract::v0_1::bindings::counters::{Admission, Host, Quota};
use crate::plugin::instance::HostState;
use crate::plugin::scope;

/// Lends the functions of `interface`.
pub(in crate::plugin) fn lend(linker: &mut Linker<HostState>, interface: &str) -> wasmtime::Result<()> {
    let mut counters = linker.instance(interface)?;
    lend_takes(&mut counters)?;
    counters.func_wrap_async("add", |store, (key, amount, ttl_ms): (Vec<u8>, i64, u32)| {
        let counters = counters_of(&store);
        Box::new(async move { Ok((counters?.add(&key, amount, ttl_ms).await,)) })
    })?;
    counters.func_wrap("hold", |mut store: StoreContextMut<'_, HostState>, (key, limit): (Vec<u8>, u32)| {
        Ok((store.data_mut().hold(key, limit)?,))
    })
}

fn lend_takes(counters: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    counters.func_wrap_async("take-gcra", |store, (key, quota, burst, cost): (Vec<u8>, Quota, u32, u32)| {
        let counters = counters_of(&store);
        Box::new(async move { admitted(counters?.take_gcra(&key, quota.into(), burst, cost).await) })
    })?;
    counters.func_wrap_async("take-window", |store, (key, quota, cost): (Vec<u8>, Quota, u32)| {
        let counters = counters_of(&store);
        Box::new(async move { admitted(counters?.take_window(&key, quota.into(), cost).await) })
    })?;
    counters.func_wrap_async("take-sliding", |store, (key, quota, cost): (Vec<u8>, Quota, u32)| {
        let counters = counters_of(&store);
        Box::new(async move { admitted(counters?.take_sliding(&key, quota.into(), cost).await) })
    })
}

fn admitted(admission: crate::counters::Admission) -> wasmtime::Result<(Admission,)> {
    Ok((admission.into(),))
}

/// Those of the policy; only while a request is decided on, as with all that counts.
fn counters_of(store: &StoreContextMut<'_, HostState>) -> wasmtime::Result<Arc<SharedCounters>> {
    scope::see("`counters`", |_| ())?;
    store.data().shared_counters().ok_or_else(|| wasmtime::format_err!("this policy shares no counters"))
}

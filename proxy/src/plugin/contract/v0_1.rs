//! Contract 0.1: what is lent to a component that was built against it, and how its exports are called.

pub(in crate::plugin) mod bindings;
mod bodies;
mod decisions;
mod exports;
mod views;
mod waiting;

use wasmtime::component::{HasSelf, Linker};

use crate::config::model::{Capability, Grants};
use crate::plugin::capability::shared_counters;
use crate::plugin::instance::HostState;
use bindings::{
    clock, consumers, counters, http, http_client, keysets, log, metrics, passwords, random, shared_data, types,
};
pub(in crate::plugin) use exports::{ExportIndices, Exports};

/// What a component calls the counters by.
const COUNTERS: &str = "tidegate:gateway/counters@0.1.0";

/// Lends the views, and these capabilities; counters that are shared with other gateways have functions that wait.
pub(in crate::plugin) fn lend(
    linker: &mut Linker<HostState>,
    capabilities: Grants,
    shares_counters: bool,
) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    capabilities.iter().try_for_each(|capability| match capability {
        Capability::Counters if shares_counters => shared_counters::lend(linker, COUNTERS),
        capability => lend_one(linker, capability),
    })
}

fn lend_one(linker: &mut Linker<HostState>, capability: Capability) -> wasmtime::Result<()> {
    match capability {
        Capability::Log => log::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Counters => counters::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Consumers => consumers::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Passwords => passwords::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Clock => clock::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::HttpClient => http_client::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Random => random::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::SharedData => shared_data::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Metrics => metrics::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Keysets => keysets::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
    }
}

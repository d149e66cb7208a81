//! The Wasm host: the only place that knows wasmtime.
//!
//! `engine` (one a process) -> `component` (compiled, by content hash, its imports held against its grants) -> `policy`
//! (a plugin configured, with its `image` and its pool of instances, left out by `quarantine` while it keeps failing). Host functions are in `capability/` and `view`, generated bindings
//! in `bindings`; neither leaves this module.

mod bindings;
mod budget;
mod capability;
mod checked;
pub mod compile;
pub mod component;
pub mod contract;
pub mod engine;
mod failure;
mod image;
pub mod inspection;
mod instance;
mod memory;
pub mod outbound;
pub mod policy;
mod pool;
mod problem;
pub mod quarantine;
mod runtime_imports;
mod scope;
pub mod statistics;
mod view;

pub use inspection::{Inspection, inspect};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

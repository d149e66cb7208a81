//! The Wasm host: the only place that knows wasmtime.
//!
//! `inspection` (what a component says of itself, held against contract and grants) -> `compile` (to code, in a process
//! that can be killed) -> `engine` (one a process, code by content hash) -> `component` (linked with what is granted) ->
//! `policy` (a plugin configured, with its `image`, its pool of instances and the `decisions` it remembers, left out by
//! `quarantine` while it keeps failing). A policy whose guests take long is called in `turns`; `epochs` tells how long. Host
//! functions are in `capability/` and `view`, what language runtimes ask for in `runtime_imports`, generated bindings and
//! the calls made by them in `contract/`, by version; none of them leaves this module.

mod budget;
mod capability;
mod checked;
pub mod compile;
pub mod component;
pub mod contract;
mod decisions;
pub mod engine;
mod epochs;
mod failure;
mod image;
pub mod inspection;
mod instance;
mod memory;
pub mod outbound;
mod pace;
pub mod policy;
mod pool;
mod problem;
pub mod quarantine;
mod roles;
mod runtime_imports;
mod scope;
pub mod statistics;
mod turns;
mod turnstile;
mod view;

pub use image::{ImageProspect, prospect as image_prospect};
pub use inspection::{Inspection, inspect};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

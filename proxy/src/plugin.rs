//! The Wasm host: the only place that knows wasmtime.
//!
//! `engine` (one a process) -> `component` (compiled, by content hash) -> `policy` (a plugin configured, with its pool of
//! instances). Host functions are in `capability/`, generated bindings in `bindings`; neither leaves this module.

pub mod policy;

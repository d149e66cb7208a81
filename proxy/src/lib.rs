//! Tidegate: an edge gateway whose policies are sandboxed WebAssembly components.
//!
//! Start reading in `proxy/ARCHITECTURE.md`; modules stand in the order a request meets them.

pub mod balance;
pub mod config;
pub mod consumers;
pub mod counters;
pub mod gate;
pub mod observe;
pub mod plugin;
pub mod policy;
pub mod route;
pub mod upstream;

//! Tidegate: an edge gateway whose policies are sandboxed WebAssembly components.
//!
//! Start reading in `proxy/ARCHITECTURE.md`; modules stand in the order a request meets them.

pub mod admin;
pub mod balance;
pub mod cause;
pub mod certificates;
pub mod cli;
pub mod config;
pub mod consumers;
pub mod control;
pub mod counters;
pub mod discovery;
pub mod error;
pub mod file_watch;
pub mod gate;
pub mod gateway;
pub mod http1;
pub mod keysets;
pub mod l4;
pub mod observe;
pub mod outbound;
pub mod plugin;
pub mod policy;
pub mod process;
pub mod reload;
pub mod request_context;
pub mod route;
pub mod running;
pub mod server;
pub mod shared_data;
pub mod snapshot;
pub mod upstream;
pub mod wire;

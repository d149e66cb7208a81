//! The contract's bindings, and the glue between them and the traits. Only [`export!`](crate::export) looks in here.
//!
//! One world per exported interface, not per role: a plugin's `export!` picks the interfaces it implements, and the linker
//! joins their worlds. Types map to the SDK's own, so that nothing is converted on the way.

mod bindings;
mod call;
mod capability;

pub use bindings::capabilities::tidegate::gateway::{
    clock, consumers, counters, http, log, random, shared_data, types,
};
pub use bindings::{balancer, body_policy, configuration, limit_policy, observer, request_policy, response_policy};
pub use call::{
    Slot, address, ambiguity, configure, key_error, limits_of, on_exchange, on_request, on_response, pick, update,
};
pub use call::{attend_request, attend_response, on_request_body, on_response_body};
pub use capability::{exchanged, labelled, proven, verified};

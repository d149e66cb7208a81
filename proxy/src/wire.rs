//! The last look at what goes on the wire, in both directions.
//!
//! Whatever a policy, an operator or a bug did to a head before, these functions see it last and leave exactly one
//! framing, no field that belongs to one connection, and one `Host`.

pub mod forwarded;
pub mod grpc;
pub mod hop_by_hop;
pub mod loop_guard;
pub mod parts;
pub mod problem;
pub mod proxy_protocol;
pub mod request;
pub mod request_id;
pub mod response;

//! What the gateway lends to a policy, each by its own grant.

mod consumers;
mod counters;
mod log;

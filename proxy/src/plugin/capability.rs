//! What the gateway lends to a policy, each by its own grant.

mod clock;
mod consumers;
mod counters;
mod http_client;
mod log;
mod random;

//! What the gateway lends to a policy, each by its own grant.

mod clock;
mod consumers;
mod counters;
mod http_client;
mod keysets;
pub(super) mod log;
mod metrics;
mod passwords;
mod random;
pub(super) mod shared_counters;
mod shared_data;

//! What an operator sees: metrics, access lines, the log.

pub mod access;
pub mod log;
pub mod metrics;

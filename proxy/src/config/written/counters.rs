//! `[counters]`

use std::time::Duration;

use super::At;
use crate::config::fields::Fields;
use crate::config::model::{RedisServer, SharedStore};
use crate::config::value::quantity::duration;
use crate::config::value::shared_store;

/// Where a plugin's policies count, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum CountingWord {
    Local,
    Shared,
}

impl CountingWord {
    pub(super) const WORDS: [(&'static str, Self); 2] = [("local", Self::Local), ("shared", Self::Shared)];
}

/// `None` where the address is missing or wrong.
pub(super) fn store(fields: &mut Fields<'_, '_>) -> Option<SharedStore> {
    let server: Option<At<RedisServer>> =
        fields.required("redis", shared_store::server, "\"redis://127.0.0.1:6379/0\"");
    let timeout = Duration::from_millis(1)..=Duration::from_secs(10);
    let timeout = fields.or("timeout", duration(timeout), Duration::from_millis(50));
    let prefix = fields.or("prefix", shared_store::prefix, "tidegate:".to_owned());
    Some(SharedStore { server: server?.value, timeout, prefix })
}

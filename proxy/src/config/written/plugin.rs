//! `[[plugin]]` and `[[policy]]`

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{At, name, values};
use crate::config::fields::Fields;
use crate::config::model::{FailureMode, Grants, PluginLimits};
use crate::config::value::quantity::{count, duration, size};
use crate::config::value::{self, secret, word};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A plugin as written.
#[derive(Debug)]
pub(in crate::config) struct Plugin {
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) path: Option<At<PathBuf>>,
    pub(in crate::config) sha256: Option<String>,
    pub(in crate::config) grants: Grants,
    pub(in crate::config) limits: PluginLimits,
}

/// A policy as written.
#[derive(Debug)]
pub(in crate::config) struct Policy {
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) plugin: Option<At<String>>,
    pub(in crate::config) config: Value,
    pub(in crate::config) on_failure: FailureMode,
}

/// The capabilities there are; what a grant means is decided here and nowhere else.
#[derive(Clone, Copy)]
enum Grant {
    Log,
    Counters,
    Consumers,
}

impl Plugin {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            name: name(fields),
            path: fields.required_file("path", "\"policy.wasm\""),
            sha256: fields.optional("sha256", secret::sha256).map(|hash| hash.value),
            grants: grants(fields),
            limits: fields.section("limits", limits).unwrap_or_else(default_limits),
        }
    }
}

fn grants(fields: &mut Fields<'_, '_>) -> Grants {
    let words = [("log", Grant::Log), ("counters", Grant::Counters), ("consumers", Grant::Consumers)];
    let mut grants = Grants::default();
    for grant in values(fields.list("grants", word(&words))) {
        match grant {
            Grant::Log => grants.log = true,
            Grant::Counters => grants.counters = true,
            Grant::Consumers => grants.consumers = true,
        }
    }
    grants
}

fn default_limits() -> PluginLimits {
    PluginLimits {
        cpu: Duration::from_millis(10),
        memory: 16 * MIB,
        output: 64 * KIB,
        instances: 32,
        calls_per_instance: 100_000,
    }
}

fn limits(fields: &mut Fields<'_, '_>) -> PluginLimits {
    let default = default_limits();
    let cpu = Duration::from_millis(1)..=Duration::from_secs(10);
    PluginLimits {
        cpu: fields.or("cpu", duration(cpu), default.cpu),
        // One page of linear memory; 4 GiB is what 32-bit guests can address.
        memory: fields.or("memory", size(64 * KIB..=4096 * MIB), default.memory),
        output: fields.or("output", size(256..=64 * MIB), default.output),
        instances: fields.or("instances", count(1..=10_000), default.instances),
        calls_per_instance: fields.or("calls_per_instance", count(1..=u32::MAX), default.calls_per_instance),
    }
}

impl Policy {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let modes = [("deny", FailureMode::Deny), ("allow", FailureMode::Allow)];
        Self {
            name: name(fields),
            plugin: fields.required("plugin", value::name, "\"...\""),
            config: fields.json("config"),
            on_failure: fields.or("on_failure", word(&modes), FailureMode::Deny),
        }
    }
}

//! `[[plugin]]` and `[[policy]]`

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{At, CountingWord, name};
use crate::config::fields::Fields;
use crate::config::model::{Capability, FailureMode, InstanceMode, PluginLimits, Quarantine};
use crate::config::value::quantity::{count, duration, size};
use crate::config::value::{self, secret, word};

const INSTANCE_MODES: [(&str, InstanceMode); 2] =
    [("reused", InstanceMode::Reused), ("per-request", InstanceMode::PerRequest)];

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A plugin as written.
#[derive(Debug)]
pub(in crate::config) struct Plugin {
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) path: Option<At<PathBuf>>,
    pub(in crate::config) sha256: Option<String>,
    pub(in crate::config) grants: Vec<At<Capability>>,
    pub(in crate::config) upstreams: Vec<At<String>>,
    pub(in crate::config) counters: Option<At<CountingWord>>,
    pub(in crate::config) instances: InstanceMode,
    pub(in crate::config) quarantine: Option<Quarantine>,
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

impl Plugin {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            name: name(fields),
            path: fields.required_file("path", "\"policy.wasm\""),
            sha256: fields.optional("sha256", secret::sha256).map(|hash| hash.value),
            grants: grants(fields),
            upstreams: fields.list("upstreams", value::name).unwrap_or_default(),
            counters: fields.optional("counters", word(&CountingWord::WORDS)),
            instances: fields.or("instances", word(&INSTANCE_MODES), InstanceMode::Reused),
            quarantine: fields
                .inline("quarantine", "{ failures = 20 }", quarantine)
                .unwrap_or_else(|| Some(default_quarantine())),
            limits: fields.section("limits", limits).unwrap_or_else(default_limits),
        }
    }
}

pub(in crate::config) fn grants(fields: &mut Fields<'_, '_>) -> Vec<At<Capability>> {
    let words = Capability::ALL.map(|capability| (capability.name(), capability));
    fields.list("grants", word(&words)).unwrap_or_default()
}

fn default_quarantine() -> Quarantine {
    Quarantine {
        failures: NonZeroU32::MIN.saturating_add(19),
        window: Duration::from_secs(10),
        pause: Duration::from_secs(5),
    }
}

fn quarantine(fields: &mut Fields<'_, '_>) -> Option<Quarantine> {
    let default = default_quarantine();
    let failures = fields.or("failures", count(0..=1000), default.failures.get());
    let window = Duration::from_millis(100)..=Duration::from_secs(3600);
    let pause = Duration::from_millis(10)..=Duration::from_secs(60);
    let window = fields.or("window", duration(window), default.window);
    let pause = fields.or("pause", duration(pause), default.pause);
    NonZeroU32::new(failures).map(|failures| Quarantine { failures, window, pause })
}

/// What an instance may use where nothing else is written.
#[must_use]
pub fn default_limits() -> PluginLimits {
    PluginLimits {
        cpu: Duration::from_millis(10),
        memory: 16 * MIB,
        output: 64 * KIB,
        output_fields: 256,
        instances: 32,
        calls_per_instance: 100_000,
        decisions: 1024,
        table_elements: 10_000,
        handles: 1000,
        body: MIB,
        log_lines: 100,
        shared_data: MIB,
        counters: 1_000_000,
        http_calls: 4,
        http_timeout: Duration::from_secs(2),
        http_body: 64 * KIB,
    }
}

pub(in crate::config) fn limits(fields: &mut Fields<'_, '_>) -> PluginLimits {
    let default = default_limits();
    let cpu = Duration::from_millis(1)..=Duration::from_secs(10);
    let wait = Duration::from_millis(1)..=Duration::from_secs(60);
    PluginLimits {
        cpu: fields.or("cpu", duration(cpu), default.cpu),
        // One page of linear memory; 4 GiB is what 32-bit guests can address.
        memory: fields.or("memory", size(64 * KIB..=4096 * MIB), default.memory),
        output: fields.or("output", size(256..=64 * MIB), default.output),
        output_fields: fields.or("output_fields", count(1..=10_000), default.output_fields),
        instances: fields.or("instances", count(1..=10_000), default.instances),
        calls_per_instance: fields.or("calls_per_instance", count(1..=u32::MAX), default.calls_per_instance),
        decisions: fields.or("decisions", count(0..=10_000), default.decisions),
        table_elements: fields.or("table_elements", count(1..=100_000), default.table_elements),
        handles: fields.or("handles", count(16..=100_000), default.handles),
        body: fields.or("body", size(KIB..=1024 * MIB), default.body),
        log_lines: fields.or("log_lines", count(0..=1_000_000), default.log_lines),
        shared_data: fields.or("shared_data", size(KIB..=1024 * MIB), default.shared_data),
        counters: fields.or("counters", count(64..=100_000_000), default.counters),
        http_calls: fields.or("http_calls", count(1..=100), default.http_calls),
        http_timeout: fields.or("http_timeout", duration(wait), default.http_timeout),
        http_body: fields.or("http_body", size(KIB..=64 * MIB), default.http_body),
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

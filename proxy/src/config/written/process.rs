//! `[server]`, `[limits]`, `[access_log]`, `[admin]`: the sections there is one of.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::At;
use crate::config::fields::Fields;
use crate::config::key_path::KeyPath;
use crate::config::model::{AccessLog, AccessLogFormat, CompileLimits, Limits, LogTarget, Server};
use crate::config::value::quantity::{auto_or, count, duration, shown_size, size, size_or_unlimited};
use crate::config::value::{Wrong, boolean, net, secret, text, word};

const KIB: usize = 1024;
const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Loopback: who is on the machine may ask; everyone else needs a token and a decision of the operator.
const ADMIN_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9900);

/// The sections there is one of.
#[derive(Debug)]
pub(in crate::config) struct Process {
    pub(in crate::config) server: Server,
    pub(in crate::config) limits: Limits,
    pub(in crate::config) access_log: AccessLog,
    pub(in crate::config) admin: Admin,
}

/// The admin listener as written.
#[derive(Debug)]
pub(in crate::config) struct Admin {
    pub(in crate::config) enabled: bool,
    pub(in crate::config) address: At<SocketAddr>,
    pub(in crate::config) token: Option<At<String>>,
    pub(in crate::config) token_file: Option<At<PathBuf>>,
}

impl Process {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let to_stdout = AccessLog { format: AccessLogFormat::Text, target: LogTarget::Stdout };
        Self {
            server: fields.section("server", server).unwrap_or_else(default_server),
            limits: fields.section("limits", limits).unwrap_or_else(default_limits),
            access_log: fields.section("access_log", access_log).unwrap_or(to_stdout),
            admin: fields.section("admin", Admin::read).unwrap_or_default(),
        }
    }
}

fn default_server() -> Server {
    Server {
        threads: available_threads(),
        shutdown_timeout: Duration::from_secs(30),
        discovery_wait: Duration::from_secs(5),
        upstream_idle_connections: 1024,
        plugin_instances: None,
        state_directory: None,
        compile: CompileLimits { timeout: Duration::from_secs(10), memory: 2 << 30 },
    }
}

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn server(fields: &mut Fields<'_, '_>) -> Server {
    let default = default_server();
    Server {
        threads: fields.or("threads", auto_or(1..=1024), None).unwrap_or(default.threads),
        shutdown_timeout: fields.or("shutdown_timeout", duration(Duration::ZERO..=HOUR), default.shutdown_timeout),
        discovery_wait: fields.or("discovery_wait", duration(Duration::ZERO..=HOUR), default.discovery_wait),
        upstream_idle_connections: fields.or(
            "upstream_idle_connections",
            count(0..=1_000_000),
            default.upstream_idle_connections,
        ),
        plugin_instances: fields.or("plugin_instances", auto_or(1..=100_000), default.plugin_instances),
        state_directory: fields.file("state_directory").map(|path| path.value),
        compile: fields.section("compile", |fields| compile(fields, default.compile)).unwrap_or(default.compile),
    }
}

fn compile(fields: &mut Fields<'_, '_>, default: CompileLimits) -> CompileLimits {
    // Less memory than this does not hold the compiler itself.
    let memory = size(256 << 20..=1 << 40);
    CompileLimits {
        timeout: fields.or("timeout", duration(MS..=HOUR), default.timeout),
        memory: fields.or("memory", memory, default.memory),
    }
}

fn default_limits() -> Limits {
    Limits {
        head_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(60),
        body_timeout: Duration::from_secs(30),
        head_bytes: 32 * KIB,
        line_bytes: 8 * KIB,
        target_bytes: 8 * KIB,
        headers: 100,
        body_bytes: None,
        connections: 20_000,
        requests_per_connection: 10_000,
        h2_streams: 100,
        underscore_headers: false,
        max_hops: 10,
    }
}

fn limits(fields: &mut Fields<'_, '_>) -> Limits {
    let default = default_limits();
    let head_bytes = fields.or("head", size(KIB..=1024 * KIB), default.head_bytes);
    Limits {
        head_timeout: fields.or("head_timeout", duration(MS..=HOUR), default.head_timeout),
        idle_timeout: fields.or("idle_timeout", duration(MS..=24 * HOUR), default.idle_timeout),
        body_timeout: fields.or("body_timeout", duration(MS..=HOUR), default.body_timeout),
        head_bytes,
        line_bytes: part_of_head(fields, "line", head_bytes, default.line_bytes),
        target_bytes: part_of_head(fields, "target", head_bytes, default.target_bytes),
        // The Gate takes no more, whatever is written here.
        headers: fields.or("headers", count(1..=256), default.headers),
        body_bytes: fields.or("body", size_or_unlimited(0..=1 << 40), default.body_bytes),
        connections: fields.or("connections", count(1..=10_000_000), default.connections),
        requests_per_connection: fields.or(
            "requests_per_connection",
            count(1..=u32::MAX),
            default.requests_per_connection,
        ),
        h2_streams: fields.or("h2_streams", count(1..=10_000), default.h2_streams),
        underscore_headers: fields.or("underscore_headers", boolean, default.underscore_headers),
        max_hops: fields.or("max_hops", count(0..=1000), default.max_hops),
    }
}

/// A limit above the one around it would never be met, and who wrote it believes it holds; a default gives way.
fn part_of_head(fields: &mut Fields<'_, '_>, key: &'static str, head_bytes: usize, default: usize) -> usize {
    let Some(part) = fields.optional(key, size(64..=1024 * KIB)) else { return default.min(head_bytes) };
    if part.value > head_bytes {
        let head = shown_size(head_bytes as u64);
        let wrong = Wrong::new(format!("`{key}` is more than `head`, which is {head}"));
        fields.problem_at(&part.at, wrong.hint(format!("at most {head}, or raise `head`")));
    }
    part.value
}

fn access_log(fields: &mut Fields<'_, '_>) -> AccessLog {
    let formats = [("text", AccessLogFormat::Text), ("json", AccessLogFormat::Json), ("off", AccessLogFormat::Off)];
    let base = fields.base();
    let target = |value: &DeValue<'_>| {
        let target = text(value)?;
        Ok(if target == "stdout" { LogTarget::Stdout } else { LogTarget::File(base.join(target)) })
    };
    AccessLog {
        format: fields.or("format", word(&formats), AccessLogFormat::Text),
        target: fields.or("target", target, LogTarget::Stdout),
    }
}

impl Default for Admin {
    fn default() -> Self {
        let address = At { value: ADMIN_ADDRESS, at: KeyPath::root().key("admin").key("address") };
        Self { enabled: true, address, token: None, token_file: None }
    }
}

impl Admin {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let default = Self::default();
        Self {
            enabled: fields.or("enabled", boolean, default.enabled),
            address: fields.optional("address", net::listen_address).unwrap_or(default.address),
            token: fields.optional("token", secret::token),
            token_file: fields.file("token_file"),
        }
    }
}

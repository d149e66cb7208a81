//! The running configuration as the admin API shows it, without secrets.

mod balancer;
mod consumer;
mod discovery;
mod health;
mod keyset;
mod listener;
mod route_timeouts;

use std::fmt::Display;
use std::time::Duration;

use humantime::format_duration;
use serde_json::{Map, Value, json};

use super::model::{
    AccessLog, AccessLogFormat, Admin, Capability, Config, Counting, FailureMode, Grants, HostPattern, InstanceMode,
    Limits, LogTarget, PathPattern, Plugin, PluginLimits, Policy, ProxyProtocol, Quarantine, RetryCondition, Rewrite,
    Route, RouteMatch, RoutePolicy, Server, SharedStore, Upstream, UpstreamTimeouts, UpstreamTls, ValuePattern,
};
use super::secret::is_secret_name;
use super::value::quantity::shown_size;
use balancer::{balancer, sticky};

const REDACTED: &str = "<redacted>";

/// Every key with the value in force, in the words of the configuration language.
///
/// The admin token, credentials of consumers (their hashes too) and what a policy's configuration or a route's
/// conditions call by a secret name are redacted.
#[must_use]
pub fn to_json(config: &Config) -> Value {
    json!({
        "server": server(&config.server),
        "limits": limits(&config.limits),
        "forwarded": { "trusted": texts(&config.trusted_proxies) },
        "dns": discovery::dns(&config.dns),
        "access_log": access_log(&config.access_log),
        "admin": config.admin.as_ref().map_or_else(|| json!({ "enabled": false }), admin),
        "counters": config.counters.as_ref().map_or_else(|| json!({ "redis": null }), |store| shared_store(store)),
        "listener": each(&config.listeners, listener::listener),
        "upstream": each(&config.upstreams, upstream),
        "plugin": each(&config.plugins, plugin),
        "policy": each(&config.policies, policy),
        "consumers": { "file": config.consumers_file },
        "consumer": each(&config.consumers, consumer::consumer),
        "keyset": each(&config.keysets, keyset::keyset),
        "route": each(&config.routes, route),
    })
}

fn each<T>(items: &[T], show: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(show).collect()
}

fn texts<T: Display>(items: &[T]) -> Vec<Value> {
    each(items, |item| json!(item.to_string()))
}

fn time(duration: Duration) -> String {
    format_duration(duration).to_string()
}

fn bytes(size: usize) -> String {
    shown_size(size as u64)
}

fn server(server: &Server) -> Value {
    json!({
        "threads": server.threads,
        "shutdown_timeout": time(server.shutdown_timeout),
        "discovery_wait": time(server.discovery_wait),
        "upstream_idle_connections": server.upstream_idle_connections,
        "plugin_instances": server.plugin_instances.map_or(json!("auto"), |instances| json!(instances)),
        "state_directory": server.state_directory,
        "compile": { "timeout": time(server.compile.timeout), "memory": shown_size(server.compile.memory) },
    })
}

fn limits(limits: &Limits) -> Value {
    json!({
        "head_timeout": time(limits.head_timeout),
        "idle_timeout": time(limits.idle_timeout),
        "body_timeout": time(limits.body_timeout),
        "head": bytes(limits.head_bytes),
        "line": bytes(limits.line_bytes),
        "target": bytes(limits.target_bytes),
        "headers": limits.headers,
        "body": limits.body_bytes.map_or_else(|| "unlimited".to_owned(), shown_size),
        "connections": limits.connections,
        "requests_per_connection": limits.requests_per_connection,
        "h2_streams": limits.h2_streams,
        "underscore_headers": limits.underscore_headers,
        "max_hops": limits.max_hops,
    })
}

fn access_log(log: &AccessLog) -> Value {
    let format = match log.format {
        AccessLogFormat::Off => "off",
        AccessLogFormat::Text => "text",
        AccessLogFormat::Json => "json",
    };
    let target = match &log.target {
        LogTarget::Stdout => json!("stdout"),
        LogTarget::File(path) => json!(path),
    };
    json!({ "format": format, "target": target })
}

fn shared_store(store: &SharedStore) -> Value {
    json!({
        "redis": store.server.to_string(),
        "timeout": time(store.timeout),
        "prefix": store.prefix,
    })
}

fn admin(admin: &Admin) -> Value {
    let token = admin.token.as_ref().map(|_| REDACTED);
    json!({ "enabled": true, "address": admin.address.to_string(), "token": token })
}

fn upstream(upstream: &Upstream) -> Value {
    json!({
        "name": upstream.name,
        "balancer": balancer(&upstream.balancer),
        "sticky": upstream.sticky.as_ref().map(sticky),
        "prefer_zone": upstream.prefer_zone.as_deref(),
        "subset": upstream.subset.as_ref().map(|subset| json!({ "size": subset.size, "gateway": subset.gateway })),
        "endpoint": discovery::endpoints(upstream),
        "discovery": upstream.discovery.as_ref().map(discovery::source),
        "retries": upstream.retries,
        "retry_on": retry_on(&upstream.retry_on),
        "retry_budget": upstream.retry_budget,
        "max_in_flight": upstream.max_in_flight,
        "max_requests": upstream.max_requests,
        "queue": upstream.queue.map(|queue| json!({ "most": queue.most, "timeout": time(queue.timeout) })),
        "host": upstream.host,
        "protocol": upstream.protocol.word(),
        "tls": upstream.tls.as_ref().map(upstream_tls),
        "proxy_protocol": upstream.proxy_protocol.map(|version| match version {
            ProxyProtocol::V1 => "v1",
            ProxyProtocol::V2 => "v2",
        }),
        "timeouts": timeouts(&upstream.timeouts),
        "health": upstream.health.as_ref().map(health::health),
        "outliers": upstream.outliers.as_ref().map_or_else(|| json!({ "enabled": false }), health::outliers),
        "slow_start": time(upstream.slow_start),
    })
}

fn upstream_tls(tls: &UpstreamTls) -> Value {
    json!({
        "server_name": tls.server_name,
        "ca": tls.ca,
        "certificate": tls.identity.as_ref().map(|identity| &identity.certificate),
        "key": tls.identity.as_ref().map(|identity| &identity.key),
        "verify": tls.verify,
    })
}

fn retry_on(conditions: &[RetryCondition]) -> Vec<&'static str> {
    RetryCondition::WORDS
        .iter()
        .filter(|(_, condition)| conditions.contains(condition))
        .map(|(word, _)| *word)
        .collect()
}

fn timeouts(timeouts: &UpstreamTimeouts) -> Value {
    json!({
        "connect": time(timeouts.connect),
        "read": time(timeouts.read),
        "write": time(timeouts.write),
        "idle": time(timeouts.idle),
        "tunnel": time(timeouts.tunnel),
    })
}

fn plugin(plugin: &Plugin) -> Value {
    json!({
        "name": plugin.name,
        "path": plugin.path,
        "sha256": plugin.sha256,
        "grants": grants(plugin.grants),
        "upstreams": plugin.upstreams,
        "counters": match plugin.counters {
            Counting::Local => "local",
            Counting::Shared(_) => "shared",
        },
        "instances": match plugin.instances {
            InstanceMode::Reused => "reused",
            InstanceMode::PerRequest => "per-request",
        },
        "quarantine": plugin.quarantine.map_or_else(|| json!({ "failures": 0 }), quarantine),
        "limits": plugin_limits(&plugin.limits),
    })
}

fn quarantine(terms: Quarantine) -> Value {
    json!({ "failures": terms.failures, "window": time(terms.window), "pause": time(terms.pause) })
}

fn grants(grants: Grants) -> Vec<&'static str> {
    grants.iter().map(Capability::name).collect()
}

fn plugin_limits(limits: &PluginLimits) -> Value {
    json!({
        "cpu": time(limits.cpu),
        "memory": bytes(limits.memory),
        "output": bytes(limits.output),
        "output_fields": limits.output_fields,
        "instances": limits.instances,
        "calls_per_instance": limits.calls_per_instance,
        "decisions": limits.decisions,
        "table_elements": limits.table_elements,
        "handles": limits.handles,
        "body": bytes(limits.body),
        "log_lines": limits.log_lines,
        "shared_data": bytes(limits.shared_data),
        "counters": limits.counters,
        "http_calls": limits.http_calls,
        "http_timeout": time(limits.http_timeout),
        "http_body": bytes(limits.http_body),
    })
}

fn policy(policy: &Policy) -> Value {
    let on_failure = match policy.on_failure {
        FailureMode::Deny => "deny",
        FailureMode::Allow => "allow",
    };
    json!({
        "name": policy.name,
        "plugin": policy.plugin,
        "config": redacted(&policy.config),
        "on_failure": on_failure,
    })
}

/// The value with everything below a secret name hidden; yes and no tell nothing.
fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| {
                    let is_hidden = is_secret_name(key) && !value.is_boolean();
                    let shown = if is_hidden { json!(REDACTED) } else { redacted(value) };
                    (key.clone(), shown)
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(redacted).collect()),
        other => other.clone(),
    }
}

fn route(route: &Route) -> Value {
    let RouteMatch { hosts, path, methods, headers, query } = &route.matches;
    let headers = headers.iter().map(|(name, pattern)| (name.to_string(), value_pattern(name.as_str(), pattern)));
    let query = query.iter().map(|(name, pattern)| (name.clone(), value_pattern(name, pattern)));
    json!({
        "name": route.name,
        "upstream": route.upstream,
        "hosts": each(hosts, host),
        "path": path_pattern(path),
        "methods": texts(methods),
        "headers": headers.collect::<Map<_, _>>(),
        "query": query.collect::<Map<_, _>>(),
        "policies": each(&route.policies, step),
        "rewrite": rewrite(&route.rewrite),
        "hedge": route.hedge_after.map(|after| json!({ "after": time(after) })),
        "timeouts": route_timeouts::timeouts(&route.timeouts),
    })
}

fn step(step: &RoutePolicy) -> Value {
    match step {
        RoutePolicy::One(name) => json!(name),
        RoutePolicy::AnyOf(names) => json!({ "any_of": names }),
    }
}

fn path_pattern(path: &PathPattern) -> Value {
    match path {
        PathPattern::Exact(path) => json!({ "exact": path }),
        PathPattern::Prefix(path) => json!({ "prefix": path }),
        PathPattern::Regex(regex) => json!({ "regex": unanchored(regex.as_str()) }),
    }
}

fn rewrite(rewrite: &Rewrite) -> Value {
    match rewrite {
        Rewrite::Keep => json!("keep"),
        Rewrite::StripPrefix => json!("strip-prefix"),
        Rewrite::ReplacePrefix(prefix) => json!({ "replace_prefix": prefix }),
    }
}

/// The expression as it was written, without the anchors the reader put around it.
fn unanchored(pattern: &str) -> &str {
    pattern.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(pattern)
}

fn host(pattern: &HostPattern) -> Value {
    match pattern {
        HostPattern::Exact(host) => json!(host),
        HostPattern::Suffix(suffix) => json!(format!("*{suffix}")),
    }
}

fn value_pattern(name: &str, pattern: &ValuePattern) -> Value {
    match pattern {
        ValuePattern::Exact(_) if is_secret_name(name) => json!(REDACTED),
        ValuePattern::Present => json!(true),
        ValuePattern::Exact(text) => json!(text),
    }
}

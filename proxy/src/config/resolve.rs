//! Checks what concerns more than one key, and makes the configuration that the program uses.

mod admin;
pub(super) mod consumers;
mod counters;
pub(super) mod keysets;
mod listeners;
pub(super) mod names;
mod routes;
mod upstreams;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::key_path::KeyPath;
use super::model;
use super::problems::Problems;
use super::value::{Wrong, quoted};
use super::written::{self, At, ListenerProtocol};
use names::Names;

/// The whole configuration; `None` where a required value is missing, which is a problem noted before.
///
/// Every check runs, whatever the others find; the caller looks at the problems too.
pub(super) fn resolve(written: written::Config, problems: &mut Problems<'_>) -> Option<model::Config> {
    let known = Known::new(&written, problems);
    listeners::check_addresses(&written.listeners, &written.process.admin, problems);
    require(written.listeners.is_empty(), "listener", "address = \"0.0.0.0:8080\"", problems);
    let is_routed = written.listeners.iter().any(|listener| listener.protocol == Some(ListenerProtocol::Http));
    let needs_routes = is_routed || written.listeners.is_empty();
    require(needs_routes && written.routes.is_empty(), "route", "upstream = \"...\"", problems);
    let process = written.process;
    let admin = admin::resolve(process.admin, problems);
    let trusts_anybody = !written.trusted_proxies.is_empty();
    let listeners =
        each(written.listeners, |listener| listeners::resolve(listener, &known.upstreams, trusts_anybody, problems));
    let dns = Arc::new(written.dns);
    let ours: Vec<_> = listeners.iter().flatten().map(|listener| listener.address).collect();
    let surroundings = upstreams::Surroundings { policies: &known.policies, dns: &dns, listeners: &ours };
    let upstreams = each(written.upstreams, |upstream| upstreams::resolve(upstream, &surroundings, problems));
    let introducing = upstreams::introducing(upstreams.as_deref().unwrap_or_default());
    check_pooled(&written.routes, &written.plugins, &introducing, problems);
    check_asked(&written.plugins, upstreams.as_deref().unwrap_or_default(), problems);
    let counters = written.counters.map(Arc::new);
    let plugins = each(written.plugins, |written| plugin(written, &known.upstreams, counters.as_ref(), problems));
    let policies = each(written.policies, |written| policy(written, &known.plugins, problems));
    let consumers = consumers::resolve(written.consumers, problems);
    let consumers = consumers::with_file(consumers, written.consumers_file.as_ref(), problems);
    let keysets = keysets::all(written.keysets, problems);
    let routes = routes::resolve(written.routes, &known, policies.as_deref().unwrap_or_default(), problems);
    Some(model::Config {
        server: process.server,
        limits: process.limits,
        trusted_proxies: written.trusted_proxies,
        dns,
        access_log: process.access_log,
        counters,
        admin,
        listeners: listeners?,
        upstreams: upstreams?,
        plugins: plugins?,
        policies: policies?,
        consumers_file: written.consumers_file.map(|file| file.value),
        consumers: consumers?,
        keysets: keysets?,
        routes: routes?,
    })
}

/// The names that other sections may refer to.
struct Known {
    upstreams: Names,
    plugins: Names,
    policies: Names,
}

impl Known {
    fn new(written: &written::Config, problems: &mut Problems<'_>) -> Self {
        Names::new("listener", written.listeners.iter().map(|listener| &listener.name), problems);
        Names::new("consumer", written.consumers.iter().map(|consumer| &consumer.name), problems);
        Names::new("keyset", written.keysets.iter().map(|keyset| &keyset.name), problems);
        Names::new("route", written.routes.iter().map(|route| &route.name), problems);
        Self {
            upstreams: Names::new("upstream", written.upstreams.iter().map(|upstream| &upstream.name), problems),
            plugins: Names::new("plugin", written.plugins.iter().map(|plugin| &plugin.name), problems),
            policies: Names::new("policy", written.policies.iter().map(|policy| &policy.name), problems),
        }
    }
}

fn require(is_missing: bool, section: &str, content: &str, problems: &mut Problems<'_>) {
    if is_missing && !problems.concern(section) {
        let wrong = Wrong::new(format!("there is no {section}"));
        let hint = format!("add `[[{section}]]` with `name = \"...\"` and `{content}`");
        problems.at_value(&KeyPath::root().key(section), wrong.hint(hint));
    }
}

/// Resolves every item, also behind one that fails, so that all are checked.
fn each<W, M>(written: Vec<W>, mut resolve: impl FnMut(W) -> Option<M>) -> Option<Vec<M>> {
    let resolved: Vec<Option<M>> = written.into_iter().map(&mut resolve).collect();
    resolved.into_iter().collect()
}

fn plugin(
    written: written::Plugin,
    upstreams: &Names,
    store: Option<&Arc<model::SharedStore>>,
    problems: &mut Problems<'_>,
) -> Option<model::Plugin> {
    let counters = counters::of_plugin(&written, store, problems);
    written.upstreams.iter().for_each(|upstream| upstreams.check(upstream, problems));
    check_whom_to_ask(&written, problems);
    Some(model::Plugin {
        name: written.name?.value,
        path: written.path?.value,
        sha256: written.sha256,
        grants: written.grants.into_iter().map(|capability| capability.value).collect(),
        upstreams: written.upstreams.into_iter().map(|upstream| upstream.value).collect(),
        counters: counters?,
        instances: written.instances,
        quarantine: written.quarantine,
        limits: written.limits,
    })
}

/// Who may ask, and nobody in particular, would be answered `unknown-upstream` each time.
fn check_whom_to_ask(plugin: &written::Plugin, problems: &mut Problems<'_>) {
    let asks = |grant: &&At<model::Capability>| grant.value == model::Capability::HttpClient;
    let Some(grant) = plugin.grants.iter().find(asks).filter(|_| plugin.upstreams.is_empty()) else { return };
    let wrong = Wrong::new("\"http-client\" is granted, and no upstream may be asked");
    problems.at_value(&grant.at, wrong.hint("name those it may ask: `upstreams = [\"...\"]`"));
}

/// Connections that requests of many clients share cannot tell who their client is.
fn check_pooled(
    routes: &[written::Route],
    plugins: &[written::Plugin],
    introducing: &BTreeSet<String>,
    problems: &mut Problems<'_>,
) {
    let routes = routes.iter().filter_map(|route| route.upstream.as_ref());
    let asked = plugins.iter().flat_map(|plugin| &plugin.upstreams);
    for At { value, at } in routes.chain(asked).filter(|upstream| introducing.contains(&upstream.value)) {
        let message = format!("requests cannot go to upstream {}: it has `proxy_protocol`", quoted(value));
        let hint = "requests of many clients share a connection, and name theirs in X-Forwarded-For; \
                    keep this upstream to tcp listeners";
        problems.at_value(at, Wrong::new(message).hint(hint));
    }
}

/// Requests of plugins are sent in HTTP/1.1.
fn check_asked(plugins: &[written::Plugin], upstreams: &[model::Upstream], problems: &mut Problems<'_>) {
    let speaks_http2 = |name: &str| {
        upstreams.iter().any(|upstream| upstream.name == name && upstream.protocol == model::UpstreamProtocol::Http2)
    };
    let asked = plugins.iter().flat_map(|plugin| &plugin.upstreams);
    for At { value, at } in asked.filter(|upstream| speaks_http2(&upstream.value)) {
        let message = format!("plugins cannot ask upstream {}: it speaks HTTP/2 alone", quoted(value));
        let hint = "give its endpoints a second upstream with `protocol = \"http/1.1\"`, if they speak that too";
        problems.at_value(at, Wrong::new(message).hint(hint));
    }
}

fn policy(written: written::Policy, plugins: &Names, problems: &mut Problems<'_>) -> Option<model::Policy> {
    let plugin = written.plugin.inspect(|plugin| plugins.check(plugin, problems));
    Some(model::Policy {
        name: written.name?.value,
        plugin: plugin?.value,
        config: written.config,
        on_failure: written.on_failure,
    })
}

/// A file that must be there; whether it holds what it should is found out by who uses it.
fn check_file(file: &At<std::path::PathBuf>, problems: &mut Problems<'_>) {
    if let Err(error) = std::fs::File::open(&file.value) {
        let message = format!("cannot read {}: {}", file.value.display(), super::source::reason(&error));
        problems.at_value(&file.at, Wrong::new(message));
    }
}

//! A configuration made of things that run: what one request, from its first to its last byte, lives under.

mod build;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::Loaded;
use crate::config::model::{Capability, Grants, Limits};
use crate::counters::shared::Link;
use crate::gate::Terms;
use crate::keysets::Keysets;
use crate::observe::access::AccessLog;
use crate::observe::metrics::{ConsumerMetrics, Metrics, RouteMetrics};
use crate::plugin::component::{LoadedPlugin, PluginFacts};
use crate::plugin::policy::PolicyRuntime;
use crate::policy::chain::Chain;
use crate::process::Process;
use crate::route::RouteTable;
use crate::route::rewrite::PathRewrite;
use crate::route::server_names::ServerNames;
use crate::route::timeouts::Timeouts;
use crate::upstream::Upstream;
use crate::upstream::health::{Wanted, Watched};
use crate::wire::loop_guard::LoopGuard;

/// Everything a request needs, immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with every configuration that ran.
    pub generation: u64,
    /// What the user wrote, validated, with the places of its keys.
    pub loaded: Arc<Loaded>,
    /// What clients may send.
    pub limits: Limits,
    /// Whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Tells requests that go round; `None` where nothing is counted.
    pub loop_guard: Option<LoopGuard>,
    /// Where requests go.
    pub routes: RouteTable<Route>,
    /// The route name of a request before it has one.
    pub no_route: Arc<str>,
    /// Counts requests that no route matched.
    pub unrouted: RouteMetrics,
    /// Counts requests of consumers.
    pub consumer_metrics: ConsumerMetrics,
    /// Where the connections of each tcp listener go.
    pub server_names: BTreeMap<String, ServerNames<Upstream>>,
    /// By name.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// By name.
    pub plugins: BTreeMap<String, Arc<LoadedPlugin>>,
    /// By name.
    pub policies: BTreeMap<String, Arc<PolicyRuntime>>,
    /// The way to the counters that its plugins share with other gateways; none where none does.
    pub shared_counters: Option<Arc<Link>>,
    /// Keys that tokens are checked with.
    pub keysets: Arc<Keysets>,
    /// What the Gate goes by, for each listener.
    pub terms: BTreeMap<String, Arc<Terms>>,
    /// Where access lines go.
    pub access_log: Arc<AccessLog>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
}

/// Where a matched request goes, and through what.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: Arc<str>,
    /// Its policies.
    pub chain: Chain,
    /// Its upstream.
    pub upstream: Arc<Upstream>,
    /// What becomes of the path.
    pub rewrite: PathRewrite,
    /// How long its requests may take.
    pub timeouts: Timeouts,
    /// How long an endpoint is given before another is asked besides.
    pub hedge_after: Option<Duration>,
    /// Counts its requests.
    pub metrics: RouteMetrics,
}

/// How much of a snapshot is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Files are read again.
    Everything,
    /// Only endpoints changed, at run time; nothing is read.
    Endpoints,
    /// For `tidegate check`: as everything, but nothing is opened for writing.
    Check,
}

impl Snapshot {
    /// Makes what runs serve this snapshot instead of the one before: checks and fetches are started and stopped, series nobody
    /// feeds any more are dropped.
    pub(crate) fn take_effect(&self, before: Option<&Self>, process: &Process) {
        self.tell_of_new_plugins(before);
        let checks = self.loaded.config.upstreams.iter().filter_map(|spec| Some((spec, spec.health.as_ref()?)));
        let checked =
            checks.filter_map(|(spec, check)| Some((self.upstreams.get(&spec.name)?, Arc::new(check.clone()))));
        let wanted = checked.flat_map(|(upstream, check)| {
            upstream.members.iter().map(move |member| Wanted {
                watched: Watched { endpoint: Arc::clone(&member.endpoint), metrics: member.metrics.clone() },
                check: Arc::clone(&check),
                transport: upstream.transport.clone(),
            })
        });
        process.health.reconcile(wanted.collect());
        let watched = self.upstreams.values();
        process.watch.reconcile(watched.map(|upstream| (upstream.watch.clone(), Arc::clone(&upstream.members))));
        let ours = self.loaded.config.listeners.iter().map(|listener| listener.address).collect();
        let upstreams = &self.loaded.config.upstreams;
        process.discovery.reconcile(upstreams, &ours);
        for upstream in process.overlays.lock().follow(upstreams, |spec| process.discovery.endpoints(spec).endpoints) {
            tracing::warn!(upstream, "the file's endpoints changed: what was changed at run time is dropped");
        }
        process.keysets.reconcile(&self.keysets);
        process.shared_counters.reconcile(self.shared_counters.as_ref());
        self.forget_the_gone(process);
    }

    fn tell_of_new_plugins(&self, before: Option<&Self>) {
        for (plugin, loaded) in &self.plugins {
            let known = before.and_then(|before| before.plugins.get(plugin));
            if known.is_some_and(|known| Arc::ptr_eq(known, loaded)) {
                continue;
            }
            let (facts, served) = (loaded.facts(), loaded.contract());
            let (contract, sha256) = (&facts.contract, &facts.sha256);
            tracing::info!(plugin, contract, %served, sha256, "plugin loaded, its contract is served");
            warn_of_unanswered(facts);
            if facts.roles.balancer && loaded.has_fresh_instances() {
                tracing::warn!(
                    plugin,
                    "a balancer whose `instances` are \"per-request\" is told of all endpoints for each pick"
                );
            }
        }
    }

    fn forget_the_gone(&self, process: &Process) {
        let routes = self.loaded.config.routes.iter().map(|route| route.name.as_str());
        let policies = self.policies.keys().map(String::as_str);
        let endpoints = self.upstreams.values().flat_map(|upstream| {
            upstream.members.iter().map(|member| (upstream.name.as_str(), &*member.endpoint.label))
        });
        let keysets = self.keysets.iter().map(|keyset| keyset.name());
        process.metrics.retain(routes, endpoints, policies, keysets, &self.consumer_metrics);
        process.counters.retain(|policy| self.policies.contains_key(policy));
        process.shared_data.retain(|policy| self.policies.contains_key(policy));
    }

    /// Whether a request would notice no difference.
    #[must_use]
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        self.loaded.config == other.loaded.config
            && same_values(&self.plugins, &other.plugins)
            && same_values(&self.terms, &other.terms)
            && self.keysets.is_same(&other.keysets)
            && self.upstreams.iter().all(|(name, upstream)| {
                other.upstreams.get(name).is_some_and(|before| {
                    Arc::ptr_eq(&before.members, &upstream.members) && before.transport.is_same_as(&upstream.transport)
                })
            })
    }
}

/// No error: many runtimes import a clock and never ask it.
fn warn_of_unanswered(facts: &PluginFacts) {
    let (imports, missing): (Vec<&str>, Vec<Capability>) = facts.unanswered().unzip();
    if missing.is_empty() {
        return;
    }
    let (plugin, imports) = (&facts.name, imports.join(", "));
    let grants: Grants = facts.grants.iter().chain(missing).collect();
    tracing::warn!(
        plugin,
        imports,
        hint = %format_args!("if calls trap for it: grants = {grants}"),
        "the runtime of a plugin's language imports what is not granted: a call in which it asks for it traps"
    );
}

/// Whether two maps hold the very same things.
fn same_values<T>(a: &BTreeMap<String, Arc<T>>, b: &BTreeMap<String, Arc<T>>) -> bool {
    a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| Arc::ptr_eq(value, other)))
}

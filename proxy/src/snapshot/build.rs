//! From a validated configuration to a snapshot, or to everything that kept it from running.
//!
//! Every stage goes on after a problem, so that one look shows them all; nothing of a failed build is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Refresh, Route, Snapshot};
use crate::config::Loaded;
use crate::config::model::{self, Balancer, Config, Protocol, RoutePolicy};
use crate::config::problem::Report;
use crate::consumers::{Consumer, Consumers};
use crate::counters::shared::Link;
use crate::counters::{PolicyCounters, SharedCounters};
use crate::gate::{Alpn, Terms, TlsTerminator};
use crate::keysets::{Keyset, Keysets};
use crate::observe::access::AccessLog;
use crate::observe::metrics::UNROUTED;
use crate::outbound::UpstreamClient;
use crate::plugin::component::LoadedPlugin;
use crate::plugin::policy::{PolicyRuntime, PolicyServices, Roles};
use crate::policy::chain::{Chain, ChainLink};
use crate::process::Process;
use crate::route::RouteTable;
use crate::route::rewrite::PathRewrite;
use crate::route::server_names::ServerNames;
use crate::route::timeouts::Timeouts;
use crate::upstream::transport::Transport;
use crate::upstream::{Listing, Upstream};
use crate::wire::loop_guard::LoopGuard;

/// What a take keeps a store busy for, and the share of the timeout that those of one policy may take up together: a crowd that a
/// store which is well could not answer in time would be taken for a store that is away.
const TAKE: Duration = Duration::from_micros(10);
const SHARE_OF_TIMEOUT: u32 = 10;

type ByName<T> = BTreeMap<String, Arc<T>>;

impl Snapshot {
    /// Builds what `loaded` describes, taking over from `previous` whatever did not change.
    ///
    /// Blocks: files are read, plugins compiled and configured. Not for a worker thread.
    ///
    /// # Errors
    /// Everything that keeps it from running, each at its place in the file.
    pub fn build(
        process: &Process,
        loaded: Arc<Loaded>,
        previous: Option<&Self>,
        refresh: Refresh,
    ) -> Result<Self, Report> {
        let mut builder = Builder { process, loaded: &loaded, previous, refresh, report: Report::default() };
        let terms = builder.terms();
        let plugins = builder.plugins();
        let consumers = Arc::new(consumers(&loaded.config));
        let keysets = Arc::new(Keysets::new(builder.keysets()));
        let outbound = Arc::new(UpstreamClient::new(process.outbound.clone()));
        let shared_counters = builder.shared_counters();
        let policies = builder.policies(&plugins, &consumers, &keysets, &outbound, shared_counters.as_ref());
        builder.check_roles(&policies);
        let access_log = builder.access_log();
        let upstreams = builder.upstreams(&policies);
        outbound.learn(&upstreams);
        let routes = builder.routes(&policies, &upstreams);
        let report = builder.report;
        let Some(access_log) = access_log.filter(|_| report.is_empty()) else { return Err(report) };
        let config = &loaded.config;
        Ok(Self {
            generation: previous.map_or(1, |previous| previous.generation + 1),
            limits: config.limits,
            trusted_proxies: config.trusted_proxies.clone(),
            loop_guard: LoopGuard::new(&process.name, config.limits.max_hops),
            routes: RouteTable::new(routes),
            server_names: server_names(config, &upstreams),
            no_route: previous.map_or_else(|| "".into(), |previous| Arc::clone(&previous.no_route)),
            unrouted: process.metrics.route(UNROUTED),
            consumer_metrics: process.metrics.consumers(config.consumers.iter().map(|spec| spec.name.as_str())),
            upstreams,
            plugins,
            policies,
            shared_counters,
            keysets,
            terms,
            access_log,
            metrics: Arc::clone(&process.metrics),
            loaded,
        })
    }
}

struct Builder<'a> {
    process: &'a Process,
    loaded: &'a Loaded,
    previous: Option<&'a Snapshot>,
    refresh: Refresh,
    report: Report,
}

impl Builder<'_> {
    fn problem(&mut self, at: &str, message: impl Into<String>, hint: Option<String>) {
        self.report.push(self.loaded.sources.problem(at, message, hint));
    }

    fn config(&self) -> &Config {
        &self.loaded.config
    }

    fn terms(&mut self) -> ByName<Terms> {
        let mut all = ByName::new();
        for (index, listener) in self.loaded.config.listeners.iter().enumerate() {
            let before = self.previous.and_then(|previous| previous.terms.get(&listener.name)).cloned();
            let tls = match &listener.tls {
                None => None,
                Some(_) if self.refresh == Refresh::Endpoints => before.as_ref().and_then(|terms| terms.tls.clone()),
                Some(spec) => match self.terminator(spec, alpn(listener), before.as_deref()) {
                    Ok(terminator) => Some(terminator),
                    Err((key, message)) => {
                        self.problem(&format!("listener[{index}].tls.{key}"), message, None);
                        continue;
                    }
                },
            };
            let terms = Terms {
                limits: self.config().limits,
                http2: listener.speaks_http2(),
                reads_server_name: tls.is_none() && listener.tcp().is_some_and(|tcp| !tcp.routes.is_empty()),
                tls,
                introduced_by: listener.proxy_protocol.then(|| self.config().trusted_proxies.clone()),
                drain: self.config().server.shutdown_timeout / 2,
            };
            let same = before.filter(|before| is_same(before, &terms));
            all.insert(listener.name.clone(), same.unwrap_or_else(|| Arc::new(terms)));
        }
        all
    }

    /// The terminator in force where certificate and key are still the same: a new one ends session resumption.
    fn terminator(
        &self,
        spec: &model::ListenerTls,
        alpn: Alpn,
        before: Option<&Terms>,
    ) -> Result<Arc<TlsTerminator>, (&'static str, String)> {
        let loaded = TlsTerminator::load(spec, alpn).map_err(|error| (error.key(spec), error.to_string()))?;
        let kept = before.and_then(|before| before.tls.clone()).filter(|before| before.is_same_as(&loaded));
        Ok(kept.unwrap_or_else(|| Arc::new(loaded)))
    }

    fn plugins(&mut self) -> ByName<LoadedPlugin> {
        let mut all = ByName::new();
        for (index, spec) in self.loaded.config.plugins.iter().enumerate() {
            let before = self.previous.and_then(|previous| previous.plugins.get(&spec.name));
            if let Some(before) = before.filter(|_| self.refresh == Refresh::Endpoints) {
                all.insert(spec.name.clone(), Arc::clone(before));
                continue;
            }
            let engine = match self.process.engine() {
                Ok(engine) => engine,
                Err(error) => {
                    self.problem(&format!("plugin[{index}]"), error.to_string(), error.hint());
                    continue;
                }
            };
            match LoadedPlugin::load(engine, spec) {
                Ok(plugin) => {
                    let same = before.filter(|before| before.is_same(&plugin)).cloned();
                    all.insert(spec.name.clone(), same.unwrap_or(plugin));
                }
                Err(error) => {
                    for problem in error.problems {
                        let at = format!("plugin[{index}].{}", problem.key);
                        self.problem(&at, format!("plugin \"{}\": {}", spec.name, problem.message), problem.hint);
                    }
                }
            }
        }
        all
    }

    /// Files are read, nothing is fetched: that begins when the snapshot takes effect.
    fn keysets(&mut self) -> Vec<Arc<Keyset>> {
        let mut all = Vec::new();
        for (index, spec) in self.loaded.config.keysets.iter().enumerate() {
            let before = self.previous.and_then(|previous| previous.keysets.get(&spec.name));
            if let Some(before) = before.filter(|_| self.refresh == Refresh::Endpoints) {
                all.push(Arc::clone(before));
                continue;
            }
            match Keyset::load(spec, before) {
                Ok(keyset) => all.push(keyset),
                Err(problems) => {
                    for problem in problems {
                        let at = format!("keyset[{index}].{}", problem.key);
                        let message = format!("key set \"{}\": {}", spec.name, problem.message);
                        self.problem(&at, message, problem.hint);
                    }
                }
            }
        }
        all
    }

    /// The way there is, where it is still the same; nothing is connected before the snapshot takes effect.
    fn shared_counters(&self) -> Option<Arc<Link>> {
        let store = self.config().plugins.iter().find_map(|plugin| plugin.counters.store())?;
        let before = self.previous.and_then(|previous| previous.shared_counters.as_ref());
        let same = before.filter(|link| link.is_to(store)).map(Arc::clone);
        Some(same.unwrap_or_else(|| Arc::new(Link::new(store, self.process.metrics.shared_counters()))))
    }

    /// What a policy counts together with others. Calls that wait keep their instances, so that one is left for each worker;
    /// where the gateway itself waits, there is only the request to be kept.
    fn shared(
        &self,
        link: &Arc<Link>,
        plugin: &LoadedPlugin,
        policy: &str,
        local: &PolicyCounters,
    ) -> Option<Arc<SharedCounters>> {
        let instances = usize::try_from(plugin.limits().instances).unwrap_or(usize::MAX);
        let most = match plugin.waits() {
            true => instances.saturating_sub(self.config().server.threads).max(1),
            false => waiting_requests(link.timeout()),
        };
        let shared = || Arc::new(SharedCounters::new(Arc::clone(link), policy, local.clone(), most));
        plugin.shares_counters().then(shared)
    }

    fn policies(
        &mut self,
        plugins: &ByName<LoadedPlugin>,
        consumers: &Arc<Consumers>,
        keysets: &Arc<Keysets>,
        outbound: &Arc<UpstreamClient>,
        link: Option<&Arc<Link>>,
    ) -> ByName<PolicyRuntime> {
        let mut all = ByName::new();
        for (index, spec) in self.loaded.config.policies.iter().enumerate() {
            // Where the plugin did not load, its own problem says so.
            let Some(plugin) = plugins.get(&spec.plugin) else { continue };
            let counters = self.process.counters.policy(&spec.name, plugin.limits().counters);
            let services = PolicyServices {
                shared_counters: link.and_then(|link| self.shared(link, plugin, &spec.name, &counters)),
                counters,
                shared_data: self.process.shared_data.policy(&spec.name),
                consumers: Arc::clone(consumers),
                passwords: Arc::clone(&self.process.passwords),
                keysets: Arc::clone(keysets),
                outbound: Arc::<UpstreamClient>::clone(outbound),
                metrics: self.process.metrics.policy(&spec.name, &spec.plugin),
                series: self.process.metrics.policy_series(&spec.name),
            };
            let before = self.previous.and_then(|previous| previous.policies.get(&spec.name));
            if let Some(same) = before.and_then(|before| before.share(plugin, spec, &services)) {
                all.insert(spec.name.clone(), same);
                continue;
            }
            match PolicyRuntime::bind(Arc::clone(plugin), spec, services) {
                Ok(policy) => {
                    all.insert(spec.name.clone(), policy);
                }
                Err(problems) => {
                    for problem in problems {
                        let at = format!("policy[{index}].config{}", dotted(&problem.path));
                        let message = format!("policy \"{}\": {}", spec.name, problem.message);
                        self.problem(&at, message, problem.hint.map(str::to_owned));
                    }
                }
            }
        }
        all
    }

    /// A policy must be able to do what it is named for.
    fn check_roles(&mut self, policies: &ByName<PolicyRuntime>) {
        let config = &self.loaded.config;
        for (index, route) in config.routes.iter().enumerate() {
            for (place, step) in route.policies.iter().enumerate() {
                let at = format!("route[{index}].policies[{place}]");
                match step {
                    RoutePolicy::One(name) => self.check_part(&at, name, policies),
                    RoutePolicy::AnyOf(names) => self.check_alternatives(&at, names, policies),
                }
            }
        }
        for (index, upstream) in config.upstreams.iter().enumerate() {
            let Balancer::Policy(name) = &upstream.balancer else { continue };
            if policies.get(name).is_some_and(|policy| !policy.roles().balancer) {
                let message = format!("policy \"{name}\" cannot balance: its plugin does not export `balancer`");
                self.problem(&format!("upstream[{index}].balancer.policy"), message, None);
            }
        }
    }

    fn check_part(&mut self, at: &str, name: &str, policies: &ByName<PolicyRuntime>) {
        let roles = policies.get(name).map(|policy| policy.roles());
        if roles.is_some_and(|roles| roles == Roles { balancer: true, ..Roles::default() }) {
            let message = format!("policy \"{name}\" has no part in a route: its plugin only balances");
            let hint = "a balancer is named at an upstream: balancer = { policy = \"...\" }".to_owned();
            self.problem(at, message, Some(hint));
        }
    }

    fn check_alternatives(&mut self, at: &str, names: &[String], policies: &ByName<PolicyRuntime>) {
        for (place, name) in names.iter().enumerate() {
            if policies.get(name).is_some_and(|policy| !policy.roles().decides_on_requests()) {
                let message =
                    format!("policy \"{name}\" can be no alternative: its plugin does not decide on requests");
                self.problem(&format!("{at}.any_of[{place}]"), message, None);
            }
        }
    }

    fn access_log(&mut self) -> Option<Arc<AccessLog>> {
        let spec = &self.loaded.config.access_log;
        if self.refresh == Refresh::Check {
            return Some(Arc::new(AccessLog::off()));
        }
        if let Some(previous) = self.previous.filter(|previous| previous.loaded.config.access_log == *spec) {
            if self.refresh != Refresh::Endpoints {
                previous.access_log.reopen();
            }
            return Some(Arc::clone(&previous.access_log));
        }
        match AccessLog::open(spec, self.process.metrics.access_lines()) {
            Ok(log) => Some(Arc::new(log)),
            Err(error) => {
                self.problem("access_log.target", format!("the access log cannot be opened: {error}"), None);
                None
            }
        }
    }

    fn upstreams(&mut self, policies: &ByName<PolicyRuntime>) -> ByName<Upstream> {
        let transports = self.transports();
        let overlays = self.process.overlays.lock();
        let mut all = ByName::new();
        for (spec, transport) in self.config().upstreams.iter().zip(transports) {
            let policy = match &spec.balancer {
                Balancer::Policy(name) => policies.get(name).cloned(),
                _ => None,
            };
            let previous = self.previous.and_then(|previous| previous.upstreams.get(&spec.name));
            let upstream = Upstream::build(
                spec,
                Listing { known: self.process.discovery.endpoints(spec), overlay: overlays.get(&spec.name) },
                &self.process.endpoints,
                &self.process.metrics,
                previous.map(AsRef::as_ref),
                policy,
                transport,
            );
            all.insert(spec.name.clone(), Arc::new(upstream));
        }
        all
    }

    /// How the endpoints of each upstream are reached, in their order.
    fn transports(&mut self) -> Vec<Transport> {
        let loaded = self.loaded;
        let load = |(index, spec): (usize, &model::Upstream)| {
            let before = self.previous.and_then(|previous| previous.upstreams.get(&spec.name));
            let before = before.map(|before| &before.transport);
            if let Some(before) = before.filter(|_| self.refresh == Refresh::Endpoints) {
                return before.clone();
            }
            Transport::load(spec, before).unwrap_or_else(|problem| {
                let message = format!("upstream \"{}\": {}", spec.name, problem.message);
                self.problem(
                    &format!("upstream[{index}].tls.{}", problem.key),
                    message,
                    problem.hint.map(str::to_owned),
                );
                Transport::default()
            })
        };
        loaded.config.upstreams.iter().enumerate().map(load).collect()
    }

    fn routes(
        &self,
        policies: &ByName<PolicyRuntime>,
        upstreams: &ByName<Upstream>,
    ) -> Vec<(model::RouteMatch, Arc<Route>)> {
        let routes = self.config().routes.iter();
        // A name that is not there was reported where it was looked for first.
        routes
            .filter_map(|spec| {
                let upstream = Arc::clone(upstreams.get(&spec.upstream)?);
                Some((spec.matches.clone(), Arc::new(self.route(spec, upstream, policies))))
            })
            .collect()
    }

    fn route(&self, spec: &model::Route, upstream: Arc<Upstream>, policies: &ByName<PolicyRuntime>) -> Route {
        let on_failure = |name: &str| {
            self.config().policies.iter().find(|policy| policy.name == name).map(|policy| policy.on_failure)
        };
        let link =
            |name: &String| Some(ChainLink { policy: Arc::clone(policies.get(name)?), on_failure: on_failure(name)? });
        let steps = spec.policies.iter().map(|step| step.names().iter().filter_map(link).collect());
        Route {
            name: spec.name.as_str().into(),
            chain: Chain::of_steps(steps.collect()),
            hedge_after: spec.hedge_after,
            timeouts: Timeouts::new(&spec.timeouts, &upstream.timeouts),
            upstream,
            rewrite: PathRewrite::new(&spec.matches.path, &spec.rewrite),
            metrics: self.process.metrics.route(&spec.name),
        }
    }
}

/// Requests of one policy that may wait for shared counters at once; a few in any case.
fn waiting_requests(timeout: Duration) -> usize {
    let takes = (timeout / SHARE_OF_TIMEOUT).as_micros() / TAKE.as_micros();
    usize::try_from(takes).unwrap_or(usize::MAX).max(64)
}

fn is_same(a: &Terms, b: &Terms) -> bool {
    let same_tls = match (&a.tls, &b.tls) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    same_tls
        && a.limits == b.limits
        && a.http2 == b.http2
        && a.introduced_by == b.introduced_by
        && a.reads_server_name == b.reads_server_name
        && a.drain == b.drain
}

fn alpn(listener: &model::Listener) -> Alpn {
    match &listener.protocol {
        Protocol::Http { http2: true } => Alpn::Http2,
        Protocol::Http { http2: false } => Alpn::Http1,
        Protocol::Tcp(_) => Alpn::Nothing,
    }
}

fn server_names(config: &Config, upstreams: &ByName<Upstream>) -> BTreeMap<String, ServerNames<Upstream>> {
    let tcp = config.listeners.iter().filter_map(|listener| Some((listener, listener.tcp()?)));
    tcp.map(|(listener, targets)| {
        let default = targets.upstream.as_ref().and_then(|upstream| upstreams.get(upstream)).cloned();
        let mut names = ServerNames::new(default);
        for route in &targets.routes {
            // A name that is not there was reported where the file was read.
            let Some(upstream) = upstreams.get(&route.upstream) else { continue };
            route.server_names.iter().for_each(|name| names.insert(name, Arc::clone(upstream)));
        }
        (listener.name.clone(), names)
    })
    .collect()
}

fn consumers(config: &Config) -> Consumers {
    Consumers::new(
        config
            .consumers
            .iter()
            .map(|spec| (Consumer::new(spec.name.clone(), spec.tags.clone()), spec.credentials.clone())),
    )
}

/// A plugin's path as the continuation of a key path: `limits[0].per` becomes `.limits[0].per`.
fn dotted(path: &str) -> String {
    if path.is_empty() || path.starts_with('[') { path.to_owned() } else { format!(".{path}") }
}

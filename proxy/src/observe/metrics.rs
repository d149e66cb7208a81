//! Prometheus metrics.
//!
//! Handles are resolved when a snapshot is built, so that a request only adds to atomics: no label is looked up and
//! nothing is allocated. Asking for the same name twice gives the same series, so counts go on over a reload; series that
//! no snapshot names any more are dropped by [`Metrics::retain`]. What is true elsewhere is read at scrape time through
//! [`Gauges`]. Series, registry and text format are the `prometheus` crate's; the set of series under a name is kept here,
//! for a reason `family` gives.
//!
//! Names are `tidegate_<noun>_<unit>_total`; every label takes its values from the configuration or from a closed list,
//! never from a request. What plugins count is apart, in `plugin_series`.

mod by_key;
mod consumer;
mod discovery;
mod endpoint;
mod families;
mod family;
mod gauges;
mod keyset;
mod listener;
mod plugin_series;
mod policy;
mod process;
mod queue;
mod route;
mod scrape;
mod series;
mod shared_counters;
mod status_class;
mod tcp;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ahash::HashSet;
use prometheus::Registry;

use by_key::ByKey;
pub use consumer::ConsumerMetrics;
pub use discovery::DiscoveryMetrics;
pub use endpoint::{EndpointMetrics, Try, TryFailure};
use families::Families;
pub use gauges::{CounterStoreGauges, DiscoveryGauges, EndpointGauges, GaugeSink, Gauges, KeysetGauges, PolicyGauges};
pub use keyset::KeysetMetrics;
pub use listener::ListenerMetrics;
use plugin_series::PluginSeries;
pub use plugin_series::PolicySeries;
pub use policy::{CallOutcome, CallSample, PolicyMetrics};
pub use queue::{QueueMetrics, QueueOutcome};
pub use route::RouteMetrics;
pub use series::{Counter, Held};
pub use shared_counters::{SharedCounterFailure, SharedCounterMetrics};
pub use tcp::TcpMetrics;

/// The `route` label of requests that no route matched; no route can have this name.
pub const UNROUTED: &str = "(none)";

/// All metrics of the process; a clone is the same set.
#[derive(Clone, Debug)]
pub struct Metrics {
    families: Arc<Families>,
    registry: Registry,
    plugin_series: Arc<PluginSeries>,
    local_answers: ByKey<(&'static str, u16)>,
}

/// What one attempt to load the configuration came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// It is the one in force.
    Unchanged,
    /// It is in force now.
    Applied {
        /// Its number.
        generation: u64,
    },
    /// It is wrong.
    Rejected,
    /// It changes what only a new process can take up.
    NeedsRestart,
}

impl ReloadResult {
    fn label(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Applied { .. } => "applied",
            Self::Rejected => "rejected",
            Self::NeedsRestart => "needs_restart",
        }
    }
}

/// Why an access line was not written; resolved once by whoever opens the access log.
#[derive(Clone, Debug)]
pub struct AccessLineMetrics {
    /// The writer could not follow.
    pub full: Counter,
    /// The file or stream took it not.
    pub write: Counter,
}

impl Metrics {
    /// A set that knows the process and nothing else.
    #[must_use]
    pub fn new() -> Self {
        let families = Families::new();
        families.build.series([env!("CARGO_PKG_VERSION")]).set(1);
        families.process_start.series([]).set(now_in_seconds());
        let registry = Registry::new();
        families.register(&registry);
        let families = Arc::new(families);
        let source = Arc::clone(&families);
        let local_answers = ByKey::new(move |key: Option<(&'static str, u16)>| match key {
            Some((cause, status)) => source.local_responses.series([cause, &status.to_string()]),
            None => source.local_responses.series(["other", "other"]),
        });
        Self { families, registry, plugin_series: Arc::default(), local_answers }
    }

    /// Handles of one listener.
    #[must_use]
    pub fn listener(&self, name: &str) -> ListenerMetrics {
        ListenerMetrics::new(&self.families, name)
    }

    /// Handles of one tcp listener.
    #[must_use]
    pub fn tcp(&self, listener: &str) -> TcpMetrics {
        TcpMetrics::new(&self.families, listener)
    }

    /// Handles of one route, or of [`UNROUTED`] requests.
    #[must_use]
    pub fn route(&self, name: &str) -> RouteMetrics {
        RouteMetrics::new(&self.families, name)
    }

    /// Handles of one endpoint of an upstream.
    #[must_use]
    pub fn endpoint(&self, upstream: &str, endpoint: &str) -> EndpointMetrics {
        EndpointMetrics::new(&self.families, upstream, endpoint)
    }

    /// Handles of the line before one upstream.
    #[must_use]
    pub fn queue(&self, upstream: &str) -> QueueMetrics {
        QueueMetrics::new(&self.families, upstream)
    }

    /// The state of an endpoint changed; `change` is from a closed list.
    pub fn endpoint_change(&self, upstream: &str, endpoint: &str, change: &'static str) {
        self.families.endpoint_changes.series([upstream, endpoint, change]).increment();
    }

    /// A try that failed there is not made again, because the budget is spent.
    pub fn retry_refused(&self, upstream: &str, endpoint: &str) {
        self.families.retries_refused.series([upstream, endpoint]).increment();
    }

    /// Handles of one policy.
    #[must_use]
    pub fn policy(&self, name: &str, plugin: &str) -> PolicyMetrics {
        PolicyMetrics::new(&self.families, name, plugin)
    }

    /// What one policy counts itself.
    #[must_use]
    pub fn policy_series(&self, policy: &str) -> Arc<PolicySeries> {
        self.plugin_series.policy(policy, || self.families.policy_series_dropped.series([policy]))
    }

    /// Handles of consumers with these names.
    #[must_use]
    pub fn consumers<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> ConsumerMetrics {
        ConsumerMetrics::new(&self.families, names)
    }

    /// Handles of one key set.
    #[must_use]
    pub fn keyset(&self, name: &str) -> KeysetMetrics {
        KeysetMetrics::new(&self.families, name)
    }

    /// What counters that gateways share count.
    #[must_use]
    pub fn shared_counters(&self) -> SharedCounterMetrics {
        SharedCounterMetrics::new(&self.families)
    }

    /// Handles of one who lists endpoints of an upstream.
    #[must_use]
    pub fn discovery(&self, upstream: &str, source: &str) -> DiscoveryMetrics {
        DiscoveryMetrics::new(&self.families, upstream, source)
    }

    /// Drops the series of all who list endpoints but these, by upstream and source.
    pub fn retain_discovery(&self, wanted: &[(&str, &str)]) {
        let wanted: HashSet<_> = wanted.iter().copied().collect();
        self.families.discovery_answers.retain(|[upstream, source, _]| wanted.contains(&(upstream, source)));
    }

    /// What the access log counts.
    #[must_use]
    pub fn access_lines(&self) -> AccessLineMetrics {
        let lost = |reason| self.families.access_lines_lost.series([reason]);
        AccessLineMetrics { full: lost("full"), write: lost("write") }
    }

    /// A response was made here, by the gateway or a policy; `cause` is from a closed list.
    pub fn local_answer(&self, cause: &'static str, status: u16) {
        self.local_answers.increment((cause, status));
    }

    /// One attempt to load the configuration ended, with so many problems; the one at start counts too.
    pub fn reload(&self, result: ReloadResult, problems: usize) {
        self.families.reloads.series([result.label()]).increment();
        self.families.config_problems.series([]).set(i64::try_from(problems).unwrap_or(i64::MAX));
        if let ReloadResult::Applied { generation } = result {
            self.families.generation.series([]).set(i64::try_from(generation).unwrap_or(i64::MAX));
        }
        if matches!(result, ReloadResult::Applied { .. } | ReloadResult::Unchanged) {
            self.families.config_success.series([]).set(now_in_seconds());
        }
    }

    /// Drops the series of routes, endpoints (upstream and endpoint), policies, key sets and consumers that no snapshot names
    /// any more.
    ///
    /// Called when a snapshot has been swapped in. Requests that still run on the old one add to series nobody will see.
    pub fn retain<'a>(
        &self,
        routes: impl IntoIterator<Item = &'a str>,
        endpoints: impl IntoIterator<Item = (&'a str, &'a str)>,
        policies: impl IntoIterator<Item = &'a str>,
        keysets: impl IntoIterator<Item = &'a str>,
        consumers: &ConsumerMetrics,
    ) {
        let routes: HashSet<_> = routes.into_iter().chain([UNROUTED]).collect();
        let endpoints: HashSet<_> = endpoints.into_iter().collect();
        // One without endpoints has nobody to wait for.
        let upstreams: HashSet<_> = endpoints.iter().map(|(upstream, _)| *upstream).collect();
        let policies: HashSet<_> = policies.into_iter().collect();
        let keysets: HashSet<_> = keysets.into_iter().collect();
        self.families.retain(
            |route| routes.contains(route),
            |upstream, endpoint| endpoints.contains(&(upstream, endpoint)),
            |upstream| upstreams.contains(upstream),
            |policy| policies.contains(policy),
            |keyset| keysets.contains(keyset),
            |consumer| consumers.has(consumer),
        );
        self.plugin_series.retain(|policy| policies.contains(policy));
    }

    /// Everything in the Prometheus text format (`text/plain; version=0.0.4`).
    #[must_use]
    pub fn render(&self, gauges: &dyn Gauges) -> String {
        let mut sink = GaugeSink::default();
        gauges.collect(&mut sink);
        if let Some(usage) = process::Usage::read() {
            sink.process(&usage);
        }
        let mut families = self.registry.gather();
        families.extend(sink.into_families());
        families.extend(self.plugin_series.collect());
        scrape::text(&families)
    }

    /// Every metric name of the gateway itself, whether or not it has a series now.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        own_names().collect()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Names that no plugin may take.
fn own_names() -> impl Iterator<Item = &'static str> {
    Families::NAMES.iter().copied().chain(gauges::names())
}

fn now_in_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| i64::try_from(past.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;

//! Prometheus metrics.
//!
//! Handles are resolved when a snapshot is built, so that a request only adds to atomics: no label is looked up and
//! nothing is allocated. Asking for the same name twice gives the same series, so counts go on over a reload; series that
//! no snapshot names any more are dropped by [`Metrics::retain`]. What is true elsewhere is read at scrape time through
//! [`Gauges`].
//!
//! Names are `tidegate_<noun>_<unit>_total`; every label takes its values from the configuration or from a closed list,
//! never from a request.

mod by_key;
mod endpoint;
mod exposition;
mod families;
mod family;
mod gauges;
mod listener;
mod policy;
mod process;
mod route;
mod series;
mod status_class;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub use endpoint::{EndpointMetrics, Try, TryFailure};
use families::Families;
pub use gauges::{CounterStoreGauges, EndpointGauges, GaugeSink, Gauges, PolicyGauges};
pub use listener::ListenerMetrics;
pub use policy::{CallOutcome, CallSample, PolicyMetrics};
pub use route::RouteMetrics;
pub use series::{Counter, Held};

/// The `route` label of requests that no route matched; no route can have this name.
pub const UNROUTED: &str = "(none)";

/// All metrics of the process; a clone is the same set.
#[derive(Clone, Debug)]
pub struct Metrics {
    families: Arc<Families>,
}

/// What one attempt to load the configuration came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// It is the one in force.
    Unchanged,
    /// It is in force now.
    Applied {
        /// Its number.
        generation: u64,
    },
    /// It is wrong.
    Rejected {
        /// How many problems it has.
        problems: usize,
    },
    /// It changes what only a new process can take up.
    NeedsRestart,
}

/// Names that the running snapshot uses.
#[derive(Clone, Debug, Default)]
pub struct InUse<'a> {
    /// Listeners.
    pub listeners: HashSet<&'a str>,
    /// Routes.
    pub routes: HashSet<&'a str>,
    /// Upstream and endpoint, as given to [`Metrics::endpoint`].
    pub endpoints: HashSet<(&'a str, &'a str)>,
    /// Policy and plugin.
    pub policies: HashSet<(&'a str, &'a str)>,
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
        families.build.series([env!("CARGO_PKG_VERSION")]);
        families.process_start.series([]).set(now_in_seconds());
        Self { families: Arc::new(families) }
    }

    /// Handles of one listener.
    #[must_use]
    pub fn listener(&self, name: &str) -> ListenerMetrics {
        ListenerMetrics::new(&self.families, name)
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

    /// Handles of one policy.
    #[must_use]
    pub fn policy(&self, name: &str, plugin: &str) -> PolicyMetrics {
        PolicyMetrics::new(&self.families, name, plugin)
    }

    /// What the access log counts.
    #[must_use]
    pub fn access_lines(&self) -> AccessLineMetrics {
        let lost = |reason| self.families.access_lines_lost.series([reason]);
        AccessLineMetrics { full: lost("full"), write: lost("write") }
    }

    /// One attempt to load the configuration ended; the first one at start counts too.
    pub fn reloaded(&self, outcome: Reloaded) {
        let (label, problems) = match outcome {
            Reloaded::Unchanged => ("unchanged", 0),
            Reloaded::Applied { .. } => ("applied", 0),
            Reloaded::Rejected { problems } => ("rejected", i64::try_from(problems).unwrap_or(i64::MAX)),
            Reloaded::NeedsRestart => ("needs_restart", 0),
        };
        self.families.reloads.series([label]).increment();
        self.families.config_problems.series([]).set(problems);
        if let Reloaded::Applied { generation } = outcome {
            self.families.generation.series([]).set(i64::try_from(generation).unwrap_or(i64::MAX));
        }
        if matches!(outcome, Reloaded::Applied { .. } | Reloaded::Unchanged) {
            self.families.config_success.series([]).set(now_in_seconds());
        }
    }

    /// Drops the series of what no snapshot names any more; called when a snapshot has been swapped in.
    ///
    /// Requests that still run on the old snapshot add to series nobody will see.
    pub fn retain(&self, names: &InUse<'_>) {
        let all = &*self.families;
        let listener = |name: &str| names.listeners.contains(name);
        let route = |name: &str| name == UNROUTED || names.routes.contains(name);
        let endpoint = |upstream: &str, endpoint: &str| names.endpoints.contains(&(upstream, endpoint));
        let policy = |policy: &str, plugin: &str| names.policies.contains(&(policy, plugin));

        all.connections_total.retain(|[name]| listener(name));
        all.connections_open.retain(|[name]| listener(name));
        all.framing_disagreements.retain(|[name]| listener(name));
        for family in [&all.connections_refused, &all.tls_failures, &all.requests_refused] {
            family.retain(|[name, _]| listener(name));
        }
        all.requests.retain(|[name, _]| route(name));
        all.local_responses.retain(|[name, _]| route(name));
        all.request_duration.retain(|[name]| route(name));
        all.requests_in_flight.retain(|[name]| route(name));
        all.request_body_bytes.retain(|[name]| route(name));
        all.response_body_bytes.retain(|[name]| route(name));
        for family in [&all.endpoint_tries, &all.endpoint_responses, &all.endpoint_failures, &all.health_checks] {
            family.retain(|[upstream, name, _]| endpoint(upstream, name));
        }
        all.endpoint_head.retain(|[upstream, name]| endpoint(upstream, name));
        all.policy_calls.retain(|[name, plugin, _]| policy(name, plugin));
        all.policy_duration.retain(|[name, plugin]| policy(name, plugin));
    }

    /// Everything in the Prometheus text format (`text/plain; version=0.0.4`).
    #[must_use]
    pub fn render(&self, gauges: &dyn Gauges) -> String {
        let mut sink = GaugeSink::default();
        gauges.collect(&mut sink);
        if let Some(usage) = process::Usage::read() {
            sink.process(&usage);
        }
        let mut out = String::with_capacity(16 * 1024);
        for family in self.families.all() {
            family.write(&mut out);
        }
        sink.write(&mut out);
        out
    }

    /// Every metric name there is, whether or not it has a series now.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.families.all().into_iter().map(family::Exposed::name).chain(gauges::names()).collect()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn now_in_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| i64::try_from(past.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;

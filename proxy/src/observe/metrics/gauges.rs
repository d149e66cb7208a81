//! What is true elsewhere, read when somebody scrapes: never stale, never pushed, free for requests.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

use super::scrape;

/// Tells a scrape what is true now.
pub trait Gauges: Send + Sync {
    /// Writes it all down; called once per scrape.
    fn collect(&self, out: &mut GaugeSink);
}

/// Nothing to tell.
impl Gauges for () {
    fn collect(&self, _: &mut GaugeSink) {}
}

/// An endpoint's place in an upstream, now.
#[derive(Clone, Copy, Debug)]
pub struct EndpointGauges {
    /// Active checks hold it for usable.
    pub healthy: bool,
    /// Its traffic showed it to be failing.
    pub ejected: bool,
    /// It gets no new requests.
    pub draining: bool,
    /// Its share.
    pub weight: u32,
    /// Requests under way to it.
    pub in_flight: u32,
    /// Moving average of the time to a response head; `None` where nothing is known.
    pub latency: Option<Duration>,
}

/// A policy's pool, now.
#[derive(Clone, Copy, Debug)]
pub struct PolicyGauges {
    /// Instances alive.
    pub instances: u32,
    /// Of them, those that wait for a call.
    pub idle: u32,
    /// It is not called, because it kept failing.
    pub quarantined: bool,
}

/// A key set, now.
#[derive(Clone, Copy, Debug)]
pub struct KeysetGauges {
    /// Keys in use.
    pub keys: usize,
    /// Since the last good fetch; `None` where nothing was fetched.
    pub age: Option<Duration>,
}

/// Somebody who lists endpoints, now.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryGauges {
    /// Endpoints of the last good set.
    pub endpoints: usize,
    /// Nothing is wrong with the last answer.
    pub up_to_date: bool,
}

/// The store of counters that policies use, now.
#[derive(Clone, Copy, Debug)]
pub struct CounterStoreGauges {
    /// Counters kept.
    pub size: u64,
    /// Live counters dropped so far to make room.
    pub evictions: u64,
}

/// One metric that is read at scrape time.
#[derive(Debug)]
struct Scraped {
    name: &'static str,
    help: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Gauge,
    Counter,
}

impl Kind {
    fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::GAUGE,
            Self::Counter => MetricType::COUNTER,
        }
    }

    fn set(self, metric: &mut Metric, value: f64) {
        match self {
            Self::Gauge => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            Self::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
        }
    }
}

const ENDPOINT_HEALTHY: Scraped = gauge("tidegate_endpoint_healthy", "1 where active checks hold it for usable.");
const ENDPOINT_EJECTED: Scraped =
    gauge("tidegate_endpoint_ejected", "1 where its traffic showed it to be failing, and it waits to be tried again.");
const ENDPOINT_DRAINING: Scraped = gauge("tidegate_endpoint_draining", "1 where it gets no new requests.");
const ENDPOINT_WEIGHT: Scraped = gauge("tidegate_endpoint_weight", "Its share relative to the others.");
const ENDPOINT_IN_FLIGHT: Scraped = gauge("tidegate_endpoint_requests_in_flight", "Requests under way to it.");
const ENDPOINT_LATENCY: Scraped =
    gauge("tidegate_endpoint_latency_seconds", "Moving average of the time to a response head.");
const POLICY_INSTANCES: Scraped = gauge("tidegate_policy_instances", "Instances alive, by state.");
const POLICY_QUARANTINED: Scraped =
    gauge("tidegate_policy_quarantined", "1 where it is not called, because it kept failing.");
const KEYSET_KEYS: Scraped = gauge("tidegate_keyset_keys", "Keys of a key set that can be used.");
const KEYSET_AGE: Scraped = gauge("tidegate_keyset_age_seconds", "Since a key set was last fetched.");
const DISCOVERY_ENDPOINTS: Scraped =
    gauge("tidegate_discovery_endpoints", "Endpoints of the last good set of one who lists endpoints.");
const DISCOVERY_UP_TO_DATE: Scraped =
    gauge("tidegate_discovery_up_to_date", "1 where nothing is wrong with the last answer of one who lists endpoints.");
const COUNTERS: Scraped = gauge("tidegate_counters", "Counters that policies keep.");
const COUNTER_EVICTIONS: Scraped = counter("tidegate_counters_evicted_total", "Live counters dropped to make room.");
const SHARED_COUNTERS_UP: Scraped =
    gauge("tidegate_shared_counters_up", "1 where Redis decides, 0 where the gateway counts by itself.");
const CPU: Scraped = counter("process_cpu_seconds_total", "CPU time used, user and system.");
const RESIDENT: Scraped = gauge("process_resident_memory_bytes", "Memory in RAM.");
const VIRTUAL: Scraped = gauge("process_virtual_memory_bytes", "Address space.");
const THREADS: Scraped = gauge("process_threads", "Threads.");
const OPEN_FDS: Scraped = gauge("process_open_fds", "File descriptors open.");
const MAX_FDS: Scraped = gauge("process_max_fds", "File descriptors allowed.");

const ALL: [&Scraped; 21] = [
    &ENDPOINT_HEALTHY,
    &ENDPOINT_EJECTED,
    &ENDPOINT_DRAINING,
    &ENDPOINT_WEIGHT,
    &ENDPOINT_IN_FLIGHT,
    &ENDPOINT_LATENCY,
    &POLICY_INSTANCES,
    &POLICY_QUARANTINED,
    &KEYSET_KEYS,
    &KEYSET_AGE,
    &DISCOVERY_ENDPOINTS,
    &DISCOVERY_UP_TO_DATE,
    &COUNTERS,
    &COUNTER_EVICTIONS,
    &SHARED_COUNTERS_UP,
    &CPU,
    &RESIDENT,
    &VIRTUAL,
    &THREADS,
    &OPEN_FDS,
    &MAX_FDS,
];

const fn gauge(name: &'static str, help: &'static str) -> Scraped {
    Scraped { name, help, kind: Kind::Gauge }
}

const fn counter(name: &'static str, help: &'static str) -> Scraped {
    Scraped { name, help, kind: Kind::Counter }
}

/// Names of the metrics a sink can hold.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|scraped| scraped.name)
}

/// Takes the values of one scrape.
#[derive(Debug, Default)]
pub struct GaugeSink {
    families: BTreeMap<&'static str, MetricFamily>,
}

impl GaugeSink {
    /// One endpoint of an upstream.
    pub fn endpoint(&mut self, upstream: &str, endpoint: &str, now: &EndpointGauges) {
        let labels = [("upstream", upstream), ("endpoint", endpoint)];
        self.add(&ENDPOINT_HEALTHY, &labels, f64::from(now.healthy));
        self.add(&ENDPOINT_EJECTED, &labels, f64::from(now.ejected));
        self.add(&ENDPOINT_DRAINING, &labels, f64::from(now.draining));
        self.add(&ENDPOINT_WEIGHT, &labels, f64::from(now.weight));
        self.add(&ENDPOINT_IN_FLIGHT, &labels, f64::from(now.in_flight));
        if let Some(latency) = now.latency {
            self.add(&ENDPOINT_LATENCY, &labels, latency.as_secs_f64());
        }
    }

    /// One policy.
    pub fn policy(&mut self, policy: &str, plugin: &str, now: &PolicyGauges) {
        let busy = now.instances.saturating_sub(now.idle);
        for (state, instances) in [("idle", now.idle), ("busy", busy)] {
            let labels = [("policy", policy), ("plugin", plugin), ("state", state)];
            self.add(&POLICY_INSTANCES, &labels, f64::from(instances));
        }
        self.add(&POLICY_QUARANTINED, &[("policy", policy)], f64::from(now.quarantined));
    }

    /// One key set.
    pub fn keyset(&mut self, keyset: &str, now: &KeysetGauges) {
        self.add(&KEYSET_KEYS, &[("keyset", keyset)], now.keys as f64);
        if let Some(age) = now.age {
            self.add(&KEYSET_AGE, &[("keyset", keyset)], age.as_secs_f64());
        }
    }

    /// Somebody who lists endpoints of an upstream.
    pub fn discovery(&mut self, upstream: &str, source: &str, now: DiscoveryGauges) {
        let labels = [("upstream", upstream), ("source", source)];
        self.add(&DISCOVERY_ENDPOINTS, &labels, now.endpoints as f64);
        self.add(&DISCOVERY_UP_TO_DATE, &labels, f64::from(now.up_to_date));
    }

    /// The store of counters.
    pub fn counters(&mut self, now: &CounterStoreGauges) {
        self.add(&COUNTERS, &[], now.size as f64);
        self.add(&COUNTER_EVICTIONS, &[], now.evictions as f64);
    }

    /// The way to the counters that gateways share.
    pub fn shared_counters(&mut self, is_up: bool) {
        self.add(&SHARED_COUNTERS_UP, &[], f64::from(is_up));
    }

    /// What the system says of the process.
    pub(super) fn process(&mut self, now: &super::process::Usage) {
        self.add(&CPU, &[], now.cpu.as_secs_f64());
        self.add(&RESIDENT, &[], now.resident_bytes as f64);
        self.add(&VIRTUAL, &[], now.virtual_bytes as f64);
        self.add(&THREADS, &[], now.threads as f64);
        self.add(&OPEN_FDS, &[], now.open_files as f64);
        if let Some(allowed) = now.allowed_files {
            self.add(&MAX_FDS, &[], allowed as f64);
        }
    }

    /// Everything taken, each metric once.
    pub(super) fn into_families(self) -> impl Iterator<Item = MetricFamily> {
        self.families.into_values()
    }

    fn add(&mut self, metric: &Scraped, labels: &[(&str, &str)], value: f64) {
        let mut series = Metric::from_label(scrape::labels(labels.iter().copied()));
        metric.kind.set(&mut series, value);
        let empty = || scrape::empty(metric.name, metric.help, metric.kind.metric_type());
        self.families.entry(metric.name).or_insert_with(empty).mut_metric().push(series);
    }
}

//! Every metric the process keeps itself: names, help, labels.
//!
//! What is true elsewhere (health, in-flight counts, pools) is not kept here but read at scrape time, see `gauges`.

use prometheus::Registry;

use super::family::{Family, legal};
use super::series::{Call, Counter, Exchange, Gauge, Histogram};

macro_rules! families {
    ($($(#[$doc:meta])* $field:ident: $kind:ty, $name:literal, $help:literal, [$($label:literal),*];)*) => {
        /// All families; a field each, so that a wrong name or label count does not compile.
        #[derive(Debug)]
        pub(super) struct Families {
            $($(#[$doc])* pub(super) $field: Family<$kind, { <[&str]>::len(&[$($label),*]) }>,)*
        }

        impl Families {
            /// Their names, in the order of this file.
            pub(super) const NAMES: &[&str] = &[$($name),*];

            pub(super) fn new() -> Self {
                Self { $($field: Family::new($name, $help, [$($label),*]),)* }
            }

            /// Adds them to what `registry` gathers.
            pub(super) fn register(&self, registry: &Registry) {
                $(legal(registry.register(Box::new(self.$field.clone())));)*
            }
        }
    };
}

families! {
    connections_total: Counter, "tidegate_connections_total", "Connections accepted.", ["listener"];
    connections_open: Gauge, "tidegate_connections_open", "Connections open now.", ["listener"];
    connections_refused: Counter, "tidegate_connections_refused_total",
        "Connections closed at once, by reason.", ["listener", "reason"];
    tls_failures: Counter, "tidegate_tls_handshake_failures_total",
        "TLS handshakes that failed, by reason.", ["listener", "reason"];
    requests_refused: Counter, "tidegate_requests_refused_total",
        "Requests refused before routing, by reason.", ["listener", "reason"];
    tcp_connections: Counter, "tidegate_tcp_connections_total",
        "Connections of tcp listeners that ended, by cause.", ["listener", "cause"];
    tcp_bytes: Counter, "tidegate_tcp_bytes_total",
        "Bytes of tcp listeners, from clients (in) and to them (out).", ["listener", "direction"];

    requests: Counter, "tidegate_requests_total",
        "Requests ended, by class of the status sent; none where the client went away first.", ["route", "class"];
    local_responses: Counter, "tidegate_local_responses_total",
        "Responses made by the gateway or a policy, by cause and status.", ["cause", "status"];
    request_duration: Histogram<Exchange>, "tidegate_request_duration_seconds",
        "From the end of the request head to the end of the response.", ["route"];
    requests_in_flight: Gauge, "tidegate_requests_in_flight", "Requests under way.", ["route"];
    request_body_bytes: Counter, "tidegate_request_body_bytes_total", "Request body bytes received.", ["route"];
    response_body_bytes: Counter, "tidegate_response_body_bytes_total", "Response body bytes sent.", ["route"];

    consumer_requests: Counter, "tidegate_consumer_requests_total",
        "Requests of identified consumers ended, by class of the status sent; beyond a thousand consumers, the others share one name.",
        ["consumer", "class"];

    endpoint_tries: Counter, "tidegate_endpoint_tries_total",
        "Tries to send a request; kind retry where an earlier try of the request failed, kind hedge where one was slow.",
        ["upstream", "endpoint", "kind"];
    endpoint_responses: Counter, "tidegate_endpoint_responses_total",
        "Response heads received, by class of status.", ["upstream", "endpoint", "class"];
    endpoint_failures: Counter, "tidegate_endpoint_failures_total",
        "Tries that failed before a response head, by kind.", ["upstream", "endpoint", "kind"];
    endpoint_head: Histogram<Exchange>, "tidegate_endpoint_head_seconds",
        "From the start of a try to its response head.", ["upstream", "endpoint"];
    endpoint_changes: Counter, "tidegate_endpoint_changes_total",
        "Changes of an endpoint's state, by what it became.", ["upstream", "endpoint", "change"];
    retries_refused: Counter, "tidegate_endpoint_retries_refused_total",
        "Failed tries that were not made again because the retry budget of the upstream was spent.",
        ["upstream", "endpoint"];
    queue_requests: Counter, "tidegate_queue_requests_total",
        "Requests that were to wait for an upstream, by how that ended.", ["upstream", "outcome"];
    queue_length: Gauge, "tidegate_queue_requests_waiting", "Requests that wait for an upstream now.", ["upstream"];
    queue_duration: Histogram<Exchange>, "tidegate_queue_duration_seconds",
        "How long requests waited for an upstream, however that ended.", ["upstream"];
    health_checks: Counter, "tidegate_health_checks_total",
        "Active checks ended, by outcome.", ["upstream", "endpoint", "outcome"];

    policy_calls: Counter, "tidegate_policy_calls_total",
        "Calls of a policy, by outcome.", ["policy", "plugin", "outcome"];
    policy_remembered: Counter, "tidegate_policy_remembered_total",
        "Decisions of a policy that came from what it had decided before; among its calls.", ["policy", "plugin"];
    policy_duration: Histogram<Call>, "tidegate_policy_call_duration_seconds",
        "Duration of policy calls; one call in 64 is measured.", ["policy", "plugin"];

    policy_series_dropped: Counter, "tidegate_policy_series_dropped_total",
        "Numbers of a plugin that were not kept: an illegal name or label, or too many of them.", ["policy"];
    keyset_fetches: Counter, "tidegate_keyset_fetches_total", "Fetches of key sets, by outcome.", ["keyset", "outcome"];

    shared_counter_calls: Counter, "tidegate_shared_counter_calls_total",
        "Calls of shared counters, by who decided: Redis (shared), or the gateway by itself (local).", ["decided"];
    shared_counter_failures: Counter, "tidegate_shared_counter_failures_total",
        "Calls of shared counters that Redis did not decide though it seemed to be there, by kind.", ["kind"];
    discovery_answers: Counter, "tidegate_discovery_answers_total",
        "Answers of those who list endpoints, by outcome: changed, unchanged or failed.", ["upstream", "source", "outcome"];

    reloads: Counter, "tidegate_reloads_total", "Attempts to load the configuration, by outcome.", ["outcome"];
    generation: Gauge, "tidegate_config_generation", "Number of the configuration in force.", [];
    config_problems: Gauge, "tidegate_config_problems",
        "Problems that keep the configuration on disk from being applied.", [];
    config_success: Gauge, "tidegate_config_last_success_timestamp_seconds",
        "When the configuration on disk was last found in force or applied.", [];

    access_lines_lost: Counter, "tidegate_access_lines_lost_total",
        "Access lines that were not written, by reason.", ["reason"];
    build: Gauge, "tidegate_build_info", "Always 1; the version is the label.", ["version"];
    process_start: Gauge, "process_start_time_seconds", "When the process started.", [];
}

impl Families {
    /// Drops the series of routes, endpoints, policies, key sets and consumers that are not wanted.
    pub(super) fn retain(
        &self,
        route: impl Fn(&str) -> bool,
        endpoint: impl Fn(&str, &str) -> bool,
        upstream: impl Fn(&str) -> bool,
        policy: impl Fn(&str) -> bool,
        keyset: impl Fn(&str) -> bool,
        consumer: impl Fn(&str) -> bool,
    ) {
        self.requests.retain(|[name, _]| route(name));
        self.request_duration.retain(|[name]| route(name));
        self.requests_in_flight.retain(|[name]| route(name));
        self.request_body_bytes.retain(|[name]| route(name));
        self.response_body_bytes.retain(|[name]| route(name));
        let by_endpoint = [
            &self.endpoint_tries,
            &self.endpoint_responses,
            &self.endpoint_failures,
            &self.endpoint_changes,
            &self.health_checks,
        ];
        for family in by_endpoint {
            family.retain(|[upstream, name, _]| endpoint(upstream, name));
        }
        self.retries_refused.retain(|[upstream, name]| endpoint(upstream, name));
        self.endpoint_head.retain(|[upstream, name]| endpoint(upstream, name));
        self.queue_requests.retain(|[name, _]| upstream(name));
        self.queue_length.retain(|[name]| upstream(name));
        self.queue_duration.retain(|[name]| upstream(name));
        self.policy_calls.retain(|[name, ..]| policy(name));
        self.policy_remembered.retain(|[name, _]| policy(name));
        self.policy_duration.retain(|[name, _]| policy(name));
        self.policy_series_dropped.retain(|[name]| policy(name));
        self.keyset_fetches.retain(|[name, _]| keyset(name));
        self.consumer_requests.retain(|[name, _]| consumer(name));
    }
}

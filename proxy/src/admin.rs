//! The admin listener: what an operator asks and changes while the gateway runs.
//!
//! | Call | Does |
//! | --- | --- |
//! | `GET /` | a page for humans; static, it asks for the token and then calls what follows |
//! | `GET /healthz` | 200 while the process serves |
//! | `GET /status` | version, generation, uptime, what the last reload came to |
//! | `GET /upstreams`, `GET /upstreams/{name}` | endpoints with weight, health and load |
//! | `GET /events` | the last 1000 changes of endpoints' states with their causes, newest first |
//! | `POST /upstreams/{name}/endpoints` | adds `{"address": "10.0.0.4:80", "weight": 100}`; 201 |
//! | `PATCH /upstreams/{name}/endpoints/{address}` | sets `{"weight": 50, "draining": true}`, either or both |
//! | `DELETE /upstreams/{name}/endpoints/{address}` | removes it; requests under way end in peace |
//! | `GET /upstreams/{name}/targets`, `GET /upstreams/{name}/health` | the endpoints as Kong's admin API shows them |
//! | `POST /upstreams/{name}/targets` | adds `{"target": "10.0.0.4:80", "weight": 100}`; 201 |
//! | `PATCH`, `DELETE /upstreams/{name}/targets/{host:port}` | sets `{"weight": 50}`; removes it, 204 |
//! | `GET /plugins` | plugins with their grants, policies and failures |
//! | `GET /keysets` | key sets with their keys, their age and what kept them from being fetched |
//! | `GET /config` | the running configuration, secrets redacted |
//! | `POST /reload` | reads the files again: 200 `applied` or `unchanged`, 422 `rejected`, 409 `needs_restart` |
//! | `GET /metrics` | Prometheus text |
//!
//! What of Kong's targets is not there is told in `targets`.
//!
//! With a token every call but `/` and `/healthz` must carry `Authorization: Bearer TOKEN`. Without one (loopback only)
//! the `Host` must be `localhost` or an IP address, and a browser's `Origin` must always be the listener itself: else any
//! web page the operator opens could steer the gateway. Errors are `application/problem+json` with a `hint` where there
//! is one.
//!
//! This room knows nothing of snapshots: it asks one [`Control`].

mod answer;
mod endpoints;
mod entry;
mod keyset;
mod plugin;
mod routes;
mod serve;
mod status;
mod targets;
mod time;
mod upstream;

use async_trait::async_trait;

pub use keyset::{FetchFailure, KeyStatus, KeysetStatus, UnusableKeyStatus};
pub use plugin::{PluginStatus, PolicyStatus};
pub use serve::serve;
pub use status::{LastReload, PlaceReport, ProblemReport, ReloadReport, SharedCountersStatus, Status};
pub use time::Timestamp;
pub use upstream::{
    ChangeError, CheckStatus, DiscoveryProblem, DiscoveryStatus, EjectionStatus, EndpointChange, EndpointSource,
    EndpointStatus, EventStatus, HealthChange, UpstreamStatus,
};

/// What the admin listener needs of the program.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// How the process is.
    fn status(&self) -> Status;
    /// All upstreams, in the order of the configuration.
    fn upstreams(&self) -> Vec<UpstreamStatus>;
    /// The last changes of endpoints' states, newest first.
    fn events(&self) -> Vec<EventStatus>;
    /// All plugins, in the order of the configuration.
    fn plugins(&self) -> Vec<PluginStatus>;
    /// All key sets, by name.
    fn keysets(&self) -> Vec<KeysetStatus>;
    /// The running configuration without its secrets.
    fn running_config(&self) -> serde_json::Value;
    /// All metrics in the Prometheus text format.
    fn metrics(&self) -> String;
    /// Reads the configuration again. Runs to its end even where the caller goes away.
    async fn reload(&self) -> ReloadReport;
    /// Changes one endpoint at run time and returns the upstream as it is then.
    ///
    /// # Errors
    /// The change is refused and nothing has changed.
    async fn change_endpoint(&self, upstream: &str, change: EndpointChange) -> Result<UpstreamStatus, ChangeError>;
}

#[cfg(test)]
mod tests;

//! Upstreams as the admin listener tells and changes them.

use serde::Serialize;

use super::time::Timestamp;
use crate::config::model::EndpointAddress;

/// An upstream now.
#[derive(Clone, Debug, Serialize)]
pub struct UpstreamStatus {
    /// Its name.
    pub name: String,
    /// `round-robin`, `consistent hash of header x-user`, `policy nearest` and so on.
    pub balancer: String,
    /// Name of the cookie that goes before it; `null` where there is none.
    pub sticky_cookie: Option<String>,
    /// Whether anything was changed at run time that the file does not say.
    pub changed_at_run_time: bool,
    /// Who lists endpoints besides the file.
    pub discovery: Vec<DiscoveryStatus>,
    /// In the order of the file, then those discovered, those added at run time last.
    pub endpoints: Vec<EndpointStatus>,
}

/// Somebody who lists endpoints, now.
#[derive(Clone, Debug, Serialize)]
pub struct DiscoveryStatus {
    /// `dns shop.internal:80`, `file endpoints.toml` and so on.
    pub source: String,
    /// Endpoints of the last good set; `null` before there was one.
    pub endpoints: Option<usize>,
    /// When it last gave a good answer.
    pub last_success: Option<Timestamp>,
    /// What is wrong now; `null` where nothing is.
    pub problem: Option<DiscoveryProblem>,
}

/// What is wrong with what somebody lists.
#[derive(Clone, Debug, Serialize)]
pub struct DiscoveryProblem {
    /// When it was met first.
    pub since: Timestamp,
    /// In words.
    pub why: String,
}

/// An endpoint now.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointStatus {
    /// Where it listens.
    pub address: EndpointAddress,
    /// Its share relative to the others; 0 takes no new requests.
    pub weight: u32,
    /// Endpoints of tier 0 are picked first, of the next while too few of them are there.
    pub tier: u8,
    /// Whether active checks hold it for usable.
    pub healthy: bool,
    /// Why its traffic keeps it out; `null` where it does not.
    pub ejection: Option<EjectionStatus>,
    /// It gets no new requests.
    pub draining: bool,
    /// How much of its share of requests it takes, in percent: less than 100 while it warms up.
    pub share_percent: u32,
    /// Requests under way to it.
    pub in_flight: u32,
    /// Moving average of the time to a response head; `null` where nothing is known.
    pub latency_us: Option<u32>,
    /// Who named it.
    pub source: EndpointSource,
    /// The last time its health changed; `null` where it never has.
    pub last_change: Option<HealthChange>,
    /// The last active check; `null` where there was none.
    pub last_check: Option<CheckStatus>,
}

/// Why an endpoint's traffic keeps it out.
#[derive(Clone, Debug, Serialize)]
pub struct EjectionStatus {
    /// Since when.
    pub at: Timestamp,
    /// In words.
    pub cause: String,
    /// Ejections in a row, this one included.
    pub in_a_row: u32,
}

/// A change of an endpoint's state.
#[derive(Clone, Debug, Serialize)]
pub struct EventStatus {
    /// Counts up from 1 since the process began.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The upstream.
    pub upstream: String,
    /// The endpoint's address.
    pub endpoint: String,
    /// What it became: `unhealthy`, `healthy`, `ejected`, `on_trial` or `returned`.
    pub change: &'static str,
    /// Why.
    pub cause: String,
}

/// Who named an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointSource {
    /// The configuration file.
    File,
    /// Somebody whom the configuration file names.
    Discovery,
    /// This API; it is gone when the process ends.
    Runtime,
}

/// Why an endpoint is healthy or not.
#[derive(Clone, Debug, Serialize)]
pub struct HealthChange {
    /// Since when.
    pub at: Timestamp,
    /// In words.
    pub cause: String,
}

/// What an active check found.
#[derive(Clone, Debug, Serialize)]
pub struct CheckStatus {
    /// When it ended.
    pub at: Timestamp,
    /// Whether the answer was good.
    pub good: bool,
    /// So many like this one in a row.
    pub in_a_row: u32,
    /// In words.
    pub finding: String,
}

/// A change to an upstream's endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointChange {
    /// A new one.
    Add {
        /// Where it listens.
        address: EndpointAddress,
        /// Its share.
        weight: u32,
    },
    /// Away with it; requests under way end in peace.
    Remove {
        /// Which.
        address: EndpointAddress,
    },
    /// Other settings, all in one step; `None` leaves one as it is.
    Update {
        /// Which.
        address: EndpointAddress,
        /// Its share.
        weight: Option<u32>,
        /// Whether it gets no new requests.
        draining: Option<bool>,
    },
}

/// Why a change was refused; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No upstream has this name.
    #[error("no upstream has this name")]
    UnknownUpstream,
    /// No endpoint of the upstream has this address.
    #[error("the upstream has no endpoint {0}")]
    UnknownEndpoint(EndpointAddress),
    /// An endpoint of the upstream has this address.
    #[error("the upstream already has the endpoint {0}")]
    AlreadyThere(EndpointAddress),
    /// A listener of the gateway has this address.
    #[error("{0} is a listener of this gateway: requests would come round for ever")]
    OwnListener(EndpointAddress),
    /// Not a weight.
    #[error("weight {0} is not between 0 and 1000")]
    Weight(u32),
    /// The gateway could not take it up; why.
    #[error("the change could not be applied: {0}")]
    NotApplied(String),
}

//! What the program needs of a configuration: validated, with defaults filled in and references resolved by name.
//!
//! Only `config` makes these values; `snapshot` consumes them and nothing else sees them. The types of what the user
//! *wrote* live in `config/written`.

mod address;
mod balancer;
mod counters;
mod discovery;
mod health;
mod keyset;
mod listener;
mod plugin;
mod route;
mod transport;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::consumers::Credentials;
pub use address::{AddressError, EndpointAddress};
pub use balancer::{Balancer, ConsistentHash, HashKey, HashTable, LoadFactor, MissingKey, SameSite, Sticky};
pub use counters::{Counting, RedisServer, SharedStore};
pub use discovery::{Dns, EtcdPrefix, NamedEndpoints, Source, SourceKind};
pub use health::{CheckKind, GrpcCheck, HealthCheck, HttpCheck, Outliers};
pub use keyset::{
    Algorithms, KeyMaterial, Keyset, KeysetSource, RemoteKeyset, SharedSecret, StaticKey, TokenAlgorithm,
};
pub use listener::{ClientAuthorities, Listener, ListenerTls, Protocol, ProxyProtocol, ServerNameRoute, TcpTargets};
pub use plugin::{Capability, FailureMode, Grants, InstanceMode, Plugin, PluginLimits, Policy, Quarantine};
pub use route::{HostPattern, PathPattern, Rewrite, Route, RouteMatch, RoutePolicy, RouteTimeouts, ValuePattern};
pub use transport::{ClientIdentity, UpstreamProtocol, UpstreamTls};

/// A whole configuration that has passed every check a file alone can pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The process: threads, shutdown.
    pub server: Server,
    /// Limits on what a client may send and how slowly.
    pub limits: Limits,
    /// Whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How names of endpoints are looked up.
    pub dns: Arc<Dns>,
    /// Where access lines go.
    pub access_log: AccessLog,
    /// Where gateways share what they count; none where they do not.
    pub counters: Option<Arc<SharedStore>>,
    /// The admin listener; none where it is switched off.
    pub admin: Option<Admin>,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// Unique by name.
    pub upstreams: Vec<Upstream>,
    /// Unique by name.
    pub plugins: Vec<Plugin>,
    /// Unique by name; `plugin` names one of `plugins`.
    pub policies: Vec<Policy>,
    /// A file of further consumers, which are among `consumers` too.
    pub consumers_file: Option<PathBuf>,
    /// Unique by name; no two share a credential.
    pub consumers: Vec<Consumer>,
    /// Unique by name.
    pub keysets: Vec<Keyset>,
    /// Unique by name, in the order of the file; the route table sorts them.
    pub routes: Vec<Route>,
}

/// Settings of the process; a change needs a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Worker threads; each accepts, proxies and runs policies.
    pub threads: usize,
    /// How long requests under way may take after a request to stop.
    pub shutdown_timeout: Duration,
    /// How long listeners wait at start for endpoints that others list.
    pub discovery_wait: Duration,
    /// Idle upstream connections kept in all.
    pub upstream_idle_connections: usize,
    /// Instances of plugins there is room for; none: twice what the first configuration may ask for, and at least a thousand.
    pub plugin_instances: Option<u32>,
    /// Directory for what the gateway itself writes (compiled plugins); the user's own where none was written.
    pub state_directory: Option<PathBuf>,
    /// What the compilation of one plugin may cost.
    pub compile: CompileLimits,
}

/// What the compilation of one plugin may cost; one that costs more is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Time on the wall.
    pub timeout: Duration,
    /// Address space of the compiling process, in bytes.
    pub memory: u64,
}

/// What a client may send; see `gate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From accept (or from the first byte of a later request) to the end of the head.
    pub head_timeout: Duration,
    /// How long a kept-alive connection may stay silent between requests; also the HTTP/2 idle time.
    pub idle_timeout: Duration,
    /// How long a request body may make no progress.
    pub body_timeout: Duration,
    /// Bytes of a whole request head.
    pub head_bytes: usize,
    /// Bytes of one line of it.
    pub line_bytes: usize,
    /// Bytes of the request target.
    pub target_bytes: usize,
    /// Header fields.
    pub headers: usize,
    /// Bytes of a request body; `None` is without limit.
    pub body_bytes: Option<u64>,
    /// Connections open at once on all listeners.
    pub connections: usize,
    /// Requests on one connection before it is closed.
    pub requests_per_connection: u32,
    /// HTTP/2 streams open at once on one connection.
    pub h2_streams: u32,
    /// Whether header names with `_` are let through; CGI and its heirs fold them onto `-`.
    pub underscore_headers: bool,
    /// Times a request may pass through this process; 0 counts nothing.
    pub max_hops: u32,
}

/// Where and how access lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The form of a line.
    pub format: AccessLogFormat,
    /// Where lines go.
    pub target: LogTarget,
}

/// The form of an access line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// No access log.
    Off,
    /// One line a human reads.
    Text,
    /// One JSON object a line.
    Json,
}

/// A place for log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// A file, opened for appending and opened again at each reload.
    File(PathBuf),
}

/// The admin listener.
#[derive(Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens; loopback by default.
    pub address: SocketAddr,
    /// The bearer token every call but `/healthz` must carry. `None` only on a loopback address.
    pub token: Option<String>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A named set of endpoints behind one balancer.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Unique.
    pub name: String,
    /// How an endpoint is chosen.
    pub balancer: Balancer,
    /// A cookie that goes before it.
    pub sticky: Option<Sticky>,
    /// Endpoints of this zone go before others of the same priority; none where nothing was written.
    pub prefer_zone: Option<Arc<str>>,
    /// How many of its endpoints this gateway asks first; `None` for all.
    pub subset: Option<Subset>,
    /// Those listed by address, unique by it. May be empty: where nobody else lists any, requests are answered 503.
    pub endpoints: Vec<Endpoint>,
    /// Those listed by name.
    pub named: Vec<Source>,
    /// Who lists further ones.
    pub discovery: Option<Source>,
    /// Active checks; none where the user wrote none.
    pub health: Option<HealthCheck>,
    /// When traffic itself takes an endpoint out; `None` is never.
    pub outliers: Option<Outliers>,
    /// How long a new endpoint, or one that comes back, takes to its whole share; zero is no time at all.
    pub slow_start: Duration,
    /// Deadlines of each try.
    pub timeouts: UpstreamTimeouts,
    /// Further tries after a failed one, each on another endpoint where there is one.
    pub retries: u32,
    /// After which failures; none is never.
    pub retry_on: Vec<RetryCondition>,
    /// Retries at most, in percent of the requests of the last seconds.
    pub retry_budget: u32,
    /// Requests under way to one endpoint at most; `None` is without limit.
    pub max_in_flight: Option<u32>,
    /// Requests under way to all endpoints together at most; `None` is without limit.
    pub max_requests: Option<u32>,
    /// Where requests wait for an endpoint that has room; `None` where they do not.
    pub queue: Option<Queue>,
    /// The `Host` sent; `None` passes the client's on.
    pub host: Option<String>,
    /// The version of HTTP that its endpoints are asked in.
    pub protocol: UpstreamProtocol,
    /// TLS towards them, where it is spoken.
    pub tls: Option<UpstreamTls>,
    /// How connections of tcp listeners tell the endpoint who their client is; `None` where they do not.
    pub proxy_protocol: Option<ProxyProtocol>,
}

/// A line of requests before an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Requests that may stand there at once.
    pub most: usize,
    /// How long one may.
    pub timeout: Duration,
}

impl Upstream {
    /// Everybody who is asked for endpoints, in the order these are taken in.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.named.iter().chain(&self.discovery)
    }
}

/// A failure after which a request may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryCondition {
    /// No connection, or none in time: nothing was sent.
    Connect,
    /// The connection broke before the answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// An answer that is no HTTP.
    Garbage,
}

impl RetryCondition {
    /// All of them, as they are written.
    pub const WORDS: [(&str, Self); 4] =
        [("connect", Self::Connect), ("reset", Self::Reset), ("timeout", Self::Timeout), ("garbage", Self::Garbage)];
}

/// A share of a large set of endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subset {
    /// So many, of each priority and of what is near or not.
    pub size: u32,
    /// What tells this gateway from others; the name of its host where nothing is written.
    pub gateway: Option<String>,
}

/// One instance of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: EndpointAddress,
    /// Its share relative to the others, 1 to 1000; 0 takes no new requests.
    pub weight: u32,
    /// Where it is, for balancers that prefer what is near; empty where nothing was written.
    pub zone: Arc<str>,
    /// Endpoints of a lower one go first.
    pub priority: u8,
}

/// Deadlines of one try towards an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To an established connection.
    pub connect: Duration,
    /// Between two reads, the wait for the response head included.
    pub read: Duration,
    /// For one write.
    pub write: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// How long an upgraded connection (WebSocket), or one of a tcp listener, may be silent; the wait for the upgrade is
    /// one silence.
    pub tunnel: Duration,
}

/// An identified client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Unique.
    pub name: String,
    /// Free words that policies may ask for.
    pub tags: Vec<String>,
    /// What proves a client to be this one.
    pub credentials: Credentials,
}

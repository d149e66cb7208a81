//! What lives as long as the process.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use once_cell::sync::OnceCell;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::config::model::Config;
use crate::consumers::PasswordChecks;
use crate::counters::Counters;
use crate::counters::clock::{Clock, SystemClock};
use crate::counters::shared::LinkKeeper;
use crate::discovery::Discovery;
use crate::gate::Connections;
use crate::keysets::KeysetKeeper;
use crate::observe::metrics::Metrics;
use crate::outbound::OutboundPool;
use crate::plugin::compile::Compilation;
use crate::plugin::engine::{EngineCapacity, EngineError, PluginEngine};
use crate::shared_data::SharedData;
use crate::upstream::health::HealthSupervisor;
use crate::upstream::journal::Journal;
use crate::upstream::overlay::Overlays;
use crate::upstream::registry::EndpointRegistry;
use crate::upstream::watch::TrafficWatch;
use crate::wire::loop_guard;

/// The runtimes of what is no traffic.
#[derive(Clone, Debug)]
pub struct Runtimes {
    /// Whatever has none of its own.
    pub control: Handle,
    /// Active checks. Nothing that anybody waits for belongs there: it rests before it listens.
    pub checks: Handle,
}

/// One for all of it.
impl From<Handle> for Runtimes {
    fn from(runtime: Handle) -> Self {
        Self { control: runtime.clone(), checks: runtime }
    }
}

/// State that every snapshot shares and no reload loses.
#[derive(Debug)]
pub struct Process {
    capacity: EngineCapacity,
    compilation: Arc<Compilation>,
    engine: OnceCell<PluginEngine>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Endpoints with their health, in-flight counts and latencies.
    pub endpoints: EndpointRegistry,
    /// What was changed about endpoints at run time.
    pub overlays: Mutex<Overlays>,
    /// Endpoints that others list.
    pub discovery: Discovery,
    /// Connections for the requests that policies send.
    pub outbound: OutboundPool,
    /// Rate counters of policies.
    pub counters: Counters,
    /// Keeps the way to shared counters open.
    pub shared_counters: LinkKeeper,
    /// Checks of passwords.
    pub passwords: Arc<PasswordChecks>,
    /// What instances of policies share.
    pub shared_data: SharedData,
    /// Active checks.
    pub health: HealthSupervisor,
    /// Takes endpoints out that their traffic shows to be failing.
    pub watch: TrafficWatch,
    /// What changed about endpoints.
    pub journal: Arc<Journal>,
    /// Fetches of keys.
    pub keysets: KeysetKeeper,
    /// Connections open now, on all listeners.
    pub connections: Arc<Connections>,
    /// Its name in requests that it sends on.
    pub name: HeaderValue,
    /// When it began.
    pub started: Instant,
}

impl Process {
    /// Everything that has no configuration yet.
    #[must_use]
    pub fn new(runtimes: impl Into<Runtimes>, config: &Config, compilation: Compilation) -> Self {
        let Runtimes { control, checks } = runtimes.into();
        let metrics = Arc::new(Metrics::new());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let journal = Arc::new(Journal::new(Arc::clone(&metrics)));
        Self {
            capacity: capacity(config),
            compilation: Arc::new(compilation),
            engine: OnceCell::new(),
            endpoints: EndpointRegistry::default(),
            overlays: Mutex::default(),
            discovery: Discovery::new(control.clone(), Arc::clone(&metrics)),
            outbound: OutboundPool::default(),
            counters: Counters::new(Arc::clone(&clock)),
            shared_counters: LinkKeeper::new(control.clone()),
            passwords: Arc::new(PasswordChecks::new(control.clone())),
            shared_data: SharedData::new(clock),
            keysets: KeysetKeeper::new(control.clone(), Arc::clone(&metrics)),
            watch: TrafficWatch::new(control, Arc::clone(&journal)),
            health: HealthSupervisor::new(checks, Arc::clone(&journal) as Arc<_>),
            journal,
            connections: Arc::default(),
            name: loop_guard::name(),
            started: Instant::now(),
            metrics,
        }
    }

    /// What compiles and runs plugins, made when the first plugin asks for it: it costs terabytes of address space and a
    /// thread that counts, which a gateway without plugins has no use for.
    ///
    /// # Errors
    /// The plugin engine cannot be set up.
    pub fn engine(&self) -> Result<&PluginEngine, EngineError> {
        self.engine.get_or_try_init(|| PluginEngine::new(self.capacity, Arc::clone(&self.compilation)))
    }
}

/// Room for what the operator wrote; else for what this configuration may ask for, and for as much again that reloads may bring.
fn capacity(config: &Config) -> EngineCapacity {
    let roomy = EngineCapacity::default();
    if let Some(instances) = config.server.plugin_instances {
        return EngineCapacity { instances, ..roomy };
    }
    let wanted = config.policies.iter().filter_map(|policy| {
        config.plugins.iter().find(|plugin| plugin.name == policy.plugin).map(|plugin| plugin.limits.instances)
    });
    let instances = wanted.fold(0_u32, u32::saturating_add).saturating_mul(2).max(roomy.instances);
    EngineCapacity { instances, ..roomy }
}

//! One instance of a component in a store of its own, started and configured.

mod body;
mod observer;
mod start;
mod waiting;

use std::sync::{Arc, Weak};
use std::time::Duration;

use wasmtime::component::Instance as GuestInstance;
use wasmtime::{Store, UpdateDeadline};

use super::budget::{CpuBudget, FIRST_LOOK, Look};
use super::capability::log::budget::LogBudget;
use super::checked::Rules;
use super::component::{LoadedPlugin, Program};
use super::contract::{Exports, by_version};
use super::failure::{Fault, PluginFailure};
use super::memory::MemoryBudget;
use super::pace::Pace;
use super::policy::{Candidate, ConfigureProblem, PolicyServices};
use crate::config::model::{InstanceMode, PluginLimits, Policy};
use crate::counters::{Algorithm, Held, Limit, PolicyCounters, Quota, SharedCounters};
use crate::observe::metrics::PolicySeries;
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::policy::limits::Limits;
use crate::shared_data::PolicyData;
use crate::upstream::member::Member;
pub(super) use start::START_BUDGET;
use start::StartBudget;
pub(super) use waiting::at_once;

/// A host call may carry this much more than a call may return: an output slightly over it is refused as that.
const HOSTCALL_SLACK: usize = 1 << 20;
/// Places that one call may hold; far above what a limit per consumer, route and address needs.
pub(super) const MOST_HELD: usize = 16;
/// Passwords that one call may have checked: a request brings one, and waiting costs a guest no CPU budget.
const MOST_PASSWORD_CHECKS: u32 = 4;

/// What all instances of a policy have in common.
pub(super) struct Setup {
    pub(super) policy: String,
    /// What `configure` is given.
    pub(super) config: String,
    pub(super) counters: PolicyCounters,
    /// The same, where other gateways count too.
    pub(super) shared_counters: Option<Arc<SharedCounters>>,
    pub(super) shared_data: Arc<PolicyData>,
    pub(super) series: Arc<PolicySeries>,
    pub(super) limits: PluginLimits,
    /// Upstreams it may ask.
    pub(super) upstreams: Vec<String>,
    pub(super) log: LogBudget,
    pub(super) pace: Pace,
    pub(super) start: StartBudget,
}

impl Setup {
    pub(super) fn new(plugin: &LoadedPlugin, spec: &Policy, config: String, services: &PolicyServices) -> Self {
        Self {
            policy: spec.name.clone(),
            config,
            counters: services.counters.clone(),
            shared_counters: services.shared_counters.clone(),
            shared_data: Arc::clone(&services.shared_data),
            series: Arc::clone(&services.series),
            limits: plugin.limits,
            upstreams: plugin.facts.upstreams.clone(),
            log: LogBudget::new(&spec.name, plugin.limits.log_lines),
            pace: Pace::new(plugin.engine.ticks()),
            start: StartBudget::new(plugin.limits.cpu),
        }
    }

    /// Whether instances made with these would meet the same state. The consumers come with each call.
    pub(super) fn is_served_by(&self, services: &PolicyServices) -> bool {
        let shared = (&self.shared_counters, &services.shared_counters);
        self.counters.are_those_of(&services.counters)
            && match shared {
                (Some(ours), Some(theirs)) => ours.are_those_of(theirs),
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            }
            && Arc::ptr_eq(&self.shared_data, &services.shared_data)
            && Arc::ptr_eq(&self.series, &services.series)
    }
}

/// What host functions know without a call.
pub(super) struct HostState {
    setup: Arc<Setup>,
    memory: MemoryBudget,
    cpu: CpuBudget,
    /// Read once per call, and only where it is asked for.
    time: Option<CallTime>,
    /// Requests to upstreams in the call under way.
    outbound_calls: u32,
    /// Passwords to be checked in it.
    password_checks: u32,
    /// Places that the call under way holds.
    held: Vec<Held>,
    /// Its guest was told what another instance must not be told again; so it can be no image.
    is_one_of_a_kind: bool,
}

/// What time it is during one call.
#[derive(Clone, Copy)]
pub(super) struct CallTime {
    pub(super) wall_ms: u64,
    pub(super) monotonic_ms: u64,
}

impl HostState {
    /// Room in memory for what the gateway itself does in the instance.
    pub(super) fn lend_memory(&mut self, bytes: usize) {
        self.memory.lend(bytes);
    }

    /// Its guest is about to be told what another instance must not be told again.
    pub(super) fn becomes_one_of_a_kind(&mut self) {
        self.is_one_of_a_kind = true;
    }

    pub(super) fn is_one_of_a_kind(&self) -> bool {
        self.is_one_of_a_kind
    }

    pub(super) fn policy(&self) -> &str {
        &self.setup.policy
    }

    pub(super) fn counters(&self) -> &PolicyCounters {
        &self.setup.counters
    }

    pub(super) fn shared_counters(&self) -> Option<Arc<SharedCounters>> {
        self.setup.shared_counters.clone()
    }

    /// Whether the call under way may hold another place.
    pub(super) fn may_hold(&self) -> bool {
        self.held.len() < MOST_HELD
    }

    /// Keeps a place for the call under way.
    pub(super) fn keep(&mut self, held: Held) {
        self.held.push(held);
    }

    /// Whether it may ask this upstream.
    pub(super) fn may_ask(&self, upstream: &str) -> bool {
        self.setup.upstreams.iter().any(|granted| granted == upstream)
    }

    /// Counts a request to an upstream; whether it may still be made.
    pub(super) fn take_outbound_call(&mut self) -> bool {
        self.outbound_calls += 1;
        self.outbound_calls <= self.setup.limits.http_calls
    }

    /// Counts a password to be checked; whether it still may be.
    pub(super) fn take_password_check(&mut self) -> bool {
        self.password_checks += 1;
        self.password_checks <= MOST_PASSWORD_CHECKS
    }

    pub(super) fn shared_data(&self) -> &PolicyData {
        &self.setup.shared_data
    }

    pub(super) fn series(&self) -> &PolicySeries {
        &self.setup.series
    }

    pub(super) fn log_budget(&self) -> &LogBudget {
        &self.setup.log
    }

    pub(super) fn limits(&self) -> &PluginLimits {
        &self.setup.limits
    }

    /// An epoch is over while its guest runs.
    ///
    /// # Errors
    /// Its budget is used up.
    fn look(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let Look { sight, verdict } = self.cpu.look();
        self.setup.pace.saw(sight);
        verdict
    }

    pub(super) fn time(&mut self) -> CallTime {
        let clock = self.setup.counters.clock();
        let read = || CallTime { wall_ms: clock.wall_ms(), monotonic_ms: clock.now_ns() / 1_000_000 };
        *self.time.get_or_insert_with(read)
    }
}

/// What a guest has against its configuration, where it has something against it.
pub(super) type Configured = Result<(), Vec<ConfigureProblem>>;

/// Why no instance came to be.
pub(super) enum Refusal {
    /// It failed on the way.
    Failed(PluginFailure),
    /// It does not want its configuration.
    Problems(Vec<ConfigureProblem>),
}

/// A running component. After any failure it must be dropped: a trap leaves its memory half-way.
pub(super) struct Instance {
    store: Store<HostState>,
    guest: GuestInstance,
    exports: Exports,
    /// It can be called on a stack of its own only.
    asks_upstreams: bool,
    calls_left: u32,
    /// The endpoints it was last told of; weak, so that an idle instance keeps none of them alive.
    told: Option<Weak<[Member]>>,
}

impl Instance {
    /// Starts an instance; it is to be configured, unless the program is an image.
    pub(super) fn start(plugin: &LoadedPlugin, program: &Program, setup: &Arc<Setup>) -> Result<Self, Refusal> {
        let mut store = new_store(plugin, setup);
        store.data_mut().cpu.begin(setup.start.now());
        let guest = instantiate(plugin, program, &mut store).map_err(|error| failed(&error, &store))?;
        Ok(Self::of(plugin, program, store, guest))
    }

    fn of(plugin: &LoadedPlugin, program: &Program, store: Store<HostState>, guest: GuestInstance) -> Self {
        let exports = program.exports.of(guest);
        let calls_left = match plugin.instances {
            InstanceMode::Reused => plugin.limits.calls_per_instance,
            InstanceMode::PerRequest => 1,
        };
        let asks_upstreams = plugin.waits();
        Self { store, guest, exports, asks_upstreams, calls_left, told: None }
    }

    /// Looks all of its exports up, which calls do when they need one: where a policy is bound, all have to fit.
    pub(super) fn look_up(&mut self) -> Result<(), Refusal> {
        let looked_up = by_version!(&mut self.exports, exports => exports.look_up(&mut self.store));
        looked_up.map_err(|error| failed(&error, &self.store))
    }

    /// Lets it take over the policy's configuration.
    pub(super) fn configure(&mut self) -> Result<(), Refusal> {
        let setup = Arc::clone(&self.store.data().setup);
        let outcome = match self.asks_upstreams {
            // It may not wait yet.
            true => at_once(self.call_configure_waiting(setup)),
            false => by_version!(&mut self.exports, exports => exports.configure(&mut self.store, &setup.config)),
        };
        self.configured(outcome)
    }

    fn configured(&self, outcome: wasmtime::Result<Configured>) -> Result<(), Refusal> {
        match outcome {
            Ok(configured) => configured.map_err(Refusal::Problems),
            Err(error) => Err(failed(&error, &self.store)),
        }
    }

    /// Starts the CPU budget of a call.
    pub(super) fn begin(&mut self, budget: Duration) {
        self.begin_call();
        let state = self.store.data_mut();
        if state.setup.pace.is_watched() { state.cpu.begin_watched(budget) } else { state.cpu.begin(budget) }
    }

    /// What is counted per call begins anew.
    fn begin_call(&mut self) {
        let state = self.store.data_mut();
        state.memory.forgive();
        state.time = None;
        state.outbound_calls = 0;
        state.password_checks = 0;
        self.store.set_epoch_deadline(FIRST_LOOK);
        self.calls_left = self.calls_left.saturating_sub(1);
    }

    /// Hands over the places that the call held. What is not taken from here is free again when the call is over.
    pub(super) fn take_held(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.store.data_mut().held)
    }

    /// Bytes of linear memory it has.
    pub(super) fn memory(&self) -> usize {
        self.store.data().memory.used()
    }

    /// Whether it has served its calls and makes way for a new one.
    pub(super) fn is_spent(&self) -> bool {
        self.calls_left == 0
    }

    /// Reaches past the contract, for who made the program.
    pub(super) fn parts(&mut self) -> (&mut Store<HostState>, GuestInstance) {
        (&mut self.store, self.guest)
    }

    /// What an error of a call means.
    pub(super) fn failure(&self, error: &wasmtime::Error) -> PluginFailure {
        PluginFailure::of(error, self.store.data().memory.was_denied())
    }

    /// `None` where the component does not decide on requests.
    pub(super) fn on_request(&mut self, rules: Rules<'_>) -> Result<Option<RequestDecision>, Fault> {
        by_version!(&mut self.exports, exports => exports.on_request(&mut self.store, rules))
    }

    /// `None` where the component names no limits; each is made by `limit` of its key.
    pub(super) fn limits_of(
        &mut self,
        rules: Rules<'_>,
        limit: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Option<Limits>, Fault> {
        by_version!(&mut self.exports, exports => exports.limits_of(&mut self.store, rules, limit))
    }

    /// `None` where the component does not decide on responses.
    pub(super) fn on_response(&mut self, rules: Rules<'_>) -> Result<Option<ResponseDecision>, Fault> {
        by_version!(&mut self.exports, exports => exports.on_response(&mut self.store, rules))
    }

    /// Tells of the members where they are new to this instance, then asks.
    pub(super) fn pick(&mut self, members: &Arc<[Member]>, candidates: &[Candidate]) -> wasmtime::Result<Option<u32>> {
        let current = Arc::downgrade(members);
        if !self.told.as_ref().is_some_and(|told| told.ptr_eq(&current)) {
            by_version!(&mut self.exports, exports => exports.update(&mut self.store, members))?;
            self.told = Some(current);
        }
        by_version!(&mut self.exports, exports => exports.pick(&mut self.store, candidates))
    }
}

fn instantiate(
    plugin: &LoadedPlugin,
    program: &Program,
    store: &mut Store<HostState>,
) -> wasmtime::Result<GuestInstance> {
    if plugin.waits() {
        // It may not wait yet.
        return at_once(program.component.instantiate_async(store));
    }
    program.component.instantiate(store)
}

fn new_store(plugin: &LoadedPlugin, setup: &Arc<Setup>) -> Store<HostState> {
    let memory = MemoryBudget::new(plugin.limits.memory, plugin.limits.table_elements);
    let mut store = Store::new(
        plugin.engine.wasmtime(),
        HostState {
            setup: Arc::clone(setup),
            memory,
            cpu: CpuBudget::default(),
            time: None,
            outbound_calls: 0,
            password_checks: 0,
            held: Vec::new(),
            is_one_of_a_kind: false,
        },
    );
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(plugin.most_output().saturating_mul(2).saturating_add(HOSTCALL_SLACK));
    store.set_max_component_handles(plugin.limits.handles);
    store.set_epoch_deadline(FIRST_LOOK);
    store.epoch_deadline_callback(|mut store| store.data_mut().look());
    store
}

fn failed(error: &wasmtime::Error, store: &Store<HostState>) -> Refusal {
    Refusal::Failed(PluginFailure::of(error, store.data().memory.was_denied()))
}

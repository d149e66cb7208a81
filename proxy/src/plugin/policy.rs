//! A plugin configured: what chains and balancers call.

mod body;
mod deciding;
mod limiting;
mod observer;
mod remembering;
mod starting;
mod waiting;

use std::sync::Arc;

use super::checked::{self, Rules};
use super::component::{LoadedPlugin, Program};
use super::decisions::question::Messages;
use super::decisions::trace::Trace;
use super::failure::Fault;
pub use super::failure::PluginFailure;
pub use super::image::ImageUse;
use super::image::{self, NoImage};
use super::instance::{Instance, Refusal, Setup};
use super::outbound::Outbound;
use super::pool::Pool;
use super::quarantine::{Quarantine, Standing};
pub use super::roles::{Role, Roles};
use super::scope::{self, CallScope};
use super::statistics::{Asked, PolicyStatistics, Recorder};
use crate::config::model::{Capability, Policy};
use crate::consumers::{Consumers, PasswordChecks};
use crate::counters::{Held, PolicyCounters, SharedCounters};
use crate::keysets::Keysets;
use crate::observe::metrics::{CallOutcome, PolicyMetrics, PolicySeries};
use crate::policy::decision::{Forward, RequestDecision, ResponseDecision};
use crate::policy::view::{RequestView, ResponseView};
use crate::shared_data::PolicyData;
use crate::upstream::member::Member;
pub use deciding::Decided;
pub use observer::Exchange;
use remembering::Remembered;

/// A policy ready to be called; `configure` has run and agreed.
///
/// It belongs to one snapshot, because it holds that snapshot's consumers and key sets; what is dear about it, the instances, is
/// shared with the next snapshot by [`PolicyRuntime::share`] where plugin and configuration stay the same.
pub struct PolicyRuntime {
    /// Name of the policy.
    pub name: String,
    configured: Arc<ConfiguredPolicy>,
    consumers: Arc<Consumers>,
    passwords: Arc<PasswordChecks>,
    keysets: Arc<Keysets>,
    outbound: Arc<dyn Outbound>,
    metrics: PolicyMetrics,
    /// What it decided under this snapshot's consumers, where it may be remembered.
    remembered: Option<Remembered>,
}

/// The part of a policy that no snapshot owns.
struct ConfiguredPolicy {
    plugin: Arc<LoadedPlugin>,
    config: serde_json::Value,
    setup: Arc<Setup>,
    /// What instances start from, configured already; or why `configure` runs in each.
    image: Result<Program, String>,
    pool: Pool,
    quarantine: Quarantine,
    recorder: Recorder,
}

/// What a policy needs of the program.
#[derive(Clone, Debug)]
pub struct PolicyServices {
    /// What its instances count by.
    pub counters: PolicyCounters,
    /// The same, where its plugin counts together with other gateways.
    pub shared_counters: Option<Arc<SharedCounters>>,
    /// What its instances share.
    pub shared_data: Arc<PolicyData>,
    /// The consumers of the snapshot the policy is made for.
    pub consumers: Arc<Consumers>,
    /// Checks their passwords.
    pub passwords: Arc<PasswordChecks>,
    /// Its key sets.
    pub keysets: Arc<Keysets>,
    /// Sends what the policy asks upstreams for.
    pub outbound: Arc<dyn Outbound>,
    /// Where its calls are counted.
    pub metrics: PolicyMetrics,
    /// What it counts itself.
    pub series: Arc<PolicySeries>,
}

/// What a plugin has against its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigureProblem {
    /// Where in `[policy.config]`, such as `limits[0].per`; empty for the whole.
    pub path: String,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// How to mend it, where the gateway knows.
    pub hint: Option<&'static str>,
}

/// What is true of an endpoint that may be picked now.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its index among the upstream's members.
    pub member: u32,
    /// Requests under way to it.
    pub in_flight: u32,
    /// Microseconds, 0 where unknown.
    pub latency_us: u32,
}

impl From<PluginFailure> for Refusal {
    fn from(failure: PluginFailure) -> Self {
        Self::Failed(failure)
    }
}

impl std::fmt::Debug for PolicyRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyRuntime").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PolicyRuntime {
    /// Makes a first instance and lets it take over the configuration. Takes up to seconds: never call it from a worker.
    ///
    /// # Errors
    /// What the plugin has against the configuration, or why it did not come up.
    pub fn bind(
        plugin: Arc<LoadedPlugin>,
        spec: &Policy,
        services: PolicyServices,
    ) -> Result<Arc<Self>, Vec<ConfigureProblem>> {
        let config = config_text(&plugin, &spec.config).map_err(|problem| vec![problem])?;
        let setup = Arc::new(Setup::new(&plugin, spec, config, &services));
        let PolicyServices { consumers, passwords, keysets, outbound, metrics, .. } = services;
        let remembered = Remembered::of(&plugin);
        let configured = ConfiguredPolicy {
            image: image_of(&plugin, &setup)?,
            pool: Pool::new(plugin.limits().instances),
            quarantine: Quarantine::new(spec.name.clone(), setup.counters.clone(), plugin.quarantine),
            plugin,
            config: spec.config.clone(),
            setup,
            recorder: Recorder::default(),
        };
        configured.start_first()?;
        Ok(Arc::new(Self {
            name: spec.name.clone(),
            configured: Arc::new(configured),
            consumers,
            passwords,
            keysets,
            outbound,
            metrics,
            remembered,
        }))
    }

    /// The same policy with the next snapshot's consumers and key sets, where plugin and configuration are the same: instances and
    /// statistics go on. `None` where it has to be bound anew.
    #[must_use]
    pub fn share(&self, plugin: &LoadedPlugin, spec: &Policy, services: &PolicyServices) -> Option<Arc<Self>> {
        let configured = &self.configured;
        let same = self.name == spec.name
            && configured.config == spec.config
            && configured.plugin.is_same(plugin)
            && configured.setup.is_served_by(services);
        same.then(|| {
            Arc::new(Self {
                name: self.name.clone(),
                configured: Arc::clone(configured),
                consumers: Arc::clone(&services.consumers),
                passwords: Arc::clone(&services.passwords),
                keysets: Arc::clone(&services.keysets),
                outbound: Arc::clone(&services.outbound),
                metrics: services.metrics.clone(),
                remembered: Remembered::of(&configured.plugin),
            })
        })
    }

    /// What its plugin exports.
    #[must_use]
    pub fn roles(&self) -> Roles {
        self.configured.plugin.facts().roles
    }

    /// The plugin it is made of.
    #[must_use]
    pub fn plugin(&self) -> &Arc<LoadedPlugin> {
        &self.configured.plugin
    }

    /// Bytes of linear memory that an idle instance has; none where all are at work.
    #[must_use]
    pub fn instance_memory(&self) -> Option<usize> {
        let lease = self.configured.pool.lease(|| Err::<Instance, _>(PluginFailure::Overloaded)).ok()?;
        let memory = lease.instance.memory();
        lease.give_back();
        Some(memory)
    }

    /// How it is doing, since it was bound.
    #[must_use]
    pub fn statistics(&self) -> PolicyStatistics {
        let ConfiguredPolicy { pool, recorder, .. } = &*self.configured;
        PolicyStatistics { remembered: self.metrics.times_remembered(), ..recorder.read(pool.alive(), pool.idle()) }
    }

    /// Says in the log how many lines of it were not written, if any; called once a second, from no worker.
    pub fn tell_of_unwritten_lines(&self) {
        self.configured.setup.log.tell();
    }

    /// Whether its instances start configured.
    #[must_use]
    pub fn image(&self) -> ImageUse {
        match &self.configured.image {
            Ok(_) => ImageUse::Used,
            Err(reason) => ImageUse::Unused(reason.clone()),
        }
    }

    /// Whether it is called at all.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.configured.quarantine.standing()
    }

    /// Asks for a decision on a request. A plugin that does not decide on requests lets it pass.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub fn on_request(&self, request: &dyn RequestView) -> Result<RequestDecision, PluginFailure> {
        self.decide_at_once(Messages { request, response: None }, None)
    }

    /// Asks for a decision on a response. A plugin that does not decide on responses lets it pass.
    ///
    /// # Errors
    /// The plugin failed; nothing was changed.
    pub fn on_response(
        &self,
        request: &dyn RequestView,
        response: &dyn ResponseView,
    ) -> Result<ResponseDecision, PluginFailure> {
        self.decide_on_response_at_once(Messages { request, response: Some(response) }, None)
    }

    /// Asks which of `candidates` to take; `members` is what `update` tells the plugin, once per instance and set.
    ///
    /// # Errors
    /// The plugin failed, or picked what is not there.
    pub fn pick(
        &self,
        request: &dyn RequestView,
        members: &Arc<[Member]>,
        candidates: &[Candidate],
    ) -> Result<Option<usize>, PluginFailure> {
        let scope = self.scope(Messages { request, response: None }, None);
        let pick = self.call(scope, |instance| {
            let index = instance.pick(members, candidates)?;
            Ok(checked::pick(index, candidates.len())?)
        });
        self.count(scope.asked(Role::Balancer), pick, |pick| {
            if pick.is_some() { CallOutcome::Pick } else { CallOutcome::Decline }
        })
    }

    fn ask_request(&self, scope: CallScope<'_>) -> Result<RequestDecision, PluginFailure> {
        let decision = self.call(scope, |instance| {
            let decision = instance.on_request(self.rules())?;
            Ok(requested(decision, instance.take_held()))
        });
        self.count_request(scope, decision)
    }

    fn ask_response(&self, scope: CallScope<'_>) -> Result<ResponseDecision, PluginFailure> {
        let decision = self.call(scope, |instance| Ok(responded(instance.on_response(self.rules())?)));
        self.count_response(scope, decision)
    }

    fn scope<'a>(&'a self, messages: Messages<'a>, trace: Option<&'a Trace>) -> CallScope<'a> {
        CallScope {
            messages,
            trace,
            consumers: &self.consumers,
            passwords: &self.passwords,
            keysets: &self.keysets,
            outbound: &*self.outbound,
        }
    }

    fn count_request(
        &self,
        scope: CallScope<'_>,
        decision: Result<RequestDecision, PluginFailure>,
    ) -> Result<RequestDecision, PluginFailure> {
        self.count(scope.asked(Role::Request), decision, Self::request_outcome)
    }

    fn count_response(
        &self,
        scope: CallScope<'_>,
        decision: Result<ResponseDecision, PluginFailure>,
    ) -> Result<ResponseDecision, PluginFailure> {
        self.count(scope.asked(Role::Response), decision, Self::response_outcome)
    }

    fn request_outcome(decision: &RequestDecision) -> CallOutcome {
        match decision {
            RequestDecision::Forward(_) => CallOutcome::Forward,
            RequestDecision::Respond(_) => CallOutcome::Respond,
        }
    }

    fn response_outcome(decision: &ResponseDecision) -> CallOutcome {
        match decision {
            ResponseDecision::Forward(_) => CallOutcome::Forward,
            ResponseDecision::Replace(_) => CallOutcome::Respond,
        }
    }

    fn rules(&self) -> Rules<'_> {
        let plugin = &self.configured.plugin;
        Rules {
            output: plugin.limits().output,
            fields: plugin.limits().output_fields,
            consumers: plugin.facts().grants.has(Capability::Consumers).then_some(&*self.consumers),
        }
    }

    /// Runs one call, unless the policy is quarantined.
    fn call<T>(
        &self,
        scope: CallScope<'_>,
        run: impl FnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, PluginFailure> {
        let pass = self.configured.quarantine.admit()?;
        let result = self.call_instance(scope, run);
        pass.tell(&result);
        result
    }

    /// Runs one call on one instance. Where anything goes wrong, the lease drops it, and its store with it.
    fn call_instance<T>(
        &self,
        scope: CallScope<'_>,
        run: impl FnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, PluginFailure> {
        let configured = &*self.configured;
        let _sample = self.metrics.sample();
        let mut lease = configured.pool.lease(|| configured.create().map_err(PluginFailure::from))?;
        lease.instance.begin(configured.plugin.limits().cpu);
        match scope::lend(scope, || run(&mut lease.instance)) {
            Ok(value) => {
                drop(lease.instance.take_held());
                lease.give_back();
                Ok(value)
            }
            Err(Fault::Guest(error)) => Err(lease.instance.failure(&error)),
            Err(Fault::Illegal(illegal)) => Err(PluginFailure::Illegal(illegal)),
        }
    }

    fn count_call(&self, outcome: CallOutcome) {
        self.configured.recorder.call();
        self.metrics.call(outcome);
    }

    fn count<T>(
        &self,
        asked: Asked<'_>,
        result: Result<T, PluginFailure>,
        outcome: impl FnOnce(&T) -> CallOutcome,
    ) -> Result<T, PluginFailure> {
        match &result {
            Ok(value) => self.count_call(outcome(value)),
            Err(failure @ PluginFailure::Quarantined) => {
                self.configured.recorder.quarantined();
                self.metrics.call(failure.outcome());
            }
            Err(failure) => {
                self.configured.recorder.call();
                self.metrics.call(failure.outcome());
                self.configured.recorder.failure(&self.name, asked, failure);
            }
        }
        result
    }
}

impl ConfiguredPolicy {
    fn create(&self) -> Result<Instance, Refusal> {
        match &self.image {
            Ok(image) => Instance::start(&self.plugin, image, &self.setup),
            Err(_) => image::configured(&self.plugin, &self.plugin.program, &self.setup),
        }
    }
}

/// What a guest decided on a request; a guest without that role lets it pass.
fn requested(decision: Option<RequestDecision>, held: Vec<Held>) -> RequestDecision {
    match decision {
        Some(RequestDecision::Forward(forward)) => RequestDecision::Forward(Forward { held, ..forward }),
        Some(answered) => answered,
        None => RequestDecision::default(),
    }
}

/// The same for a response.
fn responded(decision: Option<ResponseDecision>) -> ResponseDecision {
    decision.unwrap_or_else(|| ResponseDecision::Forward(Vec::new()))
}

/// For the data path, where a configuration was accepted before.
impl From<Refusal> for PluginFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failed(failure) => failure,
            Refusal::Problems(_) => Self::Trap("`configure` refused what it had accepted".into()),
        }
    }
}

/// An image of the configured component, or why there is none.
fn image_of(plugin: &LoadedPlugin, setup: &Arc<Setup>) -> Result<Result<Program, String>, Vec<ConfigureProblem>> {
    match image::make(plugin, setup) {
        Ok(image) => Ok(Ok(image)),
        Err(NoImage::Refused(refusal)) => Err(problems(refusal)),
        Err(NoImage::Unsuitable(reason)) => {
            tracing::debug!(
                policy = setup.policy,
                reason,
                "no image of the configured policy, each instance is configured"
            );
            Ok(Err(reason))
        }
    }
}

/// For a reload, where there is someone to read it.
fn problems(refusal: Refusal) -> Vec<ConfigureProblem> {
    match refusal {
        Refusal::Problems(problems) if !problems.is_empty() => problems,
        Refusal::Problems(_) => vec![whole("the plugin refuses it without saying why".into())],
        Refusal::Failed(failure) => vec![whole(format!("the plugin failed before its first call: {failure}"))],
    }
}

/// A plugin that exports no `configuration` has nothing to be told.
fn config_text(plugin: &LoadedPlugin, config: &serde_json::Value) -> Result<String, ConfigureProblem> {
    let is_empty = config.is_null() || config.as_object().is_some_and(serde_json::Map::is_empty);
    if is_empty {
        return Ok("{}".into());
    }
    match plugin.is_configurable() {
        true => Ok(config.to_string()),
        false => Err(whole("the plugin takes no configuration, leave it out".into())),
    }
}

fn whole(message: String) -> ConfigureProblem {
    ConfigureProblem { path: String::new(), message, hint: None }
}

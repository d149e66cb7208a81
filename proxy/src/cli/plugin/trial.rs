//! A plugin on the host that production runs, with a clock moved by hand and made-up clients and endpoints.

mod clock;
mod copied;
mod log;
mod missing;
mod question;
mod upstreams;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::file::unreadable;
use crate::cli::run;
use crate::config::cases::{AskedCandidate, AskedRequest, Case, CaseTable, Subject};
use crate::config::model::{self, Counting, FailureMode, Grants, InstanceMode, Plugin, PluginLimits, Policy};
use crate::consumers::{Consumer, Consumers, PasswordChecks};
use crate::counters::Counters;
use crate::keysets::{Keyset, Keysets};
use crate::observe::metrics::Metrics;
use crate::plugin::compile::{Compilation, Compiler};
use crate::plugin::component::LoadedPlugin;
use crate::plugin::engine::{EngineCapacity, PluginEngine};
use crate::plugin::policy::{ConfigureProblem, PluginFailure, PolicyRuntime, PolicyServices};
use crate::policy::body::Action;
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::shared_data::SharedData;
use crate::upstream::member::Member;
use clock::HandClock;
pub(super) use copied::Copied;
use log::PolicyLog;
pub(super) use missing::MissingRole;
pub(super) use question::Question;
use upstreams::Upstreams;

/// The plugin and the policy of a trial go by this name.
const NAME: &str = "trial";
/// A trial asks one question at a time.
const INSTANCES: u32 = 4;
/// Every configuration of a table is a policy with instances of its own, and an interpreter is made of forty core modules
/// where the engine reckons with four.
const ROOM: u32 = 40;

/// Compiled code is taken from where the gateway keeps it, and kept there. An author compiles what they made themselves, so
/// that no process of its own has to be limited.
pub(super) fn kept() -> Compilation {
    Compilation::new(Compiler::InProcess, run::own_directory())
}

/// What a plugin is tried with.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) grants: Grants,
    pub(super) instances: InstanceMode,
    pub(super) limits: PluginLimits,
    pub(super) consumers: Vec<model::Consumer>,
    pub(super) keysets: Vec<model::Keyset>,
    /// Names of the upstreams it may ask.
    pub(super) upstreams: Vec<String>,
}

impl Terms {
    /// What a table of cases says.
    pub(super) fn of_table(table: &CaseTable, instances: InstanceMode) -> Self {
        let named = table.cases.iter().flat_map(|case| &case.upstreams).map(|(name, _)| name.clone());
        Self {
            grants: table.grants,
            instances,
            limits: table.limits,
            consumers: table.consumers.clone(),
            keysets: table.keysets.clone(),
            upstreams: named.collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }
}

/// A plugin, and the state that outlives a question.
pub(super) struct Trial {
    plugin: Arc<LoadedPlugin>,
    consumers: Arc<Consumers>,
    keysets: Arc<Keysets>,
    clock: Arc<HandClock>,
    counters: Counters,
    shared_data: SharedData,
    metrics: Metrics,
    /// The policy as it was configured last.
    bound: Option<(Value, Arc<PolicyRuntime>)>,
    /// The endpoints of the last question: the same ones are told to an instance once.
    told: Option<(Vec<AskedCandidate>, Arc<[Member]>)>,
    upstreams: Upstreams,
    log: PolicyLog,
}

/// What a question came to.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// What the policy logged, each as `info: text`.
    pub(super) log: Vec<String>,
    /// What it asked of upstreams, each as `auth GET /check`.
    pub(super) asked: Vec<String>,
    /// Time on the wall, of the call alone.
    pub(super) took: Duration,
}

/// What was decided, or why nothing was.
pub(super) enum Verdict {
    Request(RequestDecision),
    Response(ResponseDecision),
    Pick(Option<usize>),
    /// What becomes of a body as a whole; `None` where the policy does not look at it.
    Body(Option<Action>),
    /// More of a body was to be kept than `limits.body`.
    TooLarge,
    /// It heard of an exchange.
    Observed,
    /// Nobody was there to be asked.
    Unasked(MissingRole),
    Failed(PluginFailure),
    Misconfigured(Vec<ConfigureProblem>),
}

impl Trial {
    /// Loads a component, compiled like this.
    ///
    /// # Errors
    /// What keeps it from being loaded, with hints.
    pub(super) fn load(file: &Path, terms: Terms, compilation: Compilation) -> anyhow::Result<Self> {
        File::open(file).map_err(|error| unreadable(file, &error))?;
        let Terms { grants, instances, limits, consumers, keysets, upstreams } = terms;
        let limits = PluginLimits { instances: limits.instances.min(INSTANCES), ..limits };
        let capacity = EngineCapacity { instances: INSTANCES * ROOM, memory: limits.memory };
        let engine = PluginEngine::new(capacity, Arc::new(compilation))?;
        let spec = Plugin {
            name: NAME.to_owned(),
            path: file.to_owned(),
            sha256: None,
            grants,
            upstreams,
            counters: Counting::Local,
            instances,
            limits,
            // Each failure is to be seen.
            quarantine: None,
        };
        let plugin = LoadedPlugin::load(&engine, &spec).map_err(|error| {
            let told = error.problems.iter().map(|problem| match &problem.hint {
                Some(hint) => format!("{}: {}\nhint: {hint}", file.display(), problem.message),
                None => format!("{}: {}", file.display(), problem.message),
            });
            anyhow::anyhow!("{}", told.collect::<Vec<_>>().join("\n"))
        })?;
        let known = consumers.into_iter().map(|spec| (Consumer::new(spec.name, spec.tags), spec.credentials));
        let clock = Arc::new(HandClock::new());
        Ok(Self {
            plugin,
            consumers: Arc::new(Consumers::new(known)),
            keysets: Arc::new(Keysets::new(loaded(&keysets)?)),
            counters: counters(&clock),
            shared_data: shared_data(&clock),
            clock,
            metrics: Metrics::new(),
            bound: None,
            told: None,
            upstreams: Upstreams::default(),
            log: PolicyLog::default(),
        })
    }

    /// Forgets what the policy keeps: its counters, its shared data and its instances.
    pub(super) fn start_over(&mut self) {
        self.counters = counters(&self.clock);
        self.shared_data = shared_data(&self.clock);
        self.bound = None;
        self.told = None;
    }

    /// The policy with this configuration; the same one as for the last question, where that is the same.
    pub(super) fn policy(&mut self, config: &Value) -> Result<Arc<PolicyRuntime>, Vec<ConfigureProblem>> {
        if let Some((_, policy)) = self.bound.as_ref().filter(|(known, _)| known == config) {
            return Ok(Arc::clone(policy));
        }
        let policy = self.bind(config)?;
        self.bound = Some((config.clone(), Arc::clone(&policy)));
        Ok(policy)
    }

    /// A policy with an instance that has not been asked anything.
    pub(super) fn bind(&self, config: &Value) -> Result<Arc<PolicyRuntime>, Vec<ConfigureProblem>> {
        let spec = Policy {
            name: NAME.to_owned(),
            plugin: NAME.to_owned(),
            config: config.clone(),
            on_failure: FailureMode::Deny,
        };
        let services = PolicyServices {
            counters: self.counters.policy(NAME, self.plugin.limits().counters),
            shared_counters: None,
            shared_data: self.shared_data.policy(NAME),
            consumers: Arc::clone(&self.consumers),
            passwords: Arc::new(PasswordChecks::in_place()),
            keysets: Arc::clone(&self.keysets),
            outbound: Arc::new(self.upstreams.clone()),
            metrics: self.metrics.policy(NAME, NAME),
            series: self.metrics.policy_series(NAME),
        };
        PolicyRuntime::bind(Arc::clone(&self.plugin), &spec, services)
    }

    /// A question as the host takes it.
    pub(super) fn question(&mut self, request: &AskedRequest, subject: &Subject) -> anyhow::Result<Question> {
        let members = match subject {
            Subject::Candidates(candidates) => Some(self.members(candidates)),
            _ => None,
        };
        Question::new(request, subject, members, &self.consumers)
    }

    /// The question of a case: the clock moves to its time, and from now on upstreams answer as it says.
    pub(super) fn question_of(&mut self, case: &Case) -> anyhow::Result<Question> {
        self.clock.advance(case.after);
        self.upstreams.answer(&case.upstreams);
        self.question(&case.request, &case.subject).with_context(|| format!("case {:?}", case.name))
    }

    /// Forgets what upstreams were asked.
    pub(super) fn forget_asked(&self) {
        self.upstreams.take_asked();
    }

    /// Configures the policy, asks, and keeps what it logs.
    pub(super) fn ask(&mut self, config: &Value, question: &Question) -> Outcome {
        let log = self.log.clone();
        let (verdict, took) = log.collect(|| match self.policy(config) {
            Ok(policy) => {
                let began = Instant::now();
                let verdict = question.put(&policy);
                (verdict, began.elapsed())
            }
            Err(problems) => (Verdict::Misconfigured(problems), Duration::ZERO),
        });
        Outcome { verdict, log: log.take(), asked: self.upstreams.take_asked(), took }
    }

    /// Whether the gateway would give what was decided to messages that read the same. What a limit policy says is
    /// remembered as well, but to ask it again is to count again.
    pub(super) fn would_remember(&self, outcome: &Outcome) -> bool {
        let is_decision = matches!(outcome.verdict, Verdict::Request(_) | Verdict::Response(_));
        let remembers = self.bound.as_ref().is_some_and(|(_, policy)| policy.remembers() && !policy.roles().limit);
        is_decision && remembers
    }

    fn members(&mut self, candidates: &[AskedCandidate]) -> Arc<[Member]> {
        let is_same = |known: &[AskedCandidate]| {
            let identity =
                |candidate: &AskedCandidate| (candidate.address.clone(), candidate.weight, candidate.zone.clone());
            known.iter().map(identity).eq(candidates.iter().map(identity))
        };
        if let Some((_, members)) = self.told.as_ref().filter(|(known, _)| is_same(known)) {
            return Arc::clone(members);
        }
        let members = question::members(candidates, &self.metrics);
        self.told = Some((candidates.to_vec(), Arc::clone(&members)));
        members
    }
}

/// Key sets whose keys are at hand; others have none.
fn loaded(specs: &[model::Keyset]) -> anyhow::Result<Vec<Arc<Keyset>>> {
    let load = |spec: &model::Keyset| {
        Keyset::load(spec, None).map_err(|problems| {
            let told = problems.iter().map(|problem| format!("key set {:?}: {}", spec.name, problem.message));
            anyhow::anyhow!("{}", told.collect::<Vec<_>>().join("\n"))
        })
    };
    specs.iter().map(load).collect()
}

fn counters(clock: &Arc<HandClock>) -> Counters {
    Counters::new(Arc::<HandClock>::clone(clock))
}

fn shared_data(clock: &Arc<HandClock>) -> SharedData {
    SharedData::new(Arc::<HandClock>::clone(clock))
}

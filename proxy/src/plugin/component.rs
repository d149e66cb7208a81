//! A plugin loaded: compiled, its imports held against its grants, its roles known.

mod contract;
mod file;

use std::sync::Arc;

use wasmtime::component::{HasSelf, InstancePre, Linker};

use super::bindings::{
    balancer, clock, configuration, consumers, counters, http, log, metrics, random, request_policy, response_policy,
    shared_data, types,
};
use super::engine::{Artefact, PluginEngine};
use super::failure::first_line;
use super::instance::HostState;
use super::policy::Roles;
use crate::config::model::{Capability, Grants, Plugin, PluginLimits};
use contract::Survey;

/// Why a plugin was not loaded: every reason at once.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin:?} does not load: {}", joined(.problems))]
pub struct LoadError {
    /// Name of the plugin.
    pub plugin: String,
    /// At least one.
    pub problems: Vec<LoadProblem>,
}

/// One thing that keeps a plugin from being loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadProblem {
    /// Which key of the plugin's configuration is meant: `path`, `sha256` or `grants`.
    pub key: &'static str,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl LoadProblem {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { key: "path", message: message.into(), hint: Some(hint.into()) }
    }

    fn about(self, key: &'static str) -> Self {
        Self { key, ..self }
    }
}

fn joined(problems: &[LoadProblem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// What is known of a loaded plugin, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFacts {
    /// Its name.
    pub name: String,
    /// The file it came from.
    pub path: std::path::PathBuf,
    /// SHA-256 of the file, in lower-case hex.
    pub sha256: String,
    /// Size of the file, in bytes.
    pub bytes: usize,
    /// The contract's version it was built against; the newest where it names several.
    pub contract: String,
    /// What it decides on.
    pub roles: Roles,
    /// What it imports, as it says it.
    pub imports: Vec<String>,
    /// What the operator granted, used or not.
    pub grants: Grants,
}

/// A component that may run: cheap to instantiate, shared by all policies that use it.
pub struct LoadedPlugin {
    pub(super) facts: PluginFacts,
    pub(super) limits: PluginLimits,
    pub(super) engine: PluginEngine,
    pub(super) component: InstancePre<HostState>,
    pub(super) exports: ExportIndices,
    /// Keeps the compiled code findable by its hash.
    artefact: Arc<Artefact>,
}

/// Where in the component each exported interface is; none where it does not export it.
pub(super) struct ExportIndices {
    pub(super) configuration: Option<configuration::GuestIndices>,
    pub(super) request: Option<request_policy::GuestIndices>,
    pub(super) response: Option<response_policy::GuestIndices>,
    pub(super) balancer: Option<balancer::GuestIndices>,
}

impl std::fmt::Debug for LoadedPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedPlugin").field("facts", &self.facts).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl LoadedPlugin {
    /// Reads, checks and compiles; takes up to seconds, so never call it from a worker.
    ///
    /// A file that differs from its pin is not looked into any further: nothing in it is what the operator meant.
    ///
    /// # Errors
    /// Everything that is wrong with the file or its grants.
    pub fn load(engine: &PluginEngine, spec: &Plugin) -> Result<Arc<Self>, LoadError> {
        let refuse = |problems| LoadError { plugin: spec.name.clone(), problems };
        let bytes = file::read(&spec.path, spec.sha256.as_deref()).map_err(|problem| refuse(vec![problem]))?;
        let artefact = engine.compile(&bytes).map_err(|error| refuse(vec![not_compiled(&error)]))?;
        let survey = Survey::of(&artefact.component, engine.wasmtime());
        let problems = survey.problems(spec.grants);
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        let component = link(engine, &artefact, spec.grants).map_err(|error| refuse(vec![not_linked(&error)]))?;
        let exports = find_exports(&component, survey.roles, survey.configuration)
            .map_err(|error| refuse(vec![not_linked(&error)]))?;
        Ok(Arc::new(Self {
            facts: PluginFacts {
                name: spec.name.clone(),
                path: spec.path.clone(),
                sha256: file::hex(&artefact.sha256),
                bytes: bytes.len(),
                contract: survey.contract,
                roles: survey.roles,
                imports: survey.imports,
                grants: spec.grants,
            },
            limits: spec.limits,
            engine: engine.clone(),
            component,
            exports,
            artefact,
        }))
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(&self) -> &PluginFacts {
        &self.facts
    }

    /// What one instance of it may use.
    #[must_use]
    pub fn limits(&self) -> PluginLimits {
        self.limits
    }

    /// Whether a policy made for one of them could as well be one of the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.artefact, &other.artefact)
            && self.limits == other.limits
            && self.facts.name == other.facts.name
            && self.facts.grants == other.facts.grants
    }
}

/// Only what is granted is there to be linked, whatever the survey said.
fn link(engine: &PluginEngine, artefact: &Artefact, grants: Grants) -> wasmtime::Result<InstancePre<HostState>> {
    let mut linker = Linker::new(engine.wasmtime());
    types::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)?;
    for capability in grants.iter() {
        lend(&mut linker, capability)?;
    }
    linker.instantiate_pre(&artefact.component)
}

fn lend(linker: &mut Linker<HostState>, capability: Capability) -> wasmtime::Result<()> {
    match capability {
        Capability::Log => log::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Counters => counters::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Consumers => consumers::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Clock => clock::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Random => random::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::SharedData => shared_data::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Metrics => metrics::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Keysets | Capability::HttpClient => Ok(()),
    }
}

fn find_exports(
    component: &InstancePre<HostState>,
    roles: Roles,
    configuration: bool,
) -> wasmtime::Result<ExportIndices> {
    Ok(ExportIndices {
        configuration: configuration.then(|| configuration::GuestIndices::new(component)).transpose()?,
        request: roles.request.then(|| request_policy::GuestIndices::new(component)).transpose()?,
        response: roles.response.then(|| response_policy::GuestIndices::new(component)).transpose()?,
        balancer: roles.balancer.then(|| balancer::GuestIndices::new(component)).transpose()?,
    })
}

fn not_compiled(error: &wasmtime::Error) -> LoadProblem {
    LoadProblem::new(
        format!("cannot be compiled: {}", first_line(error)),
        "only WebAssembly features every policy language has are on: no threads, memory64, exceptions or garbage collection",
    )
}

fn not_linked(error: &wasmtime::Error) -> LoadProblem {
    LoadProblem::new(
        format!("does not fit contract {}: {}", contract::VERSION, first_line(error)),
        "build it against the `wit` folder of this gateway",
    )
}

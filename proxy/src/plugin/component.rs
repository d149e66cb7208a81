//! A plugin loaded: compiled, its imports held against its grants, its roles known.

mod file;

use std::sync::Arc;

use wasmtime::component::{InstancePre, Linker};

use super::contract::{ContractVersion, ExportIndices};
use super::engine::{Artefact, PluginEngine};
use super::failure::whole_line;
use super::image;
use super::inspection::{self, Inspection};
use super::instance::HostState;
use super::policy::Roles;
pub use super::problem::{LoadError, LoadProblem};
use super::runtime_imports;
use crate::config::model::{Capability, Counting, Grants, InstanceMode, Plugin, PluginLimits, Quarantine};

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
    /// Upstreams it may ask.
    pub upstreams: Vec<String>,
}

impl PluginFacts {
    /// What its language's runtime imports and is not answered, for want of the grant beside it.
    pub fn unanswered(&self) -> impl Iterator<Item = (&str, Capability)> {
        runtime_imports::ungranted(&self.imports, self.grants)
    }
}

/// A component that may run: cheap to instantiate, shared by all policies that use it.
pub struct LoadedPlugin {
    pub(super) facts: PluginFacts,
    pub(super) limits: PluginLimits,
    pub(super) instances: InstanceMode,
    pub(super) quarantine: Option<Quarantine>,
    pub(super) engine: PluginEngine,
    shape: Shape,
    pub(super) program: Program,
    /// The component as it was read, where an image may be made of it.
    pub(super) source: Option<Box<[u8]>>,
}

/// What decides how a component is linked and called: a component and what is made of it have the same.
#[derive(Clone, Copy)]
struct Shape {
    contract: ContractVersion,
    /// What it asks for, and was granted.
    lent: Grants,
    /// What it was granted, also where its language's runtime is the one to ask.
    granted: Grants,
    roles: Roles,
    configuration: bool,
    waits: bool,
    shares_counters: bool,
    decides_by_reading: bool,
}

/// Compiled code, linked with what is granted.
pub(super) struct Program {
    pub(super) component: InstancePre<HostState>,
    pub(super) exports: ExportIndices,
    /// Keeps the compiled code findable by its hash.
    artefact: Arc<Artefact>,
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
        let inspection = inspection::inspect(&bytes).map_err(|problem| refuse(vec![problem]))?;
        let shares_counters = spec.counters != Counting::Local;
        let mut problems = inspection.problems(spec.grants);
        problems.extend(shares_counters.then(|| inspection.cannot_share_counters()).flatten());
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        let artefact = engine.compile(&bytes).map_err(|error| refuse(vec![error.problem()]))?;
        let shape = Shape::of(&inspection, spec.grants, shares_counters);
        let program =
            Program::link(engine, artefact, shape).map_err(|error| refuse(vec![not_linked(shape.contract, &error)]))?;
        Ok(Arc::new(Self {
            facts: PluginFacts {
                name: spec.name.clone(),
                path: spec.path.clone(),
                sha256: inspection.sha256,
                bytes: inspection.bytes,
                contract: inspection.contract.unwrap_or_default(),
                roles: inspection.roles,
                imports: inspection.imports,
                grants: spec.grants,
                upstreams: spec.upstreams.clone(),
            },
            limits: spec.limits,
            instances: spec.instances,
            quarantine: spec.quarantine,
            engine: engine.clone(),
            shape,
            program,
            source: image::is_source(&bytes, shape.configuration).then(|| bytes.into_boxed_slice()),
        }))
    }

    /// Links what was made of this plugin's component and has the same interfaces.
    pub(super) fn program_of(&self, artefact: Arc<Artefact>) -> wasmtime::Result<Program> {
        Program::link(&self.engine, artefact, self.shape)
    }

    /// The same of what starts configured: nobody configures it again, and an instance need not even look for that.
    pub(super) fn configured_program_of(&self, artefact: Arc<Artefact>) -> wasmtime::Result<Program> {
        Program::link(&self.engine, artefact, Shape { configuration: false, ..self.shape })
    }

    /// Whether it takes a configuration.
    pub(super) fn is_configurable(&self) -> bool {
        self.shape.configuration
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(&self) -> &PluginFacts {
        &self.facts
    }

    /// The version of the contract it is linked and called by.
    #[must_use]
    pub fn contract(&self) -> ContractVersion {
        self.shape.contract
    }

    /// What one instance of it may use.
    #[must_use]
    pub fn limits(&self) -> PluginLimits {
        self.limits
    }

    /// Whether each call of it has an instance of its own.
    #[must_use]
    pub fn has_fresh_instances(&self) -> bool {
        self.instances == InstanceMode::PerRequest
    }

    /// Whether its calls may wait for an answer from outside.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.shape.waits
    }

    /// Whether it counts together with other gateways.
    #[must_use]
    pub fn shares_counters(&self) -> bool {
        self.shape.shares_counters
    }

    /// Whether its decisions can depend on nothing but what it reads of the messages, on who the consumers are, and on keys.
    #[must_use]
    pub fn decides_by_reading(&self) -> bool {
        self.shape.decides_by_reading
    }

    /// The most bytes that any call of it may return: what a body policy puts in the place of a piece may be as large as
    /// what is kept for it.
    pub(super) fn most_output(&self) -> usize {
        let piece = if self.shape.roles.body { self.limits.body } else { 0 };
        self.limits.output.max(piece)
    }

    /// Whether a policy made for one of them could as well be one of the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.program.artefact, &other.program.artefact)
            && self.limits == other.limits
            && self.instances == other.instances
            && self.quarantine == other.quarantine
            && self.shape.shares_counters == other.shape.shares_counters
            && self.facts.name == other.facts.name
            && self.facts.grants == other.facts.grants
            && self.facts.upstreams == other.facts.upstreams
    }
}

impl Shape {
    /// Only what is granted, and asked for, is there to be linked, whatever the inspection said.
    fn of(inspection: &Inspection, granted: Grants, shares_counters: bool) -> Self {
        let &Inspection { roles, configuration, .. } = inspection;
        let lent: Grants = inspection.grants.iter().filter(|capability| granted.has(*capability)).collect();
        let contract = inspection.served_contract();
        let waits = inspection.waits() || shares_counters && lent.has(Capability::Counters);
        let decides_by_reading = inspection.decides_by_reading();
        Self { contract, lent, granted, roles, configuration, waits, shares_counters, decides_by_reading }
    }
}

impl Program {
    fn link(engine: &PluginEngine, artefact: Arc<Artefact>, shape: Shape) -> wasmtime::Result<Self> {
        let component = link(engine, &artefact, shape)?;
        let exports = shape.contract.find(&component, shape.roles, shape.configuration)?;
        Ok(Self { component, exports, artefact })
    }
}

fn link(engine: &PluginEngine, artefact: &Artefact, shape: Shape) -> wasmtime::Result<InstancePre<HostState>> {
    let mut linker = Linker::new(engine.wasmtime());
    shape.contract.lend(&mut linker, shape.lent, shape.shares_counters)?;
    runtime_imports::answer(&mut linker, engine.wasmtime(), &artefact.component, shape.granted)?;
    linker.instantiate_pre(&artefact.component)
}

fn not_linked(contract: ContractVersion, error: &wasmtime::Error) -> LoadProblem {
    LoadProblem::new(
        format!("does not fit contract {contract}: {}", whole_line(error)),
        "build it against the `wit` folder of this gateway",
    )
}

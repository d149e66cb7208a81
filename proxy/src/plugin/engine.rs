//! The engine: one for the process, with every feature off that a policy does not need.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use super::compile::{Compilation, CompileError};
use super::epochs::{self, Ticks};
use super::turnstile::{Turnstile, Turnstiles};

/// Stack of a guest; a deeper recursion traps.
const STACK_BYTES: usize = 512 << 10;
/// Memory a freed slot keeps, zeroed by copying instead of being given back: a renewed instance starts warm.
const KEPT_MEMORY_BYTES: usize = 256 << 10;
const KEPT_TABLE_BYTES: usize = 16 << 10;
/// Core modules, memories and tables per component that there is room for on average; what language runtimes are made
/// of counts, one per component is usual.
const CORE_INSTANCES_EACH: u32 = 4;
const TABLE_ELEMENTS: usize = 100_000;

/// How much there is room for. It costs address space, not memory, until it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineCapacity {
    /// Instances of all policies together.
    pub instances: u32,
    /// Linear memory of one instance at most, in bytes: the largest `limits.memory` there may be.
    pub memory: usize,
}

impl Default for EngineCapacity {
    fn default() -> Self {
        Self { instances: 1000, memory: 1 << 30 }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The system cannot give what the engine needs, mostly address space.
    #[error("cannot set up the plugin engine for {instances} instances: {reason}")]
    Setup {
        /// Instances asked for.
        instances: u32,
        /// What failed.
        reason: String,
    },
    /// A thread that counts epochs does not start.
    #[error("cannot start the threads that count the CPU time of plugins")]
    Clock(#[source] std::io::Error),
}

impl EngineError {
    /// What an operator can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = "give the process more address space (`ulimit -v`), or ask for room for fewer: `plugin_instances` under [server]";
        matches!(self, Self::Setup { .. }).then(|| text.to_owned())
    }
}

/// A compiled component, shared by all that came from the same bytes.
pub(super) struct Artefact {
    pub(super) component: Component,
}

/// The one engine of the process. Clones share it.
#[derive(Clone)]
pub struct PluginEngine {
    engine: Engine,
    /// By content hash. Compiled code lives as long as a plugin uses it, so that a reload of an unchanged file finds it.
    artefacts: Arc<Mutex<HashMap<[u8; 32], Weak<Artefact>>>>,
    compilation: Arc<Compilation>,
    ticks: Ticks,
    turnstiles: Turnstiles,
}

impl std::fmt::Debug for PluginEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginEngine").field("artefacts", &self.artefacts.lock().len()).finish_non_exhaustive()
    }
}

impl PluginEngine {
    /// Sets the engine up and starts the threads that count epochs; they end with the last user of the engine.
    ///
    /// # Errors
    /// The system does not give address space or a thread.
    pub fn new(capacity: EngineCapacity, compilation: Arc<Compilation>) -> Result<Self, EngineError> {
        let engine = Engine::new(&config(capacity))
            .map_err(|error| EngineError::Setup { instances: capacity.instances, reason: format!("{error:#}") })?;
        let ticks = epochs::start(&engine).map_err(EngineError::Clock)?;
        Ok(Self { engine, artefacts: Arc::default(), compilation, turnstiles: Turnstiles::new(ticks.clone()), ticks })
    }

    pub(super) fn ticks(&self) -> Ticks {
        self.ticks.clone()
    }

    /// Where the slow guests of this thread wait for each other.
    pub(super) fn turnstile(&self) -> Arc<Turnstile> {
        self.turnstiles.here()
    }

    pub(super) fn wasmtime(&self) -> &Engine {
        &self.engine
    }

    /// Compiles these bytes, unless that was done before and the result is still in use or kept. Takes up to the deadline.
    pub(super) fn compile(&self, bytes: &[u8]) -> Result<Arc<Artefact>, CompileError> {
        self.artefact(bytes, |sha256| self.compilation.component(&self.engine, bytes, sha256))
    }

    /// The same for bytes that hold secrets: what comes of them is kept in memory only.
    pub(super) fn compile_secret(&self, bytes: &[u8]) -> Result<Arc<Artefact>, CompileError> {
        self.artefact(bytes, |_| self.compilation.unkept_component(&self.engine, bytes))
    }

    fn artefact(
        &self,
        bytes: &[u8],
        compile: impl FnOnce([u8; 32]) -> Result<Component, CompileError>,
    ) -> Result<Arc<Artefact>, CompileError> {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        if let Some(artefact) = self.artefacts.lock().get(&sha256).and_then(Weak::upgrade) {
            return Ok(artefact);
        }
        let component = compile(sha256)?;
        let mut artefacts = self.artefacts.lock();
        // Somebody else may have compiled the same meanwhile, and what uses that is not to be taken for another plugin.
        if let Some(artefact) = artefacts.get(&sha256).and_then(Weak::upgrade) {
            return Ok(artefact);
        }
        let artefact = Arc::new(Artefact { component });
        artefacts.retain(|_, known| known.strong_count() > 0);
        artefacts.insert(sha256, Arc::downgrade(&artefact));
        Ok(artefact)
    }
}

/// An engine that compiles what [`PluginEngine`] runs, and has no room for instances: that is not part of the code.
pub(super) fn for_compiling() -> wasmtime::Result<Engine> {
    Engine::new(&code_config())
}

fn config(capacity: EngineCapacity) -> Config {
    let mut config = code_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(capacity)));
    config
}

/// What compiled code depends on.
fn code_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .shared_memory(false)
        .wasm_memory64(false)
        // Components made of components, as some language tools write them: what crosses between two of them is compiled to
        // a module that sees both memories. `limits.memory` counts all of them together.
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

fn pooling(capacity: EngineCapacity) -> PoolingAllocationConfig {
    let core = capacity.instances.saturating_mul(CORE_INSTANCES_EACH);
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(capacity.instances)
        .total_core_instances(core)
        .total_memories(capacity.instances)
        .total_tables(core)
        .total_stacks(capacity.instances)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(capacity.memory)
        .linear_memory_keep_resident(KEPT_MEMORY_BYTES)
        .table_keep_resident(KEPT_TABLE_BYTES)
        .pagemap_scan(Enabled::Auto);
    pooling
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;
    use crate::plugin::fixture::{Fixture, engine};

    fn hash(engine: &Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn who_compiles_the_same_at_the_same_time_has_the_same() {
        let bytes = Fixture::request("(unreachable)").build();
        let engine =
            PluginEngine::new(EngineCapacity { instances: 1, memory: 1 << 20 }, Arc::new(Compilation::in_process()));
        let (engine, both) = (engine.unwrap(), std::sync::Barrier::new(2));
        let compile = || {
            let slowly = |_| {
                both.wait();
                Component::new(&engine.engine, &bytes).map_err(|error| CompileError::Invalid(error.to_string()))
            };
            engine.artefact(&bytes, slowly).unwrap()
        };
        let [one, other] =
            std::thread::scope(|scope| [scope.spawn(compile), scope.spawn(compile)].map(|it| it.join().unwrap()));
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn what_the_compiling_engine_makes_the_running_one_takes() {
        assert_eq!(hash(&for_compiling().unwrap()), hash(engine().wasmtime()));
    }
}

//! From a component to code that may run: compiled in a process that can be killed, and kept for the next start.

mod cache;
pub mod child;
mod error;
mod trusted;

use std::path::PathBuf;

use wasmtime::Engine;
use wasmtime::component::Component;

use cache::{Cache, Key};
pub use child::ChildCompiler;
pub(super) use error::CompileError;
use trusted::TrustedCode;

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In this process, without any limit: for tests, measurements and authors, who load only what they made themselves.
    InProcess,
    /// In a process of its own.
    Child(ChildCompiler),
}

/// How components become code.
#[derive(Debug)]
pub struct Compilation {
    compiler: Compiler,
    cache: Option<Cache>,
}

impl Compilation {
    /// Compiled code is kept in a folder below `cache`; nowhere, where there is none.
    #[must_use]
    pub fn new(compiler: Compiler, cache: Option<PathBuf>) -> Self {
        Self { compiler, cache: cache.map(|directory| Cache::below(&directory)) }
    }

    /// In this process, and nothing is kept.
    #[must_use]
    pub fn in_process() -> Self {
        Self::new(Compiler::InProcess, None)
    }

    /// The component as code for this engine. Takes up to the compiler's deadline.
    pub(super) fn component(&self, engine: &Engine, bytes: &[u8], sha256: [u8; 32]) -> Result<Component, CompileError> {
        let key = Key::new(engine, sha256);
        if let Some(component) = self.kept(engine, &key) {
            return Ok(component);
        }
        let (component, code) = self.compiled(engine, bytes)?;
        if let Some(cache) = &self.cache {
            cache.put(&key, &code);
        }
        Ok(component)
    }

    /// The same for a component that no disk may see.
    pub(super) fn unkept_component(&self, engine: &Engine, bytes: &[u8]) -> Result<Component, CompileError> {
        self.compiled(engine, bytes).map(|(component, _)| component)
    }

    fn compiled(&self, engine: &Engine, bytes: &[u8]) -> Result<(Component, TrustedCode), CompileError> {
        let code = TrustedCode::compiled(self.compiler.compile(engine, bytes)?);
        let component = code.load(engine).map_err(|error| CompileError::Unusable(format!("{error:#}")))?;
        Ok((component, code))
    }

    /// Code that is damaged, or made for another processor, is as good as none.
    fn kept(&self, engine: &Engine, key: &Key) -> Option<Component> {
        let code = self.cache.as_ref()?.get(key)?;
        code.load(engine)
            .inspect_err(|error| tracing::warn!(error = format!("{error:#}"), "kept code is compiled anew"))
            .ok()
    }
}

impl Compiler {
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        match self {
            Self::InProcess => engine
                .precompile_component(bytes)
                .map_err(|error| CompileError::Invalid(super::failure::first_line(&error))),
            Self::Child(child) => child.compile(bytes),
        }
    }
}

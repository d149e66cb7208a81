//! What runs in the child process: limits first, then the component, then the compiler.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use rlimit::Resource;

use crate::config::model::CompileLimits;
use crate::plugin::engine;
use crate::plugin::failure::first_line;

/// Exit code: the component is not valid; the reason is on standard error.
pub(super) const INVALID: u8 = 10;
/// Exit code: an allocation was refused.
pub(super) const OUT_OF_MEMORY: u8 = 11;
/// Exit code: the process could not be set up, or its pipes broke.
const BROKEN: u8 = 12;
/// The pipes, and what the system's own look at processors and memory opens for a moment.
const MAX_FILES: u64 = 32;

/// What the parent tells its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct CompileArguments {
    /// Bytes of address space.
    #[arg(long)]
    memory: u64,
    /// CPU time, in seconds.
    #[arg(long)]
    cpu: u64,
}

impl CompileArguments {
    /// The deadline is the parent's to keep. CPU time ends a child whose parent was killed and cannot.
    pub(super) fn new(limits: &CompileLimits, threads: usize) -> Self {
        let whole = limits.timeout.saturating_add(Duration::from_secs(1)).as_secs();
        Self { memory: limits.memory, cpu: whole.saturating_mul(threads as u64) }
    }

    pub(super) fn to_words(self) -> [String; 4] {
        ["--memory".to_owned(), self.memory.to_string(), "--cpu".to_owned(), self.cpu.to_string()]
    }
}

/// The whole life of the child.
#[must_use]
pub fn main(arguments: CompileArguments) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr().lock(), "{}", failure.reason);
            ExitCode::from(failure.code)
        }
    }
}

struct Failure {
    code: u8,
    reason: String,
}

fn run(arguments: CompileArguments) -> Result<(), Failure> {
    let broken = |what: &str, error: io::Error| Failure { code: BROKEN, reason: format!("{what}: {error}") };
    limit(arguments).map_err(|error| broken("limits", error))?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component).map_err(|error| broken("standard input", error))?;
    let code = compile(&component)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code).and_then(|()| stdout.flush()).map_err(|error| broken("standard output", error))
}

/// Nothing of the child outlives these: it cannot grow, open much, write a file or leave a core.
fn limit(arguments: CompileArguments) -> io::Result<()> {
    Resource::AS.set(arguments.memory, arguments.memory)?;
    // The soft limit sends a signal that tells why, the hard one kills.
    Resource::CPU.set(arguments.cpu, arguments.cpu.saturating_add(1))?;
    Resource::CORE.set(0, 0)?;
    Resource::FSIZE.set(0, 0)?;
    Resource::NOFILE.set(MAX_FILES, MAX_FILES)
}

fn compile(component: &[u8]) -> Result<Vec<u8>, Failure> {
    let failure = |otherwise: u8, error: wasmtime::Error| Failure {
        code: if is_out_of_memory(&error) { OUT_OF_MEMORY } else { otherwise },
        reason: first_line(&error),
    };
    let engine = engine::for_compiling().map_err(|error| failure(BROKEN, error))?;
    engine.precompile_component(component).map_err(|error| failure(INVALID, error))
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
    };
    error.is::<wasmtime::OutOfMemory>() || error.chain().any(refused)
}

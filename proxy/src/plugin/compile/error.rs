//! Why a component did not become code.

use std::time::Duration;

use bytesize::ByteSize;

use crate::plugin::problem::LoadProblem;

/// Why a component did not become code.
#[derive(Debug, thiserror::Error)]
pub(in crate::plugin) enum CompileError {
    /// It is not valid, or wants what is switched off.
    #[error("cannot be compiled: {0}")]
    Invalid(String),
    /// The deadline passed; the compiler was killed.
    #[error("takes longer than {} to compile", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The compiler was refused more memory.
    #[error("takes more than {} of memory to compile", ByteSize(*.0))]
    OutOfMemory(u64),
    /// The code is larger than anything a policy could need.
    #[error("becomes more than {} of code", ByteSize(*.0))]
    TooLarge(u64),
    /// The compiler ended without a word, or with one that only its authors understand.
    #[error("the compiler failed: {0}")]
    Died(String),
    /// The compiler did not start, or could not be talked to.
    #[error("the compiler cannot be run: {0}")]
    Unreachable(#[from] std::io::Error),
    /// The compiler's output does not fit this program.
    #[error("the compiler made what this gateway cannot run: {0}")]
    Unusable(String),
}

impl CompileError {
    /// What the operator is told.
    pub(in crate::plugin) fn problem(&self) -> LoadProblem {
        LoadProblem::new(self.to_string(), self.hint())
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Invalid(_) => {
                "only WebAssembly features every policy language has are on: no threads, memory64, exceptions or garbage \
                 collection"
            }
            Self::TimedOut(_) => {
                "a plugin of some MiB takes seconds; if you trust this one, raise `server.compile.timeout`"
            }
            Self::OutOfMemory(_) => {
                "a plugin of 20 MiB takes some 1 GiB; if you trust this one, raise `server.compile.memory`"
            }
            Self::TooLarge(_) => "optimise it for size, or leave out what it does not use",
            Self::Died(_) => {
                "the gateway is unharmed; report this with the file, it should have been refused with a reason"
            }
            Self::Unreachable(_) => "plugins are compiled by the gateway's own executable, in a process of its own",
            Self::Unusable(_) => "restart the gateway, if its executable was replaced while it ran",
        }
    }
}

//! Why a call gave no decision, and how that is read from what wasmtime says.

use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::observe::metrics::CallOutcome;
use crate::policy::decision::IllegalDecision;

/// Enough for a sentence; some errors name types at length.
const LINE_CHARS: usize = 400;

/// Why a call gave no decision. The store it ran in is gone.
#[derive(Debug, thiserror::Error)]
pub enum PluginFailure {
    /// More CPU time than `limits.cpu`.
    #[error("out of CPU budget")]
    OutOfTime,
    /// It trapped: the first line of why.
    #[error("trapped: {0}")]
    Trap(String),
    /// It wanted more memory than `limits.memory` and gave up.
    #[error("out of memory budget")]
    OutOfMemory,
    /// What it returned is not allowed.
    #[error("illegal decision: {0}")]
    Illegal(#[from] IllegalDecision),
    /// `limits.instances` are all at work: overload, not the plugin's fault.
    #[error("all instances busy")]
    Overloaded,
    /// It was not called: it failed too often of late.
    #[error("quarantined after repeated failures")]
    Quarantined,
}

/// How a call went wrong inside.
pub(super) enum Fault {
    /// The guest failed.
    Guest(wasmtime::Error),
    /// What it returned is not allowed.
    Illegal(IllegalDecision),
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        Self::Guest(error)
    }
}

impl From<IllegalDecision> for Fault {
    fn from(illegal: IllegalDecision) -> Self {
        Self::Illegal(illegal)
    }
}

impl PluginFailure {
    /// Under which heading it is counted.
    #[must_use]
    pub fn outcome(&self) -> CallOutcome {
        match self {
            Self::OutOfTime => CallOutcome::OutOfTime,
            Self::Trap(_) => CallOutcome::Trap,
            Self::OutOfMemory => CallOutcome::OutOfMemory,
            Self::Illegal(_) => CallOutcome::Illegal,
            Self::Overloaded => CallOutcome::Overloaded,
            Self::Quarantined => CallOutcome::Quarantined,
        }
    }

    /// Whether the plugin is to blame, and not the load or an earlier failure.
    pub(super) fn is_the_plugins(&self) -> bool {
        match self {
            Self::OutOfTime | Self::Trap(_) | Self::OutOfMemory | Self::Illegal(_) => true,
            Self::Overloaded | Self::Quarantined => false,
        }
    }

    /// A guest that is refused memory mostly aborts: the trap is what it says, the refusal is why.
    pub(super) fn of(error: &wasmtime::Error, memory_denied: bool) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::Overloaded;
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::OutOfTime,
            _ if memory_denied => Self::OutOfMemory,
            _ => Self::Trap(first_line(error)),
        }
    }
}

/// The innermost cause: what wraps it only says that a guest was running.
pub(super) fn first_line(error: &wasmtime::Error) -> String {
    let text = error.root_cause().to_string();
    text.lines().next().map(|line| line.chars().take(LINE_CHARS).collect()).unwrap_or_default()
}

/// All causes in one line, from the outermost: what does not fit is said in the middle.
pub(super) fn whole_line(error: &wasmtime::Error) -> String {
    printable(&format!("{error:#}"))
}

/// A text from a plugin as one printable line of bounded length.
pub(super) fn printable(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars().take(LINE_CHARS) {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

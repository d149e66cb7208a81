//! What keeps a plugin from being loaded.

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
    /// Which key of the plugin's configuration is meant: `path`, `sha256`, `grants` or `counters`.
    pub key: &'static str,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl LoadProblem {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { key: "path", message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn about(self, key: &'static str) -> Self {
        Self { key, ..self }
    }
}

fn joined(problems: &[LoadProblem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

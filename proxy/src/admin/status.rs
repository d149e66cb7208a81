//! How the process is, and what its last reload came to.

use serde::Serialize;

use super::time::Timestamp;
use crate::config::problem::{Place, Problem};

/// The answer of `GET /status`.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Version of the program.
    pub version: &'static str,
    /// Number of the configuration in force.
    pub generation: u64,
    /// Since the process started.
    pub uptime_seconds: u64,
    /// The counters it shares with other gateways; none where it shares none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_counters: Option<SharedCountersStatus>,
    /// The last attempt to load the configuration.
    pub last_reload: LastReload,
}

/// Where counters are shared, and whether they are now.
#[derive(Clone, Debug, Serialize)]
pub struct SharedCountersStatus {
    /// Where.
    pub server: String,
    /// Whether Redis decides; where not, the gateway counts by itself.
    pub is_up: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For how long that has been so.
    pub seconds: u64,
}

/// When the configuration was last read, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct LastReload {
    /// When it ended.
    pub at: Timestamp,
    /// What asked for it: `start`, `admin`, `signal`, `watch`.
    pub trigger: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub report: ReloadReport,
}

/// What one attempt to load the configuration came to: `{"outcome": "applied", "generation": 7}`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ReloadReport {
    /// It is the one in force.
    Unchanged,
    /// It is in force now.
    Applied {
        /// Its number.
        generation: u64,
    },
    /// It is wrong; what ran before runs on.
    Rejected {
        /// Everything that is wrong with it.
        problems: Vec<ProblemReport>,
    },
    /// It changes what only a new process can take up; what ran before runs on.
    NeedsRestart {
        /// The keys in question.
        keys: Vec<String>,
    },
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProblemReport {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The key, as in `route[2].upstream`; empty where the file as a whole is meant.
    pub at: String,
    /// Where in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceReport>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceReport {
    /// The file, as the operator named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl From<&Problem> for ProblemReport {
    fn from(problem: &Problem) -> Self {
        Self {
            message: problem.message.clone(),
            hint: problem.hint.clone(),
            at: problem.at.clone(),
            place: problem.place.as_ref().map(PlaceReport::from),
        }
    }
}

impl From<&Place> for PlaceReport {
    fn from(place: &Place) -> Self {
        Self { file: place.file.clone(), line: place.line, column: place.column }
    }
}

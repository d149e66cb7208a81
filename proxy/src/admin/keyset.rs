//! Key sets as the admin listener tells them.

use serde::Serialize;

use super::time::Timestamp;

/// A key set now.
#[derive(Clone, Debug, Serialize)]
pub struct KeysetStatus {
    /// Its name.
    pub name: String,
    /// Where its keys are: the url, the file, or `configuration`.
    pub source: String,
    /// Algorithms it allows.
    pub algorithms: Vec<&'static str>,
    /// Keys in use.
    pub keys: Vec<KeyStatus>,
    /// Keys that are left out.
    pub unusable: Vec<UnusableKeyStatus>,
    /// When they were last fetched; null where they are not fetched, or not yet.
    pub fetched_at: Option<Timestamp>,
    /// How long ago that was.
    pub age_seconds: Option<u64>,
    /// Why they are not newer; null where the last fetch went well.
    pub failure: Option<FetchFailure>,
}

/// A key in use.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStatus {
    /// Its name; null for a key that fits every token.
    pub kid: Option<String>,
    /// What it may be used with.
    pub algorithms: Vec<&'static str>,
}

/// A key that is left out.
#[derive(Clone, Debug, Serialize)]
pub struct UnusableKeyStatus {
    /// Which of the set, from 0.
    pub index: usize,
    /// Its name.
    pub kid: Option<String>,
    /// Why it is left out.
    pub why: String,
}

/// Why keys could not be fetched.
#[derive(Clone, Debug, Serialize)]
pub struct FetchFailure {
    /// When it was met first.
    pub since: Timestamp,
    /// In words.
    pub why: String,
}

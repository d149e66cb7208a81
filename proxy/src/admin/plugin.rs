//! Plugins as the admin listener tells them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// A plugin now.
#[derive(Clone, Debug, Serialize)]
pub struct PluginStatus {
    /// Its name.
    pub name: String,
    /// The component's file.
    pub path: PathBuf,
    /// Of the file as loaded, in lower-case hex.
    pub sha256: String,
    /// Bytes of the file.
    pub size: u64,
    /// Version of the contract it was built for.
    pub contract: String,
    /// The roles it exports, by the contract's names: `request-policy`, `limit-policy` and so on.
    pub roles: Vec<String>,
    /// Interfaces it imports.
    pub imports: Vec<String>,
    /// Capabilities the operator gave it.
    pub grants: Vec<String>,
    /// Policies made of it.
    pub policies: Vec<PolicyStatus>,
}

/// A policy now.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyStatus {
    /// Its name.
    pub name: String,
    /// Instances alive.
    pub instances: u32,
    /// Of them, those that wait for a call.
    pub idle: u32,
    /// Calls so far.
    pub calls: u64,
    /// Decisions that came from what it had decided before, instead of a call; none where its decisions may depend on more
    /// than on what it reads.
    pub remembered: Option<u64>,
    /// Failed calls by kind, as in the label `outcome` of `tidegate_policy_calls_total`; kinds that never happened may
    /// be left out.
    pub failures: BTreeMap<&'static str, u64>,
    /// The last failure in words.
    pub last_failure: Option<String>,
    /// `good`; `quarantined` while it is not called, because it kept failing; `on_probation` once one call at a time is
    /// let through to see.
    pub standing: &'static str,
    /// Whether its instances start from an image that is configured already, and why not.
    pub image: String,
}

//! What an operator may write under `config`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_plugin_sdk::path::WrittenPathRule;

/// The keys of the configuration; one of them has to be there.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rules for the path. The first that fits changes it; where none does, it stays as it is.
    #[serde(default)]
    pub path: Vec<WrittenPathRule>,
    /// What becomes of the query.
    #[serde(default)]
    pub query: Query,
}

/// What becomes of the parameters of a query, in the order of these keys.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// Parameters to take out.
    pub remove: Vec<String>,
    /// Parameters to have this value and no other. A template without a value takes the parameter out.
    pub set: BTreeMap<String, String>,
    /// Values to stand behind those that are there. A template without a value adds none.
    pub add: BTreeMap<String, String>,
}

impl Config {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        let Query { remove, set, add } = &self.query;
        self.path.is_empty() && remove.is_empty() && set.is_empty() && add.is_empty()
    }
}

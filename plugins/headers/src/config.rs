//! What an operator may write under `config`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

/// The keys of the configuration; one of them has to be there.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What becomes of the fields of a request, before the upstream sees it.
    #[serde(default)]
    pub request: Changes,
    /// What becomes of the fields of a response, before the client sees it.
    #[serde(default)]
    pub response: Changes,
}

/// What becomes of the fields of a message, in the order of these keys.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// Fields to take out.
    pub remove: Vec<String>,
    /// Fields to go by another name: the old name, and the new one.
    pub rename: BTreeMap<String, String>,
    /// Fields to have this value and no other. A template without a value takes the field out.
    pub set: BTreeMap<String, String>,
    /// Values to stand beside those that are there. A template without a value adds none.
    pub add: BTreeMap<String, Values>,
    /// Fields to have this value where they have none.
    pub default: BTreeMap<String, String>,
}

/// One value or several.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(untagged)]
pub enum Values {
    /// One.
    One(String),
    /// Several, in this order.
    Several(Vec<String>),
}

impl Config {
    /// Whether there is anything to do.
    ///
    /// # Errors
    /// There is not.
    pub fn whole_problem(&self) -> Result<(), Vec<Problem>> {
        if self.request.is_empty() && self.response.is_empty() {
            return Err(vec![Problem::whole(
                "changes nothing; write `set`, `add`, `remove`, `rename` or `default` below `request` or `response`",
            )]);
        }
        Ok(())
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        let Self { remove, rename, set, add, default } = self;
        remove.is_empty() && rename.is_empty() && set.is_empty() && add.is_empty() && default.is_empty()
    }
}

impl Values {
    /// All of them, each with the continuation of its path.
    pub fn each(self) -> Vec<(String, String)> {
        match self {
            Self::One(value) => vec![(String::new(), value)],
            Self::Several(values) => {
                values.into_iter().enumerate().map(|(index, value)| (format!("[{index}]"), value)).collect()
            }
        }
    }
}

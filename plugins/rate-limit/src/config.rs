//! What an operator may write under `config`.

mod check;

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_plugin_sdk::{Period, Problem, Subject};

/// The keys of the configuration: `limit` and `window` for one limit, or `limits` for several.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Units allowed in a window, at least 1.
    pub limit: Option<u32>,
    /// Length of the window.
    pub window: Option<Period>,
    /// How units are counted; `gcra` where it is not written.
    pub algorithm: Option<Algorithm>,
    /// Units that may be taken at once after a quiet time; `limit` where it is not written. Only with `gcra`.
    pub burst: Option<u32>,
    /// Name of the limit in the fields clients see; `default` where it is not written.
    pub name: Option<String>,
    /// Several limits, all of which a request has to keep; instead of the keys above.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// Whose requests are counted together.
    #[serde(default)]
    pub by: Subject,
    /// Units a request takes, at least 1.
    #[serde(default = "one")]
    pub cost: u32,
    /// Units a request of this method takes instead; 0 lets it pass uncounted.
    #[serde(default)]
    pub cost_by_method: BTreeMap<String, u32>,
    /// Whether clients are told where they stand.
    #[serde(default = "yes")]
    pub headers: bool,
}

/// One of several limits.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Units allowed in a window, at least 1.
    pub limit: u32,
    /// Length of the window.
    pub window: Period,
    /// How units are counted.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// Units that may be taken at once after a quiet time; `limit` where it is not written. Only with `gcra`.
    pub burst: Option<u32>,
    /// Name of the limit in the fields clients see; its window where it is not written.
    pub name: Option<String>,
}

/// How units are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Evenly: a unit comes back every `window / limit`, and `burst` units can be saved up.
    #[default]
    Gcra,
    /// In windows that start over at multiples of their length; two full windows can meet at the seam.
    Window,
    /// In a window that slides: what the last one used counts by the share of it still in view.
    Sliding,
}

/// Limits that were checked, and where each stands in the configuration: `limits[0].`, or nothing for the short form.
#[derive(Debug)]
struct Placed {
    at: String,
    limit: Limit,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

impl Config {
    /// The limits, whichever way they were written, from the shortest window to the longest.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn limits(&self) -> Result<Vec<Limit>, Vec<Problem>> {
        let placed = self.placed().map_err(|problem| vec![problem])?;
        let problems = check::problems(self, &placed);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut limits: Vec<_> = placed.into_iter().map(|placed| placed.limit).collect();
        limits.sort_by_key(|limit| limit.window);
        Ok(limits)
    }

    fn placed(&self) -> Result<Vec<Placed>, Problem> {
        if self.limits.is_empty() {
            return Ok(vec![Placed { at: String::new(), limit: self.short_form()? }]);
        }
        if let Some(key) = self.key_of_short_form() {
            return Err(Problem::at(key, "cannot stand beside `limits`: each item has its own"));
        }
        let placed = |(index, limit): (usize, &Limit)| Placed { at: format!("limits[{index}]."), limit: limit.clone() };
        Ok(self.limits.iter().enumerate().map(placed).collect())
    }

    fn short_form(&self) -> Result<Limit, Problem> {
        Ok(Limit {
            limit: self.limit.ok_or_else(|| Problem::whole("missing field `limit`"))?,
            window: self.window.ok_or_else(|| Problem::whole("missing field `window`"))?,
            algorithm: self.algorithm.unwrap_or_default(),
            burst: self.burst,
            name: Some(self.name.clone().unwrap_or_else(|| "default".to_owned())),
        })
    }

    fn key_of_short_form(&self) -> Option<&'static str> {
        let keys = [
            ("limit", self.limit.is_some()),
            ("window", self.window.is_some()),
            ("algorithm", self.algorithm.is_some()),
            ("burst", self.burst.is_some()),
            ("name", self.name.is_some()),
        ];
        keys.iter().find(|(_, is_written)| *is_written).map(|(key, _)| *key)
    }
}

impl Limit {
    /// Units that can be taken at once.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.burst.unwrap_or(self.limit)
    }

    /// Its name in the fields clients see.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.window.to_string())
    }
}

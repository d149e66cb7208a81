//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::{FieldName, Problem};

use crate::Window;

/// The keys of the configuration; `limit` and `window` have no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Requests allowed in a window.
    pub limit: u32,
    /// Length of the window.
    pub window: Window,
    /// How requests are counted.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// Requests that may come at once after a quiet time; `limit` where it is not written. Only with `gcra`.
    pub burst: Option<u32>,
    /// Whose requests are counted together.
    #[serde(default)]
    pub by: By,
    /// Name of the limit in the fields clients see.
    #[serde(default = "default_name")]
    pub name: String,
    /// Whether clients are told where they stand.
    #[serde(default = "default_headers")]
    pub headers: bool,
}

/// How requests are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Evenly: a unit comes back every `window / limit`, and `burst` units can be saved up.
    #[default]
    Gcra,
    /// In windows that start over at multiples of their length; two full windows can meet at the seam.
    Window,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The consumer an earlier policy identified; where there is none, the client's address.
    #[default]
    Consumer,
    /// The client's address; IPv6 by its /64, which is what one customer has.
    ClientAddress,
    /// The value of a field; where it is missing or no plain short text, the client's address.
    Header(FieldName),
}

fn default_name() -> String {
    "default".to_owned()
}

fn default_headers() -> bool {
    true
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let problems = [self.limit_problem(), self.burst_problem(), self.name_problem()];
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn limit_problem(&self) -> Option<Problem> {
        (self.limit == 0).then(|| Problem::at("limit", "must be at least 1"))
    }

    fn burst_problem(&self) -> Option<Problem> {
        match (self.burst?, self.algorithm) {
            (_, Algorithm::Window) => Some(Problem::at("burst", "has a meaning only with `algorithm = \"gcra\"`")),
            (0, Algorithm::Gcra) => Some(Problem::at("burst", "must be at least 1")),
            _ => None,
        }
    }

    /// A structured-field string (RFC 8941 section 3.3.3) without the two characters that need escaping.
    fn name_problem(&self) -> Option<Problem> {
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        (self.name.is_empty() || !self.name.bytes().all(plain))
            .then(|| Problem::at("name", "must be printable ASCII without quotes and backslashes"))
    }
}

//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::{FieldName, Problem};

use crate::patterns::Patterns;

/// More patterns than anybody reads through, few enough to be compiled in a moment.
const MOST_PATTERNS: usize = 200;

/// The keys of the configuration.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is looked at, in this order. The first rule that refuses ends it.
    pub rules: Vec<Rule>,
}

/// What is asked of one header field.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The field that is looked at.
    #[serde(default = "user_agent")]
    pub header: FieldName,
    /// Patterns of which a value has to match one. Every value passes where it is not written.
    pub allow: Option<Vec<String>>,
    /// Patterns of which a value may match none, also where it matches one of `allow`.
    #[serde(default)]
    pub deny: Vec<String>,
    /// Patterns of values that `deny` does not concern.
    #[serde(default)]
    pub except: Vec<String>,
    /// What becomes of a request without the field, or with an empty one.
    #[serde(default)]
    pub missing: Missing,
}

/// What becomes of a request without a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// It is refused: who could leave the field out would pass every pattern.
    #[default]
    Deny,
    /// It passes this rule.
    Allow,
}

fn user_agent() -> FieldName {
    FieldName::from_static("user-agent")
}

/// A rule whose patterns are compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) header: FieldName,
    pub(crate) allow: Option<Patterns>,
    pub(crate) deny: Patterns,
    pub(crate) except: Patterns,
    pub(crate) missing: Missing,
}

impl Config {
    /// Compiles all patterns.
    pub(crate) fn compile(self) -> Result<Vec<Compiled>, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.rules.is_empty() {
            problems.push(Problem::at("rules", "must hold a rule; without one every request would pass"));
        }
        let compiled: Vec<_> =
            self.rules.into_iter().enumerate().map(|(index, rule)| rule.compile(index, &mut problems)).collect();
        if problems.is_empty() { Ok(compiled) } else { Err(problems) }
    }
}

impl Rule {
    fn compile(self, index: usize, problems: &mut Vec<Problem>) -> Compiled {
        let at = format!("rules[{index}]");
        self.contradictions(&at, problems);
        Compiled {
            header: self.header,
            allow: self.allow.map(|patterns| compile(&format!("{at}.allow"), &patterns, problems)),
            deny: compile(&format!("{at}.deny"), &self.deny, problems),
            except: compile(&format!("{at}.except"), &self.except, problems),
            missing: self.missing,
        }
    }

    fn contradictions(&self, at: &str, problems: &mut Vec<Problem>) {
        let patterns = self.allow.iter().flatten().count() + self.deny.len() + self.except.len();
        if patterns > MOST_PATTERNS {
            problems.push(Problem::at(at, format!("may hold at most {MOST_PATTERNS} patterns")));
        }
        if self.allow.as_ref().is_some_and(Vec::is_empty) {
            problems.push(Problem::at(format!("{at}.allow"), "matches nothing; leave it out to let every value pass"));
        }
        if self.allow.is_none() && self.deny.is_empty() && self.missing == Missing::Allow {
            problems.push(Problem::at(at, "refuses nothing; write `allow`, `deny` or `missing = \"deny\"`"));
        }
        if self.deny.is_empty() && !self.except.is_empty() {
            problems.push(Problem::at(format!("{at}.except"), "has a meaning only beside `deny`"));
        }
    }
}

fn compile(at: &str, patterns: &[String], problems: &mut Vec<Problem>) -> Patterns {
    Patterns::compile(patterns).unwrap_or_else(|wrong| {
        problems.extend(wrong.into_iter().map(|(index, message)| Problem::at(format!("{at}[{index}]"), message)));
        Patterns::default()
    })
}

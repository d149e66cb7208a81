//! What an operator may write under `config`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_plugin_sdk::{FieldName, Problem};

/// As far as clocks may be apart: more would be another life of the token.
const MOST_LEEWAY: u64 = 60;

/// The keys of the configuration; `keyset`, `issuer` and `audience` have no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The key set that signatures are checked with.
    pub keyset: String,
    /// Whose tokens are believed: one of these is `iss`.
    pub issuer: Vec<String>,
    /// Whom tokens are for: one of these is in `aud`. With an empty list a token must have no `aud`.
    pub audience: Vec<String>,
    /// Seconds by which clocks may be apart, at most 60.
    #[serde(default = "default_leeway")]
    pub leeway: u64,
    /// Claims that must be there, beside `iss` and `exp`.
    #[serde(default)]
    pub required: Vec<String>,
    /// Claims that must have one of these values; a list has one where one of its items is it.
    #[serde(default)]
    pub claims: BTreeMap<String, Vec<Scalar>>,
    /// Words that must all be in `scope` (RFC 8693 section 4.2), or in the list `scp`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How the consumer is found.
    #[serde(default)]
    pub consumer: By,
    /// The claim it is found by.
    #[serde(default = "default_claim")]
    pub consumer_claim: String,
    /// Fields of the request that are made from claims: the field's name, and the claim's.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The header field that carries the token; `authorization` has `Bearer` before it.
    #[serde(default = "default_header")]
    pub header: FieldName,
    /// A cookie that may carry the token as well.
    pub cookie: Option<String>,
    /// A query parameter that may carry the token as well.
    pub query: Option<String>,
    /// Whether the header field is taken out of the request before the upstream sees it.
    #[serde(default)]
    pub hide: bool,
    /// The realm of the challenge (RFC 9110 section 11.5).
    #[serde(default = "default_realm")]
    pub realm: String,
}

/// How the consumer is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// By issuer and claim, as a `[[consumer.subject]]` has them.
    #[default]
    Subject,
    /// The claim is the consumer's name: for issuers that give names of the operator's own.
    Name,
    /// Not at all: every token that is right is admitted.
    None,
}

/// A value that a claim may have to have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Truth(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

fn default_leeway() -> u64 {
    10
}

fn default_claim() -> String {
    "sub".to_owned()
}

fn default_header() -> FieldName {
    FieldName::from_static("authorization")
}

fn default_realm() -> String {
    "tidegate".to_owned()
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        problems.extend(empty("keyset", &self.keyset));
        problems.extend(self.issuer.is_empty().then(|| Problem::at("issuer", "must name whose tokens are believed")));
        problems.extend((self.leeway > MOST_LEEWAY).then(|| Problem::at("leeway", "must be at most 60 seconds")));
        problems.extend(self.claims.iter().filter(|(_, values)| values.is_empty()).map(|(claim, _)| {
            Problem::at(format!("claims.{claim}"), "must list a value; what only has to be there is for `required`")
        }));
        let is_no_word = |scope: &str| scope.is_empty() || scope.contains(' ');
        problems.extend(
            self.scopes
                .iter()
                .enumerate()
                .filter(|(_, scope)| is_no_word(scope))
                .map(|(index, _)| Problem::at(format!("scopes[{index}]"), "must be one word")),
        );
        let unquotable = |(index, scope): (usize, &String)| Problem::unquotable(format!("scopes[{index}]"), scope);
        problems.extend(self.scopes.iter().enumerate().filter_map(unquotable));
        problems.extend(
            self.headers.keys().filter_map(|name| {
                FieldName::new(name).err().map(|wrong| Problem::at(format!("headers.{name}"), wrong))
            }),
        );
        problems.extend(self.cookie.as_deref().and_then(|cookie| empty("cookie", cookie)));
        problems.extend(self.query.as_deref().and_then(|query| empty("query", query)));
        problems.extend((self.hide && self.query.is_some()).then(|| {
            Problem::at("hide", "a token in the query cannot be hidden from the upstream; leave out one of them")
        }));
        problems.extend(Problem::unquotable("realm", &self.realm));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn empty(path: &str, text: &str) -> Option<Problem> {
    text.is_empty().then(|| Problem::at(path, "must not be empty"))
}

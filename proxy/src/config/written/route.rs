//! `[[route]]`

mod timeouts;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use http::header::HeaderName;

use super::upstream::{HOUR, MS};
use super::{At, name, values};
use crate::config::fields::Fields;
use crate::config::key_path::KeyPath;
use crate::config::model::{PathPattern, Rewrite, RouteMatch, RouteTimeouts, ValuePattern};
use crate::config::value::quantity::duration;
use crate::config::value::{self, Wrong, http as value_http, net, string};

/// A route as written.
#[derive(Debug)]
pub(in crate::config) struct Route {
    pub(in crate::config) at: KeyPath,
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) matches: RouteMatch,
    /// Whether `matches` is what the user wrote; where not, comparing it would mislead.
    pub(in crate::config) matches_are_sound: bool,
    pub(in crate::config) policies: Vec<At<Step>>,
    pub(in crate::config) upstream: Option<At<String>>,
    pub(in crate::config) rewrite: Option<At<Rewrite>>,
    pub(in crate::config) timeouts: RouteTimeouts,
    pub(in crate::config) hedge_after: Option<Duration>,
}

/// One item of `policies`.
#[derive(Debug)]
pub(in crate::config) enum Step {
    One(String),
    AnyOf(Vec<At<String>>),
}

impl Route {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let name = name(fields);
        let upstream = fields.required("upstream", value::name, "\"...\"");
        let before = fields.problem_count();
        let matches = matches(fields);
        let are_sound = fields.problem_count() == before;
        let policies = fields.list_or_tables("policies", |value| value::name(value).map(Step::One), any_of);
        let rewrite = fields.text_or_section("rewrite", rewrite, replace_prefix);
        let timeouts = fields.section("timeouts", timeouts::read).unwrap_or_default();
        let hedge_after = fields.inline("hedge", "{ after = \"200ms\" }", hedge).flatten();
        // A key left over may be a condition that was misspelt.
        let matches_are_sound = are_sound && fields.is_exhausted();
        Self {
            at: fields.at().clone(),
            name,
            matches,
            matches_are_sound,
            policies,
            upstream,
            rewrite,
            timeouts,
            hedge_after,
        }
    }
}

fn hedge(fields: &mut Fields<'_, '_>) -> Option<Duration> {
    fields.required("after", duration(MS..=HOUR), "\"200ms\"").map(|after| after.value)
}

fn any_of(fields: &mut Fields<'_, '_>) -> Option<Step> {
    let before = fields.problem_count();
    let names = fields.list("any_of", value::name).unwrap_or_default();
    if names.len() < 2 && fields.problem_count() == before {
        let wrong = Wrong::new("`any_of` wants two policies at least");
        let at = fields.at().clone();
        fields.problem_at(
            &at,
            wrong.hint("as in `{ any_of = [\"keys\", \"tokens\"] }`; one alone is written by its name"),
        );
    }
    Some(Step::AnyOf(names))
}

fn matches(fields: &mut Fields<'_, '_>) -> RouteMatch {
    RouteMatch {
        hosts: values(fields.list("hosts", net::host_pattern)),
        path: fields.inline("path", "{ prefix = \"/a\" }", path).flatten().unwrap_or_default(),
        methods: values(fields.list("methods", value_http::method)),
        headers: headers(fields),
        query: query(fields),
    }
}

fn path(fields: &mut Fields<'_, '_>) -> Option<PathPattern> {
    let found = [
        fields.optional("exact", |value| value_http::path(string(value)?).map(PathPattern::Exact)),
        fields.optional("prefix", |value| value_http::path(string(value)?).map(PathPattern::Prefix)),
        fields.optional("regex", |value| value_http::regex(string(value)?).map(PathPattern::Regex)),
    ];
    let mut found = found.into_iter().flatten();
    let first = found.next();
    if let Some(second) = found.next() {
        fields.problem_at(&second.at, Wrong::new("a path has one pattern").hint("split it into two routes"));
    }
    if first.is_none() && fields.is_empty() {
        let at = fields.at().clone();
        fields.problem_at(&at, Wrong::new("a path needs one of `exact`, `prefix` or `regex`"));
    }
    first.map(|pattern| pattern.value)
}

fn headers(fields: &mut Fields<'_, '_>) -> Vec<(HeaderName, ValuePattern)> {
    let mut seen = BTreeMap::new();
    for (name, pattern) in fields.entries("headers", value_http::header_name, value_http::value_pattern) {
        match seen.entry(name.value.as_str().to_owned()) {
            Entry::Occupied(_) => {
                let wrong = Wrong::new(format!("{} is here already in another case", name.value));
                fields.problem_at(&name.at, wrong.hint("header names have no case"));
            }
            Entry::Vacant(slot) => {
                slot.insert((name.value, pattern));
            }
        }
    }
    seen.into_values().collect()
}

fn query(fields: &mut Fields<'_, '_>) -> BTreeMap<String, ValuePattern> {
    let entries = fields.entries("query", value_http::parameter_name, value_http::value_pattern);
    entries.into_iter().map(|(name, pattern)| (name.value, pattern)).collect()
}

fn rewrite(written: &str) -> Result<Rewrite, Wrong> {
    let words = [("keep", Rewrite::Keep), ("strip-prefix", Rewrite::StripPrefix)];
    value::one_of(&words, written).map_err(|wrong| match wrong.hint {
        Some(_) => wrong,
        None => wrong.hint("another prefix is put in by `rewrite = { replace_prefix = \"/...\" }`"),
    })
}

fn replace_prefix(fields: &mut Fields<'_, '_>) -> Option<Rewrite> {
    let prefix = fields.required("replace_prefix", |value| value_http::path(string(value)?), "\"/...\"");
    prefix.map(|prefix| Rewrite::ReplacePrefix(prefix.value))
}

//! The changes to a query.

use std::collections::BTreeMap;

use tidegate_plugin_sdk::template::{REQUEST, Template};
use tidegate_plugin_sdk::{Problem, Request, query};

use crate::config::Query;

/// What becomes of the parameters of a query. All others stay as they were sent, byte for byte.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    remove: Vec<String>,
    set: Vec<(String, Template)>,
    add: Vec<(String, Template)>,
}

/// The query hides a parameter where some servers look for one and others do not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl Parameters {
    /// Prepares what is written, and notes what is wrong with it.
    pub(crate) fn new(written: Query, problems: &mut Vec<Problem>) -> Self {
        for (index, name) in written.remove.iter().enumerate() {
            if name.is_empty() {
                problems.push(Problem::at(format!("query.remove[{index}]"), EMPTY));
            }
        }
        Self {
            remove: written.remove,
            set: templates("query.set", written.set, problems),
            add: templates("query.add", written.add, problems),
        }
    }

    /// The query that takes the place of the request's, `None` in it where none is left; `None` where it stays as it is.
    pub(crate) fn changed(&self, request: &Request) -> Result<Option<Option<String>>, Ambiguous> {
        if self.remove.is_empty() && self.set.is_empty() && self.add.is_empty() {
            return Ok(None);
        }
        let before = request.query();
        let mut pairs = Vec::new();
        for pair in before.as_deref().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            if !self.takes_out(pair)? {
                pairs.push(pair.to_owned());
            }
        }
        for (name, template) in self.set.iter().chain(&self.add) {
            pairs.extend(template.render(request).map(|value| encoded(name, &value)));
        }
        let after = (!pairs.is_empty()).then(|| pairs.join("&"));
        Ok(if after == before { None } else { Some(after) })
    }

    /// Whether a pair goes. Some servers take `;` for `&`: what only they would find is no parameter to others.
    fn takes_out(&self, pair: &str) -> Result<bool, Ambiguous> {
        if self.concerns(pair) {
            return Ok(true);
        }
        if pair.split(';').skip(1).any(|hidden| self.concerns(hidden)) { Err(Ambiguous) } else { Ok(false) }
    }

    fn concerns(&self, pair: &str) -> bool {
        let name = query::decode(pair.split_once('=').map_or(pair, |(name, _)| name));
        let names = self.remove.iter().chain(self.set.iter().map(|(name, _)| name));
        names.map(String::as_bytes).any(|known| known == name)
    }
}

const EMPTY: &str = "must not be empty";

fn templates(at: &str, written: BTreeMap<String, String>, problems: &mut Vec<Problem>) -> Vec<(String, Template)> {
    let mut templates = Vec::new();
    for (name, text) in written {
        if name.is_empty() {
            problems.push(Problem::at(at, "the name of a parameter must not be empty"));
        }
        match Template::parse(&text, &[REQUEST]) {
            Ok(template) => templates.push((name, template)),
            Err(error) => problems.push(Problem::at(format!("{at}.{name}"), error.to_string())),
        }
    }
    templates
}

fn encoded(name: &str, value: &[u8]) -> String {
    let mut pair = Vec::new();
    query::encode(name.as_bytes(), &mut pair);
    pair.push(b'=');
    query::encode(value, &mut pair);
    String::from_utf8_lossy(&pair).into_owned()
}

//! The names of one kind of section: each is there once, and references are to one of them.

use std::collections::BTreeMap;

use crate::config::key_path::KeyPath;
use crate::config::problems::Problems;
use crate::config::value::{self, Wrong, quoted};
use crate::config::written::At;

/// The names of one kind of section.
pub(in crate::config) struct Names {
    kind: &'static str,
    known: BTreeMap<String, KeyPath>,
    /// Whether every section has a name that could be read; where not, the missing one may be the one referred to.
    complete: bool,
}

impl Names {
    /// Collects names; the second of two equal ones is a problem.
    pub(in crate::config) fn new<'n>(
        kind: &'static str,
        names: impl Iterator<Item = &'n Option<At<String>>>,
        problems: &mut Problems<'_>,
    ) -> Self {
        let mut known: BTreeMap<String, KeyPath> = BTreeMap::new();
        let mut complete = true;
        for name in names {
            let Some(name) = name else {
                complete = false;
                continue;
            };
            if let Some(first) = known.get(&name.value) {
                let message = format!("there are two {}s named {}", plural_stem(kind), quoted(&name.value));
                let first = problems.line_of(first);
                problems.at_value(&name.at, Wrong::new(message).hint(format!("the other is on {first}")));
            } else {
                known.insert(name.value.clone(), name.at.clone());
            }
        }
        Self { kind, known, complete }
    }

    /// The reference must be to a known name.
    pub(in crate::config) fn check(&self, reference: &At<String>, problems: &mut Problems<'_>) {
        if self.known.contains_key(&reference.value) || !self.complete {
            return;
        }
        let names = || self.known.keys().map(String::as_str);
        let hint = match value::nearest(&reference.value, names()) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None if self.known.is_empty() => format!("add a `[[{}]]` with this name", self.kind),
            None => format!("there is {}", names().take(8).map(quoted).collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no {} named {}", self.kind, quoted(&reference.value));
        problems.at_value(&reference.at, Wrong::new(message).hint(hint));
    }
}

fn plural_stem(kind: &str) -> String {
    kind.strip_suffix('y').map_or_else(|| kind.to_owned(), |stem| format!("{stem}ie"))
}

//! `config/reference.toml` is the language: what it shows is what the reader knows.

use std::collections::BTreeSet;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{REFERENCE, config};
use crate::config::fields::Reader;
use crate::config::sources::Sources;
use crate::config::{source, written};

/// Tables whose keys are the user's own.
const FREE: [&str; 3] = ["policy.config", "route.match.headers", "route.match.query"];

/// The reference with the keys that have no default uncommented.
fn complete() -> String {
    let is_key = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    REFERENCE.lines().map(|line| if is_key(line) { &line[1..] } else { line }).collect::<Vec<_>>().join("\n")
}

fn shown(path: &str, table: &DeTable<'_>, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let key = key.get_ref();
        let at = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        keys.insert(at.clone());
        if !FREE.contains(&at.as_str()) {
            shown_in(&at, value.get_ref(), keys);
        }
    }
}

fn shown_in(path: &str, value: &DeValue<'_>, keys: &mut BTreeSet<String>) {
    match value {
        DeValue::Table(table) => shown(path, table, keys),
        DeValue::Array(items) => items.iter().for_each(|item| shown_in(path, item.get_ref(), keys)),
        _ => {}
    }
}

#[test]
fn the_reference_shows_every_key_the_reader_knows_and_no_other() {
    let text = complete();
    let sources = Sources::new("reference.toml", &text);
    let document = source::document(&sources).unwrap_or_else(|report| panic!("{}", report.render(false)));
    let mut reader = Reader::recording(&sources, Path::new(""));
    written::Config::read(&mut reader, document.get_ref());

    let mut in_reference = BTreeSet::new();
    shown("", document.get_ref(), &mut in_reference);
    assert_eq!(in_reference, reader.into_asked());
}

#[test]
fn a_line_of_the_reference_that_shows_a_default_can_go() {
    let whole = config(REFERENCE);
    let lines: Vec<&str> = REFERENCE.lines().collect();
    let mut removed = 0;
    for (index, line) in lines.iter().enumerate() {
        let is_default = line.contains(" = ") && !line.starts_with('#');
        if !is_default || line.ends_with("# required") || line.ends_with("# example") {
            continue;
        }
        let without = [&lines[..index], &lines[index + 1..]].concat().join("\n");
        assert_eq!(config(&without), whole, "without line {}: {line}", index + 1);
        removed += 1;
    }
    assert!(removed > 40, "only {removed} lines show a default");
}

#[test]
fn a_line_of_the_reference_that_is_marked_required_cannot_go() {
    let lines: Vec<&str> = REFERENCE.lines().collect();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.ends_with("# required")) {
        let without = [&lines[..index], &lines[index + 1..]].concat().join("\n");
        assert!(super::parse(&without).is_err(), "line {} is not required: {line}", index + 1);
    }
}

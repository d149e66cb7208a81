//! `config/reference.toml` is the language: what it shows is what the reader knows.

use std::collections::BTreeSet;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{REFERENCE, config};
use crate::config::fields::Reader;
use crate::config::sources::Sources;
use crate::config::{show, source, written};

/// Tables whose keys are the user's own.
const FREE: [&str; 4] = ["policy.config", "route.headers", "route.query", "upstream.health.headers"];

/// What reading a text tells.
struct Read {
    /// The keys that stand in it.
    written: BTreeSet<String>,
    /// The keys the reader asked for.
    asked: BTreeSet<String>,
    /// How many values the reader refused, references left aside.
    problems: usize,
}

fn read(text: &str) -> Read {
    let sources = Sources::new("reference.toml", text);
    let document = source::document(&sources).unwrap_or_else(|report| panic!("{}", report.render(false)));
    let mut reader = Reader::recording(&sources, Path::new(""));
    written::Config::read(&mut reader, document.get_ref());
    let mut written = BTreeSet::new();
    keys_of("", document.get_ref(), &mut written);
    let problems = reader.problem_count();
    Read { written, asked: reader.into_asked(), problems }
}

fn keys_of(path: &str, table: &DeTable<'_>, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let key = key.get_ref();
        let at = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        keys.insert(at.clone());
        if !FREE.contains(&at.as_str()) {
            keys_in(&at, value.get_ref(), keys);
        }
    }
}

fn keys_in(path: &str, value: &DeValue<'_>, keys: &mut BTreeSet<String>) {
    match value {
        DeValue::Table(table) => keys_of(path, table, keys),
        DeValue::Array(items) => items.iter().for_each(|item| keys_in(path, item.get_ref(), keys)),
        _ => {}
    }
}

/// Whether a line gives a value to a key, behind a `# ` or not.
fn is_assignment(line: &str) -> bool {
    let key = line.trim_start_matches("# ").split(" = ").next().unwrap();
    key != line && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// What stands behind the value of a line.
fn comment(line: &str) -> &str {
    line.split_once("  # ").map_or("", |(_, comment)| comment)
}

/// The reference with the keys that have no default uncommented.
fn complete() -> String {
    let is_hidden = |line: &str| line.starts_with("# [") || line.starts_with("# ") && is_assignment(line);
    let shown = REFERENCE.lines().map(|line| if is_hidden(line) { &line[2..] } else { line });
    shown.collect::<Vec<_>>().join("\n")
}

/// The text with another line in the place of one, or with none.
fn with_line(text: &str, index: usize, line: Option<&str>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    [&lines[..index], line.as_slice(), &lines[index + 1..]].concat().join("\n")
}

/// The reference once for each table that a comment shows as another value of its line.
fn variants() -> Vec<String> {
    let mut variants = Vec::new();
    for (index, line) in REFERENCE.lines().enumerate().filter(|(_, line)| is_assignment(line)) {
        let key = line.split(" = ").next().unwrap();
        let parts: Vec<&str> = comment(line).split('{').collect();
        for (before, rest) in parts.iter().zip(&parts[1..]) {
            let Some((table, _)) = rest.split_once('}') else { continue };
            let is_item = before.ends_with('[');
            let variant = if is_item { format!("{key} = [{{{table}}}]") } else { format!("{key} = {{{table}}}") };
            variants.push(with_line(REFERENCE, index, Some(&variant)));
        }
    }
    variants
}

/// The reference with everything it shows, in comments too.
fn read_whole() -> Read {
    variants().iter().map(|variant| read(variant)).fold(read(&complete()), |mut whole, variant| {
        whole.written.extend(variant.written);
        whole.asked.extend(variant.asked);
        whole
    })
}

/// The keys of a configuration as the admin API shows it.
fn keys_of_json(path: &str, value: &serde_json::Value, keys: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(entries) if !FREE.contains(&path) => {
            for (key, value) in entries {
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                keys_of_json(&at, value, keys);
                keys.insert(at);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys_of_json(path, item, keys)),
        _ => {}
    }
}

#[test]
fn the_reference_shows_every_key_the_reader_knows_and_no_other() {
    let whole = read_whole();
    assert_eq!(whole.written, whole.asked);
}

#[test]
fn a_running_configuration_is_shown_in_the_keys_of_the_reference() {
    let known = read_whole().written;
    let mut shown = BTreeSet::new();
    keys_of_json("", &show::to_json(&config(REFERENCE)), &mut shown);
    assert_eq!(shown.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(shown.len() > 60, "only {} keys are shown", shown.len());
}

#[test]
fn every_other_value_a_comment_of_the_reference_shows_can_be_written() {
    let variants = variants();
    assert!(variants.len() >= 8, "only {} are found", variants.len());
    for variant in variants {
        assert_eq!(read(&variant).problems, 0, "{variant}");
    }
}

#[test]
fn a_line_of_the_reference_that_shows_a_default_can_go() {
    let whole = config(REFERENCE);
    let mut removed = 0;
    for (index, line) in REFERENCE.lines().enumerate() {
        if !is_assignment(line) || line.starts_with('#') || comment(line).starts_with("required") {
            continue;
        }
        assert_eq!(config(&with_line(REFERENCE, index, None)), whole, "without line {}: {line}", index + 1);
        removed += 1;
    }
    assert!(removed > 40, "only {removed} lines show a default");
}

#[test]
fn a_line_of_the_reference_that_is_marked_required_cannot_go() {
    let text = complete();
    let problems = read(&text).problems;
    let required = |(_, line): &(usize, &str)| is_assignment(line) && comment(line).starts_with("required");
    for (index, line) in text.lines().enumerate().filter(required) {
        let without = read(&with_line(&text, index, None));
        assert_eq!(without.problems, problems + 1, "line {} is not required: {line}", index + 1);
    }
}

#[test]
fn a_line_of_the_reference_behind_a_comment_sign_says_why() {
    for line in REFERENCE.lines().filter(|line| line.starts_with("# ") && is_assignment(line)) {
        let why = comment(line);
        assert!(why.starts_with("none") || why.starts_with("required"), "{line}");
    }
}

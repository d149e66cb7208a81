//! Lists of endpoints that others write: read with the words, the checks and the messages of the configuration.
//!
//! TOML, or JSON with the same keys. JSON is read as what it is in TOML, an inline notation of tables and lists: `:`
//! becomes `=`, and every character keeps its place, so that a problem is shown where it was written.

use std::path::Path;

use super::fields::{Fields, Reader};
use super::key_path::KeyPath;
use super::model::Endpoint;
use super::problem::Report;
use super::sources::Sources;
use super::value::Wrong;
use super::written::{self, At, EndpointHost};
use super::{problems::Problems, source};

/// Reads a file with `[[endpoint]]` sections, or the JSON of the same.
///
/// # Errors
/// Every problem of the file at once.
pub fn load(path: &Path) -> Result<Vec<Endpoint>, Report> {
    parse(&path.display().to_string(), &source::read(path)?)
}

/// Validates a list; `file_name` is shown in problems.
///
/// # Errors
/// Every problem of the text at once.
pub fn parse(file_name: &str, text: &str) -> Result<Vec<Endpoint>, Report> {
    let sections = |fields: &mut Fields<'_, '_>| fields.sections("endpoint", written::Endpoint::read);
    read(file_name, text, sections)
}

/// Validates a text that is one endpoint; `name` is shown in problems.
///
/// # Errors
/// Every problem of the text at once.
pub fn parse_one(name: &str, text: &str) -> Result<Endpoint, Report> {
    let endpoints = read(name, text, |fields| vec![written::Endpoint::read(fields)])?;
    endpoints.into_iter().next().ok_or_else(|| Report::message(format!("{name} holds no endpoint")))
}

fn read(
    name: &str,
    text: &str,
    section: impl FnOnce(&mut Fields<'_, '_>) -> Vec<written::Endpoint>,
) -> Result<Vec<Endpoint>, Report> {
    let sources = if text.trim_start().starts_with('{') { json(name, text)? } else { Sources::new(name, text) };
    let document = source::document(&sources)?;
    let mut reader = Reader::new(&sources, Path::new(""));
    let written = reader.table(KeyPath::root(), document.get_ref(), section);
    let mut problems = reader.into_problems();
    let endpoints: Option<Vec<_>> = written.into_iter().map(|written| resolve(written, &mut problems)).collect();
    let report = problems.into_report();
    endpoints.filter(|_| report.is_empty()).ok_or(report)
}

fn resolve(written: written::Endpoint, problems: &mut Problems<'_>) -> Option<Endpoint> {
    let At { value, at } = written.address?;
    let EndpointHost::Address(address) = value else {
        let wrong = Wrong::new(format!("{value} is a name, and this list is of addresses"));
        problems.at_value(&at, wrong.hint("names are looked up where they stand in the configuration"));
        return None;
    };
    let zone = written.zone.unwrap_or_default().into();
    Some(Endpoint { address, weight: written.weight, zone, priority: written.priority })
}

/// JSON as the reader of TOML takes it.
fn json(name: &str, text: &str) -> Result<Sources, Report> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(Sources::translated(name, &as_toml(text), Some(text))),
        Err(error) => {
            let sources = Sources::translated(name, "", Some(text));
            let (line, column) = (error.line(), error.column());
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let message = format!("line {line}, column {column} is no JSON: {message}");
            Err(sources.problem("", message, None).into())
        }
    }
}

/// The outermost braces go, the commas between its keys become line ends, colons become equals signs.
fn as_toml(json: &str) -> String {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let translate = |c: char| {
        if in_text {
            in_text = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            return c;
        }
        match c {
            '"' => in_text = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (c, depth) {
            ('{', 1) | ('}', 0) => ' ',
            (',', 1) => '\n',
            (':', _) => '=',
            _ => c,
        }
    };
    json.chars().map(translate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::EndpointAddress;

    fn shown(endpoints: &[Endpoint]) -> Vec<(String, u32, &str, u8)> {
        endpoints.iter().map(|e| (e.address.to_string(), e.weight, &*e.zone, e.priority)).collect()
    }

    fn refused(text: &str) -> String {
        parse("endpoints.json", text).unwrap_err().render(false)
    }

    #[test]
    fn toml_and_json_say_the_same_with_the_same_keys() {
        let toml = "[[endpoint]]\naddress = \"10.0.0.1:80\"\nweight = 5\nzone = \"a\"\n\
                    [[endpoint]]\naddress = \"unix:/run/a.sock\"\npriority = 1\n";
        let json = "{\n  \"endpoint\": [\n    { \"address\": \"10.0.0.1:80\",\n \"weight\": 5, \"zone\": \"a\" },\n\
                    { \"address\": \"unix:/run/a.sock\", \"priority\": 1 }\n  ]\n}\n";
        let expected = [("10.0.0.1:80".to_owned(), 5, "a", 0), ("unix:/run/a.sock".to_owned(), 100, "", 1)];
        for text in [toml, json] {
            assert_eq!(shown(&parse("endpoints", text).unwrap()), expected);
        }
    }

    #[test]
    fn an_empty_list_is_an_answer() {
        for text in ["", "endpoint = []", "{}", "{\"endpoint\": []}"] {
            assert!(parse("endpoints", text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn a_mistake_in_json_is_shown_where_it_was_written() {
        let text = "{ \"endpoint\": [\n  { \"address\": \"10.0.0.1:80\", \"wait\": 5 } ] }";
        let expected = "error: unknown key \"wait\"\n --> endpoints.json:2:31\n  |\n\
                        2 |   { \"address\": \"10.0.0.1:80\", \"wait\": 5 } ] }\n";
        let report = refused(text);
        assert!(report.starts_with(expected), "{report}");
    }

    #[test]
    fn json_that_is_none_is_told_with_its_line() {
        let report = refused("{ \"endpoint\": [\n  { \"address\" \"10.0.0.1:80\" } ] }");
        assert!(report.contains("line 2, column 15"), "{report}");
    }

    #[test]
    fn a_name_is_refused_in_a_list_of_addresses() {
        assert!(refused("{\"endpoint\": [{\"address\": \"shop.internal:80\"}]}").contains("is a name"));
    }

    #[test]
    fn one_endpoint_is_a_text_of_its_own() {
        for text in ["{\"address\": \"10.0.0.1:80\", \"weight\": 7}", "address = \"10.0.0.1:80\"\nweight = 7"] {
            let endpoint = parse_one("/services/shop/1", text).unwrap();
            assert_eq!(endpoint.address, EndpointAddress::from(([10, 0, 0, 1], 80)));
            assert_eq!(endpoint.weight, 7);
        }
        for garbage in ["", "10.0.0.1:80", "{", "[]", "null", "{\"address\": 5}", "\0"] {
            assert!(parse_one("/services/shop/1", garbage).is_err(), "{garbage:?}");
        }
    }
}

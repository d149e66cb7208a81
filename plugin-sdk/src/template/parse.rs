//! From text to the parts of a template.

use std::fmt;

use super::{Part, Source, Variable};
use crate::FieldName;

const HEADER: &str = "request.header.";

/// What is wrong with a template, in the words of a [`Problem`](crate::Problem).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError(String);

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TemplateError {}

/// Reads a text into its parts.
pub(super) fn parts(text: &str, variables: &[&[Variable]], captures: usize) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut fixed = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        fixed.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            fixed.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let unclosed = || TemplateError(format!("\"${{{after}\" has no end; write `}}` behind the name"));
            let (inside, after) = after.split_once('}').ok_or_else(unclosed)?;
            flush(&mut fixed, &mut parts);
            parts.push(value(inside, variables, captures)?);
            rest = after;
        } else {
            return Err(TemplateError(
                "a `$` stands alone; write `$$` for a dollar sign, `${name}` for a value".into(),
            ));
        }
    }
    fixed.push_str(rest);
    flush(&mut fixed, &mut parts);
    Ok(parts)
}

fn flush(fixed: &mut String, parts: &mut Vec<Part>) {
    if !fixed.is_empty() {
        parts.push(Part::Text(std::mem::take(fixed)));
    }
}

fn value(inside: &str, variables: &[&[Variable]], captures: usize) -> Result<Part, TemplateError> {
    let (name, otherwise) = match inside.split_once(":-") {
        Some((name, otherwise)) => (name, Some(otherwise.to_owned())),
        None => (inside, None),
    };
    Ok(Part::Value { source: source(name, variables, captures)?, otherwise })
}

fn source(name: &str, variables: &[&[Variable]], captures: usize) -> Result<Source, TemplateError> {
    if let Some(variable) = variables.iter().copied().flatten().find(|variable| variable.name == name) {
        return Ok(Source::Variable(variable.read));
    }
    if let Some(header) = name.strip_prefix(HEADER) {
        return read_name(header).map(Source::Header);
    }
    match name.parse() {
        Ok(number) if (1..=captures).contains(&number) => Ok(Source::Capture(number)),
        Ok(_) => Err(TemplateError(match captures {
            0 => format!("\"${{{name}}}\" means a group of a pattern, and there is no pattern here"),
            _ => format!("\"${{{name}}}\" is no group of the pattern; it has ${{1}} to ${{{captures}}}"),
        })),
        Err(_) => Err(unknown(name, variables)),
    }
}

/// A field that may be read; those that belong to the gateway may be as well.
fn read_name(header: &str) -> Result<String, TemplateError> {
    let lower = header.to_ascii_lowercase();
    match FieldName::new(&lower) {
        Ok(_) => Ok(lower),
        Err(_) if FieldName::is_reserved(&lower) => Ok(lower),
        Err(why) => Err(TemplateError(why)),
    }
}

fn unknown(name: &str, variables: &[&[Variable]]) -> TemplateError {
    let known: Vec<_> = variables.iter().copied().flatten().map(|variable| variable.name).collect();
    TemplateError(format!("unknown name {name:?}; known are {}, {HEADER}NAME", known.join(", ")))
}

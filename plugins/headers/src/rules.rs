//! The changes to one message, prepared.

use std::collections::BTreeMap;

use tidegate_plugin_sdk::template::{CONSUMER, REQUEST, Template};
use tidegate_plugin_sdk::{Edit, Field, FieldName, Problem, Request};

use crate::config::Changes;

/// What becomes of the fields of a message.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    remove: Vec<FieldName>,
    rename: Vec<(FieldName, FieldName)>,
    set: Vec<(FieldName, Template)>,
    add: Vec<(FieldName, Template)>,
    default: Vec<(FieldName, Template)>,
}

impl Rules {
    /// Prepares what is written at this place, and notes what is wrong with it.
    pub(crate) fn new(changes: Changes, at: &str, problems: &mut Vec<Problem>) -> Self {
        let mut reader = Reader { at, problems };
        Self {
            remove: reader.names(changes.remove),
            rename: reader.renamed(changes.rename),
            set: reader.templates("set", changes.set.into_iter().map(|(name, value)| (name, String::new(), value))),
            add: reader.templates(
                "add",
                changes.add.into_iter().flat_map(|(name, values)| {
                    values.each().into_iter().map(move |(at, value)| (name.clone(), at, value))
                }),
            ),
            default: reader
                .templates("default", changes.default.into_iter().map(|(name, value)| (name, String::new(), value))),
        }
    }

    /// The edits for this request, where `values` are those a field of the message has.
    pub(crate) fn edits(&self, request: &Request, values: impl Fn(&str) -> Vec<Vec<u8>>) -> Vec<Edit> {
        let mut edits: Vec<_> = self.remove.iter().map(Edit::remove).collect();
        for (old, new) in &self.rename {
            rename(old, new, values(old.as_str()), &mut edits);
        }
        // A field that has no value must not be left as the client sent it.
        edits.extend(self.set.iter().map(|(name, template)| match value(template, request) {
            Some(value) => Edit::set(name, value),
            None => Edit::remove(name),
        }));
        for (name, template) in &self.add {
            edits.extend(value(template, request).map(|value| Edit::append(name, value)));
        }
        for (name, template) in &self.default {
            let is_there = is_written(name, &edits).unwrap_or_else(|| !values(name.as_str()).is_empty());
            if !is_there {
                edits.extend(value(template, request).map(|value| Edit::set(name, value)));
            }
        }
        edits
    }
}

/// What a template comes to; `None` also where it cannot stand in a field.
fn value(template: &Template, request: &Request) -> Option<Vec<u8>> {
    template.render(request).filter(|value| Field::is_value(value))
}

/// All values go by the new name, and nothing that stood there before.
fn rename(old: &FieldName, new: &FieldName, values: Vec<Vec<u8>>, edits: &mut Vec<Edit>) {
    if values.is_empty() {
        return;
    }
    edits.extend([Edit::remove(old), Edit::remove(new)]);
    edits.extend(values.into_iter().map(|value| Edit::append(new, value)));
}

/// Whether the edits so far leave the field with a value; `None` where they do not touch it.
fn is_written(name: &FieldName, edits: &[Edit]) -> Option<bool> {
    edits.iter().rev().find_map(|edit| match edit {
        Edit::Set(field) | Edit::Append(field) => (field.name == name.as_str()).then_some(true),
        Edit::Remove(removed) => (removed == name.as_str()).then_some(false),
    })
}

/// Reads what is written, and goes on after a problem.
struct Reader<'a> {
    at: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn note(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(Problem::at(format!("{}.{key}", self.at), message));
    }

    fn name(&mut self, key: &str, name: &str) -> Option<FieldName> {
        FieldName::new(name).map_err(|why| self.note(key, why)).ok()
    }

    fn names(&mut self, names: Vec<String>) -> Vec<FieldName> {
        let names = names.iter().enumerate();
        names.filter_map(|(index, name)| self.name(&format!("remove[{index}]"), name)).collect()
    }

    fn renamed(&mut self, names: BTreeMap<String, String>) -> Vec<(FieldName, FieldName)> {
        let mut renamed = Vec::new();
        for (old, new) in names {
            let key = format!("rename.{old}");
            let (old, new) = (self.name(&key, &old), self.name(&key, &new));
            renamed.extend(old.zip(new));
        }
        renamed
    }

    fn templates(
        &mut self,
        key: &str,
        written: impl Iterator<Item = (String, String, String)>,
    ) -> Vec<(FieldName, Template)> {
        let mut templates = Vec::new();
        for (name, rest, text) in written {
            let key = format!("{key}.{name}{rest}");
            let (name, template) = (self.name(&key, &name), self.template(&key, &text));
            templates.extend(name.zip(template));
        }
        templates
    }

    fn template(&mut self, key: &str, text: &str) -> Option<Template> {
        let template = match Template::parse(text, &[REQUEST, CONSUMER]) {
            Ok(template) => template,
            Err(error) => {
                self.note(key, error.to_string());
                return None;
            }
        };
        let is_legal = template.texts().all(|text| Field::is_value(text.as_bytes()));
        if !is_legal {
            self.note(key, "holds a line break or another control character, which no field may");
        }
        is_legal.then_some(template)
    }
}

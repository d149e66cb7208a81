//! Takes keys out of a TOML table, one call a key, and notes everything that is wrong on the way.
//!
//! The calls are the only list of keys there is: what nobody asked for is unknown, and a test records what was asked
//! to hold `config/reference.toml` to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key_path::KeyPath;
use super::problems::Problems;
use super::sources::Sources;
use super::value::{self, Wrong};
use super::written::At;

/// What reading a document needs and leaves.
#[derive(Debug)]
pub(super) struct Reader<'d> {
    problems: Problems<'d>,
    base: &'d Path,
    asked: Option<BTreeSet<String>>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(sources: &'d Sources, base: &'d Path) -> Self {
        Self { problems: Problems::new(sources), base, asked: None }
    }

    /// A reader that notes each key it is asked for, list items without their number.
    #[cfg(test)]
    pub(super) fn recording(sources: &'d Sources, base: &'d Path) -> Self {
        Self { asked: Some(BTreeSet::new()), ..Self::new(sources, base) }
    }

    #[cfg(test)]
    pub(super) fn into_asked(self) -> BTreeSet<String> {
        self.asked.unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn problem_count(&self) -> usize {
        self.problems.count()
    }

    pub(super) fn into_problems(self) -> Problems<'d> {
        self.problems
    }

    /// Reads a table, then refuses the keys that `read` did not ask for.
    pub(super) fn table<T>(
        &mut self,
        at: KeyPath,
        table: &'d DeTable<'d>,
        read: impl FnOnce(&mut Fields<'_, 'd>) -> T,
    ) -> T {
        let mut fields = Fields { reader: self, at, table, asked: Vec::new() };
        let value = read(&mut fields);
        fields.refuse_unknown();
        value
    }

    fn record(&mut self, at: &KeyPath, key: &str) {
        let Some(asked) = &mut self.asked else { return };
        asked.insert(at.key(key).header());
    }
}

/// One table, while it is read.
#[derive(Debug)]
pub(super) struct Fields<'r, 'd> {
    reader: &'r mut Reader<'d>,
    at: KeyPath,
    table: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

impl<'d> Fields<'_, 'd> {
    /// Where this table is.
    pub(super) fn at(&self) -> &KeyPath {
        &self.at
    }

    /// Whether this key is written, whatever its value.
    pub(super) fn is_written(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether nothing is written in this table.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether every key of this table has been asked for.
    pub(super) fn is_exhausted(&self) -> bool {
        self.table.iter().all(|(key, _)| self.has_asked(key.get_ref()))
    }

    /// A value that may be missing. One that is wrong is noted and taken for missing.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        kind: impl FnOnce(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<At<T>> {
        let value = self.ask(key)?;
        let at = self.at.key(key);
        let value = self.noted(&at, kind(value.get_ref()))?;
        Some(At { value, at })
    }

    /// A value, or its default.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        kind: impl FnOnce(&DeValue<'_>) -> Result<T, Wrong>,
        default: T,
    ) -> T {
        self.optional(key, kind).map_or(default, |found| found.value)
    }

    /// A value that must be there; `None` comes with a problem.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        kind: impl FnOnce(&DeValue<'_>) -> Result<T, Wrong>,
        example: &str,
    ) -> Option<At<T>> {
        if !self.table.contains_key(key) {
            self.asked(key);
            let wrong = Wrong::new(format!("missing key `{key}`")).hint(format!("add `{key} = {example}`"));
            self.reader.problems.at_value(&self.at, wrong);
            return None;
        }
        self.optional(key, kind)
    }

    /// A list of values; the good ones where some are wrong, `None` where the key is missing.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<Vec<At<T>>> {
        let items = self.items(key, "write it in brackets, as in `[\"...\"]`")?;
        let mut good = Vec::with_capacity(items.len());
        for (at, item) in items {
            if let Some(value) = self.noted(&at, kind(item)) {
                good.push(At { value, at });
            }
        }
        Some(good)
    }

    /// A table below this one.
    pub(super) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Fields<'_, 'd>) -> T) -> Option<T> {
        let hint = format!("write `[{}]`", self.at.key(key).header());
        self.table(key, &hint, read)
    }

    /// A value that is written as a small table.
    pub(super) fn inline<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&mut Fields<'_, 'd>) -> T,
    ) -> Option<T> {
        self.table(key, &format!("as in `{key} = {example}`"), read)
    }

    fn table<T>(&mut self, key: &'static str, hint: &str, read: impl FnOnce(&mut Fields<'_, 'd>) -> T) -> Option<T> {
        let value = self.ask(key)?;
        let at = self.at.key(key);
        match value.get_ref() {
            DeValue::Table(table) => Some(self.reader.table(at, table, read)),
            other => self.noted(&at, Err(value::unexpected("a table", other).hint(hint))),
        }
    }

    /// A list of tables, `[[key]]`; empty where there is none.
    pub(super) fn sections<T>(&mut self, key: &'static str, read: impl Fn(&mut Fields<'_, 'd>) -> T) -> Vec<T> {
        let mut sections = Vec::new();
        let hint = format!("write `[[{}]]`", self.at.key(key).header());
        for (at, item) in self.items(key, &hint).unwrap_or_default() {
            match item {
                DeValue::Table(table) => sections.push(self.reader.table(at, table, &read)),
                other => self.problem_at(&at, value::unexpected("a table", other)),
            }
        }
        sections
    }

    /// A value that is either a text or, where it needs more, a table.
    pub(super) fn text_or_section<T>(
        &mut self,
        key: &'static str,
        text: impl FnOnce(&str) -> Result<T, Wrong>,
        read: impl FnOnce(&mut Fields<'_, 'd>) -> Option<T>,
    ) -> Option<At<T>> {
        let value = self.ask(key)?;
        let at = self.at.key(key);
        let value = match value.get_ref() {
            DeValue::String(written) => self.noted(&at, text(written)),
            DeValue::Table(table) => self.reader.table(at.clone(), table, read),
            other => self.noted(&at, Err(value::unexpected("a string or a table", other))),
        }?;
        Some(At { value, at })
    }

    /// A list of values, each of which may be written as a small table instead; the good ones where some are wrong.
    pub(super) fn list_or_tables<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
        read: impl Fn(&mut Fields<'_, 'd>) -> Option<T>,
    ) -> Vec<At<T>> {
        let mut good = Vec::new();
        for (at, item) in self.items(key, "write it in brackets, as in `[\"...\"]`").unwrap_or_default() {
            let value = match item {
                DeValue::Table(table) => self.reader.table(at.clone(), table, &read),
                other => self.noted(&at, kind(other)),
            };
            good.extend(value.map(|value| At { value, at }));
        }
        good
    }

    /// A table whose keys are the user's own.
    pub(super) fn entries<K, V>(
        &mut self,
        key: &'static str,
        name: impl Fn(&str) -> Result<K, Wrong>,
        kind: impl Fn(&DeValue<'_>) -> Result<V, Wrong>,
    ) -> Vec<(At<K>, V)> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let table_at = self.at.key(key);
        let DeValue::Table(table) = value.get_ref() else {
            self.problem_at(&table_at, value::unexpected("a table", value.get_ref()));
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let at = table_at.key(key.get_ref());
            let name = name(key.get_ref()).map_err(|wrong| self.reader.problems.at_key(&at, wrong)).ok();
            let value = self.noted(&at, kind(value.get_ref()));
            entries.extend(name.zip(value).map(|(name, value)| (At { value: name, at }, value)));
        }
        entries
    }

    /// A table that is passed on as JSON; empty where there is none.
    pub(super) fn json(&mut self, key: &'static str) -> serde_json::Value {
        let at = self.at.key(key);
        match self.ask(key).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => {
                value::json::object(table, &at, &mut |at, wrong| self.reader.problems.at_value(at, wrong))
            }
            Some(other) => {
                self.problem_at(&at, value::unexpected("a table", other));
                serde_json::Value::Null
            }
            None => serde_json::Value::Object(serde_json::Map::new()),
        }
    }

    /// The name of a file; a relative one starts at the folder of the configuration.
    pub(super) fn file(&mut self, key: &'static str) -> Option<At<PathBuf>> {
        let written = self.optional(key, value::text)?;
        Some(At { value: self.reader.base.join(written.value), at: written.at })
    }

    /// The same, where it must be there.
    pub(super) fn required_file(&mut self, key: &'static str, example: &str) -> Option<At<PathBuf>> {
        let written = self.required(key, value::text, example)?;
        Some(At { value: self.reader.base.join(written.value), at: written.at })
    }

    /// The folder that relative names start at.
    pub(super) fn base(&self) -> &'d Path {
        self.reader.base
    }

    /// Problems noted so far, to tell whether a part was read without one.
    pub(super) fn problem_count(&self) -> usize {
        self.reader.problems.count()
    }

    /// Something is wrong with the value at `at`.
    pub(super) fn problem_at(&mut self, at: &KeyPath, wrong: Wrong) {
        self.reader.problems.at_value(at, wrong);
    }

    fn items(&mut self, key: &'static str, hint: &str) -> Option<Vec<(KeyPath, &'d DeValue<'d>)>> {
        let value = self.ask(key)?;
        let at = self.at.key(key);
        match value.get_ref() {
            DeValue::Array(items) => {
                Some(items.iter().enumerate().map(|(index, item)| (at.index(index), item.get_ref())).collect())
            }
            other => self.noted(&at, Err(value::unexpected("a list", other).hint(hint))),
        }
    }

    fn noted<T>(&mut self, at: &KeyPath, result: Result<T, Wrong>) -> Option<T> {
        result.map_err(|wrong| self.problem_at(at, wrong)).ok()
    }

    fn ask(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked(key);
        self.table.get(key)
    }

    fn asked(&mut self, key: &'static str) {
        self.reader.record(&self.at, key);
        self.asked.push(key);
    }

    fn has_asked(&self, key: &str) -> bool {
        self.asked.contains(&key)
    }

    fn refuse_unknown(&mut self) {
        for (key, _) in self.table {
            let key = key.get_ref().as_ref();
            if !self.has_asked(key) {
                let hint = value::nearest(key, self.asked.iter().copied()).map_or_else(
                    || format!("known keys: {}", self.asked.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let wrong = Wrong::new(format!("unknown key {}", value::quoted(key))).hint(hint);
                self.reader.problems.at_key(&self.at.key(key), wrong);
            }
        }
    }
}

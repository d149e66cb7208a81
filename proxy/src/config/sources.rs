//! The text of a configuration, and where in it each key stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use toml::de::{DeTable, DeValue};

use super::key_path::{self, KeyPath};
use super::problem::{Excerpt, Place, Problem};
use super::secret;

/// Finds the place of a key path, so that a stage after loading can report a problem where its cause is written.
///
/// A plugin that misses a grant is reported at the `[[plugin]]` that should have it:
///
/// ```
/// # let text = "[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n[[upstream]]\nname = \"api\"\n\
/// #   [[route]]\nname = \"all\"\nupstream = \"api\"\n[[plugin]]\nname = \"key\"\npath = \"key.wasm\"\n";
/// # let loaded = tidegate::config::parse("gate.toml", "".as_ref(), text).unwrap();
/// let hint = "add `grants = [\"counters\"]`".to_owned();
/// let problem = loaded.sources.problem("plugin[0].grants", "it imports `counters`", Some(hint));
/// assert_eq!(problem.place.unwrap().line, 9); // no grants are written, so its header is meant
/// ```
#[derive(Clone, Debug)]
pub struct Sources {
    text: Arc<Text>,
}

#[derive(Debug)]
struct Text {
    file: String,
    text: String,
    /// What the user wrote, where that is another notation; each character has its place in both.
    shown: Option<String>,
    /// Made when the first problem needs it: a good configuration never pays for it.
    index: OnceLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    line_starts: Vec<usize>,
    spans: BTreeMap<String, Spans>,
    secrets: Vec<Range<usize>>,
}

#[derive(Clone, Debug)]
struct Spans {
    key: Range<usize>,
    value: Range<usize>,
}

impl Sources {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self::translated(file, text, None)
    }

    /// The sources of a text in another notation, as TOML: problems show what was written.
    pub(super) fn translated(file: &str, text: &str, shown: Option<&str>) -> Self {
        let (file, text, shown) = (file.to_owned(), text.to_owned(), shown.map(str::to_owned));
        Self { text: Arc::new(Text { file, text, shown, index: OnceLock::new() }) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text.text
    }

    /// The file, as the user named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.text.file
    }

    /// Where the value at `at` is written, or the nearest table around it that is; none for the file as a whole.
    #[must_use]
    pub fn place_of(&self, at: &str) -> Option<Place> {
        self.spans_of(at).map(|spans| self.place(spans.value.start))
    }

    /// A problem with the value at `at` (`plugin[1].path`, items from 0), or with the nearest table around it, or with
    /// the file as a whole.
    pub fn problem(&self, at: &str, message: impl Into<String>, hint: Option<String>) -> Problem {
        self.problem_in(at, self.spans_of(at).map(|spans| spans.value.clone()), message.into(), hint)
    }

    /// A problem with a key, whatever its value.
    pub(super) fn problem_at_key(&self, at: &str, message: String, hint: Option<String>) -> Problem {
        self.problem_in(at, self.spans_of(at).map(|spans| spans.key.clone()), message, hint)
    }

    /// A problem with a stretch of text that may stand for no key at all.
    pub(super) fn problem_in(
        &self,
        at: &str,
        span: Option<Range<usize>>,
        message: String,
        hint: Option<String>,
    ) -> Problem {
        let place = match &span {
            Some(span) => self.place(span.start),
            None => Place { file: self.text.file.clone(), line: 1, column: 1 },
        };
        let excerpt = span.map(|span| self.excerpt(span));
        Problem { message, hint, at: at.to_owned(), place: Some(place), excerpt }
    }

    fn spans_of(&self, at: &str) -> Option<&Spans> {
        let spans = &self.index().spans;
        std::iter::successors(Some(at), |at| key_path::parent(at)).find_map(|at| spans.get(at))
    }

    fn place(&self, offset: usize) -> Place {
        let (line, start) = self.line_at(offset);
        let before = self.text().get(start..offset).unwrap_or_default();
        Place { file: self.text.file.clone(), line, column: before.chars().count() + 1 }
    }

    /// Number (from 1) and start of the line that holds `offset`.
    fn line_at(&self, offset: usize) -> (usize, usize) {
        let starts = &self.index().line_starts;
        let line = starts.partition_point(|start| *start <= offset).max(1);
        (line, starts.get(line - 1).copied().unwrap_or(0))
    }

    fn excerpt(&self, span: Range<usize>) -> Excerpt {
        let (_, start) = self.line_at(span.start);
        let shown = self.text.shown.as_deref().unwrap_or_else(|| self.text());
        let rest = shown.get(start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let within = |offset: usize| offset.saturating_sub(start).min(line.len());
        let hidden = self.index().secrets.iter().map(|secret| within(secret.start)..within(secret.end));
        let (line, marked) = secret::mask(line, hidden, within(span.start)..within(span.end));
        Excerpt { line, marked }
    }

    fn index(&self) -> &Index {
        self.text.index.get_or_init(|| Index::new(self.text()))
    }
}

impl Index {
    fn new(text: &str) -> Self {
        let after_ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1);
        let mut index = Self { line_starts: std::iter::once(0).chain(after_ends).collect(), ..Self::default() };
        let (document, errors) = DeTable::parse_recoverable(text);
        index.add_table(&KeyPath::root(), document.get_ref());
        for error in errors {
            index.secrets.extend(error.span().and_then(|span| secret::around(text, span.start)));
        }
        index
    }

    fn add_table(&mut self, at: &KeyPath, table: &DeTable<'_>) {
        for (key, value) in table {
            self.add(at.key(key.get_ref()), key.span(), value.span(), value.get_ref());
        }
    }

    fn add(&mut self, at: KeyPath, key: Range<usize>, span: Range<usize>, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.add_table(&at, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(at.index(index), item.span(), item.span(), item.get_ref());
                }
            }
            // Yes and no tell nothing.
            DeValue::Boolean(_) => {}
            _ if secret::is_secret(at.as_str()) => self.secrets.push(span.clone()),
            _ => {}
        }
        self.spans.insert(at.to_string(), Spans { key, value: span });
    }
}

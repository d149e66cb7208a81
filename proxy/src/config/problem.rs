//! Problems of a configuration, and how they are shown: file, line, column, caret, reason, hint.

use std::ops::Range;

use serde::Serialize;

use super::render;

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// File by file, in the order of each; those without a place come first.
    pub problems: Vec<Problem>,
    pub(super) omitted: usize,
}

impl Report {
    /// A report of one problem that no line of a file stands for.
    pub fn message(text: impl Into<String>) -> Self {
        Problem::new(text, None).into()
    }

    /// Adds what a later stage found, at its place in the file.
    ///
    /// [`Sources::problem`](super::Sources::problem) makes problems that point at a key.
    pub fn push(&mut self, problem: Problem) {
        let after = self.problems.partition_point(|known| known.position() <= problem.position());
        self.problems.insert(after, problem);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems as a human reads them, with source lines and carets; `color` is for a terminal.
    ///
    /// Keys and tokens in the shown lines are masked, so that the text may go to a log.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render::report(self, color)
    }
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], omitted: 0 }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// Where, as written in the configuration, list items from 0: `route[2].upstream`; empty for the file as a whole.
    pub at: String,
    /// File, line and column, where known.
    pub place: Option<Place>,
    #[serde(skip)]
    pub(super) excerpt: Option<Excerpt>,
}

impl Problem {
    /// A problem that no line of a file stands for.
    pub fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { message: message.into(), hint, at: String::new(), place: None, excerpt: None }
    }

    fn position(&self) -> Option<(&str, usize, usize)> {
        self.place.as_ref().map(|place| (place.file.as_str(), place.line, place.column))
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// The line a problem is on, secrets masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The line without its end.
    pub(super) line: String,
    /// The bytes of it that are meant.
    pub(super) marked: Range<usize>,
}

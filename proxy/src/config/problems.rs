//! Collects problems while a document is read.

use super::key_path::KeyPath;
use super::problem::{Problem, Report};
use super::sources::Sources;
use super::value::Wrong;

/// A file with more problems is of another kind; nobody reads on, and showing them costs time.
pub(super) const MOST: usize = 100;

/// The problems found so far in one text.
#[derive(Debug)]
pub(super) struct Problems<'s> {
    sources: &'s Sources,
    found: Vec<Problem>,
    omitted: usize,
}

impl<'s> Problems<'s> {
    pub(super) fn new(sources: &'s Sources) -> Self {
        Self { sources, found: Vec::new(), omitted: 0 }
    }

    /// The value at this path is wrong.
    pub(super) fn at_value(&mut self, at: &KeyPath, wrong: Wrong) {
        self.push(|sources| sources.problem(at.as_str(), wrong.message, wrong.hint));
    }

    /// The key itself is wrong, whatever its value.
    pub(super) fn at_key(&mut self, at: &KeyPath, wrong: Wrong) {
        self.push(|sources| sources.problem_at_key(at.as_str(), wrong.message, wrong.hint));
    }

    /// What is wrong with another file.
    pub(super) fn include(&mut self, report: Report) {
        self.omitted += report.omitted;
        for problem in report.problems {
            self.push(|_| problem);
        }
    }

    fn push(&mut self, make: impl FnOnce(&Sources) -> Problem) {
        if self.found.len() < MOST {
            self.found.push(make(self.sources));
        } else {
            self.omitted += 1;
        }
    }

    /// Problems noted so far, shown or not.
    pub(super) fn count(&self) -> usize {
        self.found.len() + self.omitted
    }

    /// Whether something is wrong in this section already, so that what follows from it need not be said.
    pub(super) fn concern(&self, section: &str) -> bool {
        self.found.iter().any(|problem| problem.at.starts_with(section))
    }

    /// The line of a value, to name another place in a message.
    pub(super) fn line_of(&self, at: &KeyPath) -> String {
        match self.sources.place_of(at.as_str()) {
            Some(place) => format!("line {}", place.line),
            None => at.to_string(),
        }
    }

    pub(super) fn into_report(self) -> Report {
        let mut report = Report { problems: Vec::new(), omitted: self.omitted };
        for problem in self.found {
            report.push(problem);
        }
        report
    }
}

//! Problems of a configuration, and how they are shown: file, line, column, caret, reason, hint.

/// Everything that is wrong with a configuration.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// Where, as written in the configuration: `route[2].upstream`; empty where the file as a whole is meant.
    pub at: String,
    /// File, line and column (from 1), where known.
    pub place: Option<Place>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

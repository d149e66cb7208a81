//! Where in a document a value stands, as one would write it: `route[2].upstream`.

use std::fmt;

/// The way from the top of a document to a value; list items count from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyPath(String);

impl KeyPath {
    /// The whole document.
    pub(super) fn root() -> Self {
        Self::default()
    }

    /// A key below this table; quoted where TOML would want quotes.
    pub(super) fn key(&self, key: &str) -> Self {
        let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let dot = if self.0.is_empty() { "" } else { "." };
        if bare { Self(format!("{}{dot}{key}", self.0)) } else { Self(format!("{}{dot}{key:?}", self.0)) }
    }

    /// An item of this list.
    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path as a table header names it: without the numbers of list items.
    pub(super) fn header(&self) -> String {
        let mut parts = self.0.split('[');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |header, part| header + part.split_once(']').map_or(part, |(_, rest)| rest))
    }

    /// The path as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path one step nearer to the top; none above the top.
pub(super) fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    let cut = path.rfind(['.', '[']).unwrap_or(0);
    path.get(..cut)
}

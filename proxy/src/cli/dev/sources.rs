//! The sources of a project, without what building it leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::file_watch::{Stamp, stamp};

/// What tool chains write, or fetch.
const LEFT_BY_BUILDS: [&str; 7] =
    ["build", "dist", "target", "node_modules", "__pycache__", "Cargo.lock", "package-lock.json"];

/// What tells one state of the sources from another, without reading them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    files: BTreeMap<PathBuf, Option<Stamp>>,
    folders: Vec<PathBuf>,
}

impl Seen {
    /// Looks at all files below a folder; links to folders are not followed.
    pub(super) fn look(folder: &Path) -> Self {
        let mut seen = Self { files: BTreeMap::new(), folders: Vec::new() };
        let mut left = vec![folder.to_owned()];
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if !is_source(&entry.file_name().to_string_lossy()) {
                    continue;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => left.push(entry.path()),
                    _ => drop(seen.files.insert(entry.path(), stamp(&entry.path()))),
                }
            }
            seen.folders.push(folder);
        }
        seen.folders.sort();
        seen
    }

    /// The folders to watch.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }
}

/// Editors keep what they are about under names that begin with a dot or end in `~`.
fn is_source(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with('~') && !LEFT_BY_BUILDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_leaves_is_no_change_and_a_saved_source_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir(at("src")).unwrap();
        std::fs::write(at("src/policy.c"), "1").unwrap();
        let before = Seen::look(folder.path());
        for left in ["dist", "target", ".git"] {
            std::fs::create_dir(at(left)).unwrap();
            std::fs::write(at(left).join("policy.wasm"), "1").unwrap();
        }
        std::fs::write(at("src/.policy.c.swp"), "1").unwrap();
        assert_eq!(before, Seen::look(folder.path()));
        std::fs::write(at("src/policy.c"), "22").unwrap();
        assert_ne!(before, Seen::look(folder.path()));
        assert_eq!(before.folders().count(), 2);
    }
}

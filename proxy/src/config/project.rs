//! `plugin.toml`: what the sources of a plugin are made into.

use std::path::{Path, PathBuf};

use super::fields::{Fields, Reader};
use super::key_path::KeyPath;
use super::problem::Report;
use super::sources::Sources;
use super::{source, value};

/// The file that makes a folder the sources of a plugin.
pub const FILE: &str = "plugin.toml";

/// The sources of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The folder they are in.
    pub folder: PathBuf,
    /// The component is named after it.
    pub name: String,
    /// What they are written in.
    pub language: Language,
}

/// A language that plugins are built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust, without the SDK, so that the folder stands alone.
    Rust,
    /// C, with bindings that were generated.
    C,
    /// Go, with its runtime inside of the component, and the canonical ABI by hand.
    Go,
    /// JavaScript, with SpiderMonkey inside of the component.
    JavaScript,
    /// Python, with CPython inside of the component.
    Python,
    /// AssemblyScript, with the canonical ABI by hand.
    AssemblyScript,
}

impl Language {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Rust, Self::C, Self::Go, Self::JavaScript, Self::Python, Self::AssemblyScript];

    /// Its word in `plugin.toml` and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Go => "go",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::AssemblyScript => "assemblyscript",
        }
    }
}

impl Project {
    /// Reads the `plugin.toml` of a folder.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn load(folder: &Path) -> Result<Self, Report> {
        let path = folder.join(FILE);
        let text = source::read(&path)?;
        let sources = Sources::new(&path.display().to_string(), &text);
        let document = source::document(&sources)?;
        let mut reader = Reader::new(&sources, folder);
        let project = reader.table(KeyPath::root(), document.get_ref(), |fields| Self::read(fields, folder));
        let report = reader.into_problems().into_report();
        project.filter(|_| report.is_empty()).ok_or(report)
    }

    fn read(fields: &mut Fields<'_, '_>, folder: &Path) -> Option<Self> {
        let name = fields.required("name", value::name, "\"my-policy\"");
        let words = Language::ALL.map(|language| (language.word(), language));
        let language = fields.required("lang", value::word(&words), "\"rust\"");
        Some(Self { folder: folder.to_owned(), name: name?.value, language: language?.value })
    }

    /// Where its component goes.
    #[must_use]
    pub fn component(&self) -> PathBuf {
        self.folder.join("dist").join(format!("{}.wasm", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Project, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        Project::load(folder.path()).map_err(|report| report.render(false))
    }

    #[test]
    fn a_component_is_named_after_its_project() {
        let project = load("name = \"gate\"\nlang = \"c\"\n").unwrap();
        assert_eq!(project.language, Language::C);
        assert!(project.component().ends_with("dist/gate.wasm"));
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        let refused = load("name = \"a/b\"\nlang = \"pyhton\"\n").unwrap_err();
        assert!(refused.contains("plugin.toml:2:8") && refused.contains("did you mean \"python\"?"), "{refused}");
        assert!(refused.contains("is not a name"), "{refused}");
    }
}

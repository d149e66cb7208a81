//! Configuration: from a file to a value the program can use, or to everything that is wrong with it.
//!
//! Three steps, each of which goes on after a problem so that one run shows them all: the text becomes a TOML document
//! with spans; `written` takes from it what the user wrote, key by key, with every value parsed once; `resolve`
//! checks what concerns more than one key and makes the [`model::Config`]. `config/reference.toml` is the language.

pub mod cases;
mod changes;
pub mod consumers_file;
pub mod endpoints_file;
mod fields;
mod key_path;
pub mod model;
pub mod problem;
mod problems;
pub mod project;
mod render;
mod resolve;
mod secret;
pub mod show;
mod source;
mod sources;
#[cfg(test)]
mod tests;
mod value;
mod written;

use std::path::Path;

use model::Config;
use problem::Report;

pub use changes::changes;
pub use sources::Sources;
pub use value::nearest;
pub use written::plugin::default_limits;

/// A configuration that passed, with the text it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program needs.
    pub config: Config,
    /// For problems that only show later, as a plugin that does not load.
    pub sources: Sources,
}

/// Reads and validates a file; the same way for start, reload and `tidegate check`.
///
/// Relative paths in it start at its folder.
///
/// # Errors
/// Every problem of the file at once.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    let text = source::read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    parse(&path.display().to_string(), base, &text)
}

/// Validates a text; `file_name` is shown in problems, relative paths start at `base`.
///
/// # Errors
/// Every problem of the text at once.
pub fn parse(file_name: &str, base: &Path, text: &str) -> Result<Loaded, Report> {
    let sources = Sources::new(file_name, text);
    let document = source::document(&sources)?;
    let mut reader = fields::Reader::new(&sources, base);
    let written = written::Config::read(&mut reader, document.get_ref());
    let mut problems = reader.into_problems();
    let resolved = resolve::resolve(written, &mut problems);
    let report = problems.into_report();
    match resolved {
        Some(config) if report.problems.is_empty() => Ok(Loaded { config, sources }),
        _ => Err(report),
    }
}

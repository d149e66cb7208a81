//! Configuration: from a file to a value the program can use, or to everything that is wrong with it.

pub mod model;
pub mod problem;

use std::path::Path;

use model::Config;
use problem::Report;

/// Reads and validates a file; the same way for start, reload and `tidegate check`.
///
/// # Errors
/// Every problem of the file at once.
pub fn load(path: &Path) -> Result<Config, Report> {
    let _ = path;
    Err(Report::default())
}

//! From a file to a TOML document.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::problem::{Place, Problem, Report};
use super::sources::Sources;

/// Far above what a human or a generator writes; below what would stall a reload.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The text of a file.
///
/// # Errors
/// One problem: there is no such file, it cannot be read, or it is no text.
pub(super) fn read(path: &Path) -> Result<String, Report> {
    let bytes = bytes(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        let place = end_of(path, &before);
        Problem { place: Some(place), ..Problem::new("the file is not UTF-8 text", save_hint()) }.into()
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Report> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        let hint = (error.kind() == std::io::ErrorKind::NotFound).then(|| "check the path".to_owned());
        Report::from(Problem::new(format!("cannot read {shown}: {}", reason(&error)), hint))
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        let hint = format!("name a file in it, such as {}", path.join("tidegate.toml").display());
        return Err(Problem::new(format!("{shown} is a directory, not a file"), Some(hint)).into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST { Err(too_large(&shown.to_string()).into()) } else { Ok(bytes) }
}

/// Why a file cannot be read, without the error number.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}

fn too_large(shown: &str) -> Problem {
    let message = format!("{shown} is larger than 4 MiB");
    Problem::new(message, Some("is this the configuration?".to_owned()))
}

fn save_hint() -> Option<String> {
    Some("save it as UTF-8 text".to_owned())
}

fn end_of(path: &Path, before: &str) -> Place {
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { file: path.display().to_string(), line, column }
}

/// The document in a text.
///
/// # Errors
/// What keeps it from being TOML, one problem a line: behind the first, a line is often misread as a whole.
pub(super) fn document(sources: &Sources) -> Result<Spanned<DeTable<'_>>, Report> {
    let text = sources.text();
    if text.len() as u64 > LARGEST {
        return Err(too_large(sources.file()).into());
    }
    if let Some(nul) = memchr::memchr(0, text.as_bytes()) {
        let before = text.get(..nul).unwrap_or_default();
        let place = Some(end_of(Path::new(sources.file()), before));
        return Err(Problem { place, ..Problem::new("the file contains a NUL byte", save_hint()) }.into());
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() { Ok(document) } else { Err(syntax(sources, &errors)) }
}

fn syntax(sources: &Sources, errors: &[toml::de::Error]) -> Report {
    let mut report = Report::default();
    let mut last_line = None;
    for error in errors {
        let problem = sources.problem_in("", error.span(), error.message().to_owned(), None);
        let line = problem.place.as_ref().map(|place| place.line);
        if last_line.replace(line) == Some(line) {
            continue;
        }
        if report.problems.len() < super::problems::MOST {
            report.push(problem);
        } else {
            report.omitted += 1;
        }
    }
    report
}

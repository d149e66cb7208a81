//! A file of consumers beside the configuration: what the gateway reads of it, and what `tidegate consumer` writes.

mod edit;

use std::path::Path;

use super::fields::Reader;
use super::key_path::KeyPath;
use super::model::Consumer;
use super::problem::Report;
use super::resolve::consumers::resolve;
use super::resolve::names::Names;
use super::sources::Sources;
use super::{source, written};

pub use edit::{ConsumersText, EditError};

/// Consumers, and the text they came from.
#[derive(Clone, Debug)]
pub struct ConsumersFile {
    /// In the order of the file.
    pub consumers: Vec<Consumer>,
    sources: Sources,
}

/// Reads a file of consumers.
///
/// # Errors
/// Every problem of the file at once.
pub fn load(path: &Path) -> Result<ConsumersFile, Report> {
    parse(&path.display().to_string(), &source::read(path)?)
}

/// Validates a text; `file_name` is shown in problems.
///
/// # Errors
/// Every problem of the text at once.
pub fn parse(file_name: &str, text: &str) -> Result<ConsumersFile, Report> {
    let sources = Sources::new(file_name, text);
    let document = source::document(&sources)?;
    let mut reader = Reader::new(&sources, Path::new(""));
    let written = reader
        .table(KeyPath::root(), document.get_ref(), |fields| fields.sections("consumer", written::Consumer::read));
    let mut problems = reader.into_problems();
    Names::new("consumer", written.iter().map(|consumer| &consumer.name), &mut problems);
    let consumers = resolve(written, &mut problems);
    let report = problems.into_report();
    match consumers {
        Some(consumers) if report.is_empty() => Ok(ConsumersFile { consumers, sources }),
        _ => Err(report),
    }
}

impl ConsumersFile {
    /// Its consumers, where they can stand beside those of the configuration.
    ///
    /// # Errors
    /// A name or a credential belongs to a consumer of the configuration already.
    pub(super) fn beside(self, others: &[Consumer]) -> Result<Vec<Consumer>, Report> {
        let mut report = Report::default();
        for (index, consumer) in self.consumers.iter().enumerate() {
            for other in others {
                if let Some((key, what)) = clash(consumer, other) {
                    let message = format!("{what} belongs to consumer \"{}\" of the configuration already", other.name);
                    let at = format!("consumer[{index}].{key}");
                    report.push(self.sources.problem(&at, message, Some("keep it in one of the two files".into())));
                }
            }
        }
        if report.is_empty() { Ok(self.consumers) } else { Err(report) }
    }
}

/// What two consumers have in common and must not.
fn clash(one: &Consumer, other: &Consumer) -> Option<(&'static str, &'static str)> {
    let (ours, theirs) = (&one.credentials, &other.credentials);
    let is_signed_alike = || {
        let ids = |id: &str| theirs.signing_keys.iter().any(|key| key.id == id);
        ours.signing_keys.iter().any(|key| ids(&key.id))
    };
    if one.name == other.name {
        Some(("name", "this name"))
    } else if ours.api_key_hashes.iter().any(|hash| theirs.api_key_hashes.contains(hash)) {
        Some(("keys", "one of these API keys"))
    } else if ours.subjects.iter().any(|subject| theirs.subjects.contains(subject)) {
        Some(("subject", "one of these subjects"))
    } else if ours.certificates.iter().any(|sha256| theirs.certificates.contains(sha256)) {
        Some(("certificates", "one of these certificates"))
    } else if is_signed_alike() {
        Some(("signing_key", "the id of one of these signing keys"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;

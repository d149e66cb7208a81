//! Consumers: what proves a client to be one of them proves it to be no other.

use std::collections::HashMap;
use std::hash::Hash;

use super::each;
use crate::config::consumers_file;
use crate::config::key_path::KeyPath;
use crate::config::model;
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{At, Consumer};
use crate::consumers::{Credentials, SigningKey, TokenSubject};

/// All consumers of one file.
pub(in crate::config) fn resolve(written: Vec<Consumer>, problems: &mut Problems<'_>) -> Option<Vec<model::Consumer>> {
    check_owners(&written, problems);
    each(written, |consumer| {
        let subjects = consumer.subjects.into_iter();
        let signing_keys = consumer.signing_keys.into_iter();
        Some(model::Consumer {
            name: consumer.name?.value,
            tags: consumer.tags,
            credentials: Credentials {
                api_key_hashes: consumer.keys.into_iter().map(|key| key.value).collect(),
                password: consumer.password,
                subjects: subjects
                    .map(|it| Some(TokenSubject { issuer: it.issuer?, subject: it.subject? }))
                    .collect::<Option<_>>()?,
                certificates: consumer.certificates.into_iter().map(|certificate| certificate.value).collect(),
                signing_keys: signing_keys
                    .map(|key| Some(SigningKey { id: key.id?.value, secret: key.secret? }))
                    .collect::<Option<_>>()?,
            },
        })
    })
}

/// Adds those of the file beside the configuration.
pub(super) fn with_file(
    own: Option<Vec<model::Consumer>>,
    file: Option<&At<std::path::PathBuf>>,
    problems: &mut Problems<'_>,
) -> Option<Vec<model::Consumer>> {
    let before = problems.count();
    let Some(file) = file.inspect(|file| super::check_file(file, problems)) else { return own };
    if problems.count() > before {
        return own;
    }
    match consumers_file::load(&file.value).and_then(|more| more.beside(own.as_deref().unwrap_or_default())) {
        Ok(more) => own.map(|own| own.into_iter().chain(more).collect()),
        Err(report) => {
            problems.include(report);
            own
        }
    }
}

fn check_owners(written: &[Consumer], problems: &mut Problems<'_>) {
    let mut keys = Owners::new("API key");
    let mut subjects = Owners::new("subject");
    let mut signing_keys = Owners::new("id of a signing key");
    let mut certificates = Owners::new("certificate");
    for consumer in written {
        for key in &consumer.keys {
            keys.claim(key.value, &key.at, &consumer.at, problems);
        }
        for certificate in &consumer.certificates {
            certificates.claim(certificate.value, &certificate.at, &consumer.at, problems);
        }
        for subject in &consumer.subjects {
            subjects.claim((&subject.issuer, &subject.subject), &subject.at, &consumer.at, problems);
        }
        for id in consumer.signing_keys.iter().filter_map(|key| key.id.as_ref()) {
            signing_keys.claim(&id.value, &id.at, &consumer.at, problems);
        }
    }
}

/// Who has what: two consumers with one credential could not be told apart; one with a credential twice is a slip.
struct Owners<'w, T> {
    what: &'static str,
    /// Consumer, and where it says so.
    known: HashMap<T, (&'w KeyPath, &'w KeyPath)>,
}

impl<'w, T: Eq + Hash> Owners<'w, T> {
    fn new(what: &'static str) -> Self {
        Self { what, known: HashMap::new() }
    }

    fn claim(&mut self, value: T, at: &'w KeyPath, consumer: &'w KeyPath, problems: &mut Problems<'_>) {
        let Some((owner, first)) = self.known.insert(value, (consumer, at)) else { return };
        let what = self.what;
        let message = if owner == consumer {
            format!("this {what} is given twice")
        } else {
            format!("two consumers have this {what}")
        };
        let hint = format!("the other is on {}", problems.line_of(first));
        problems.at_value(at, Wrong::new(message).hint(hint));
    }
}

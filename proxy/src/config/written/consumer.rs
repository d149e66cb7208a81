//! `[[consumer]]`

use super::{At, name, values};
use crate::config::fields::Fields;
use crate::config::key_path::KeyPath;
use crate::config::value::{self, secret};
use crate::consumers::PasswordHash;

/// A consumer as written; its keys are hashes already.
#[derive(Debug)]
pub(in crate::config) struct Consumer {
    pub(in crate::config) at: KeyPath,
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) tags: Vec<String>,
    pub(in crate::config) keys: Vec<At<[u8; 32]>>,
    pub(in crate::config) password: Option<PasswordHash>,
    pub(in crate::config) subjects: Vec<Subject>,
    pub(in crate::config) signing_keys: Vec<SigningKey>,
    pub(in crate::config) certificates: Vec<At<[u8; 32]>>,
}

/// One `[[consumer.subject]]`.
#[derive(Debug)]
pub(in crate::config) struct Subject {
    pub(in crate::config) at: KeyPath,
    pub(in crate::config) issuer: Option<String>,
    pub(in crate::config) subject: Option<String>,
}

/// One `[[consumer.signing_key]]`.
#[derive(Debug)]
pub(in crate::config) struct SigningKey {
    pub(in crate::config) id: Option<At<String>>,
    pub(in crate::config) secret: Option<Vec<u8>>,
}

impl Consumer {
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            at: fields.at().clone(),
            name: name(fields),
            tags: values(fields.list("tags", value::name)),
            keys: fields.list("keys", secret::api_key).unwrap_or_default(),
            password: fields.optional("password", secret::password_hash).map(|hash| hash.value),
            subjects: fields.sections("subject", Subject::read),
            signing_keys: fields.sections("signing_key", SigningKey::read),
            certificates: fields.list("certificates", secret::certificate).unwrap_or_default(),
        }
    }
}

impl Subject {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            at: fields.at().clone(),
            issuer: fields.required("issuer", value::text, "\"https://accounts.example\"").map(|issuer| issuer.value),
            subject: fields.required("subject", value::text, "\"...\"").map(|subject| subject.value),
        }
    }
}

impl SigningKey {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            id: fields.required("id", value::name, "\"...\""),
            secret: fields.required("secret", secret::signing, "\"...\"").map(|secret| secret.value),
        }
    }
}

//! `[[consumer]]`

use super::{At, name, values};
use crate::config::fields::Fields;
use crate::config::key_path::KeyPath;
use crate::config::value::{self, secret};

/// A consumer as written; its keys are hashes already.
#[derive(Debug)]
pub(in crate::config) struct Consumer {
    pub(in crate::config) at: KeyPath,
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) tags: Vec<String>,
    pub(in crate::config) keys: Vec<At<[u8; 32]>>,
}

impl Consumer {
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            at: fields.at().clone(),
            name: name(fields),
            tags: values(fields.list("tags", value::name)),
            keys: fields.list("keys", secret::api_key).unwrap_or_default(),
        }
    }
}

//! Consumers: a key belongs to one of them.

use std::collections::HashMap;

use super::each;
use crate::config::key_path::KeyPath;
use crate::config::model;
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{At, Consumer};

/// All consumers.
pub(in crate::config) fn resolve(written: Vec<Consumer>, problems: &mut Problems<'_>) -> Option<Vec<model::Consumer>> {
    let mut owners = HashMap::new();
    for consumer in &written {
        for key in &consumer.keys {
            check_key(key, &consumer.at, &mut owners, problems);
        }
    }
    each(written, |consumer| {
        Some(model::Consumer {
            name: consumer.name?.value,
            tags: consumer.tags,
            api_key_hashes: consumer.keys.into_iter().map(|key| key.value).collect(),
        })
    })
}

/// Two consumers with one key could not be told apart; one consumer with a key twice is a slip.
fn check_key<'w>(
    key: &'w At<[u8; 32]>,
    consumer: &'w KeyPath,
    owners: &mut HashMap<[u8; 32], (&'w KeyPath, &'w KeyPath)>,
    problems: &mut Problems<'_>,
) {
    let Some((owner, first)) = owners.insert(key.value, (consumer, &key.at)) else { return };
    let message = if owner == consumer { "this API key is given twice" } else { "two consumers have this API key" };
    let hint = format!("the other is on {}", problems.line_of(first));
    problems.at_value(&key.at, Wrong::new(message).hint(hint));
}

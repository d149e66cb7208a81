//! Key sets as the admin listener and the metrics are told of them.

use crate::admin::{FetchFailure, KeyStatus, KeysetStatus, UnusableKeyStatus};
use crate::config::model::{Algorithms, KeysetSource, TokenAlgorithm};
use crate::keysets::{KeyRing, Keyset};
use crate::observe::metrics::KeysetGauges;

pub(super) fn status(keyset: &Keyset) -> KeysetStatus {
    let (spec, facts) = (keyset.spec(), keyset.facts());
    KeysetStatus {
        name: spec.name.clone(),
        source: match &spec.source {
            KeysetSource::File(path) => path.display().to_string(),
            KeysetSource::Url(remote) => remote.url.to_string(),
            KeysetSource::Keys(_) => "configuration".to_owned(),
        },
        algorithms: names(spec.algorithms),
        keys: facts.ring.as_deref().map(keys).unwrap_or_default(),
        unusable: facts.ring.as_deref().map(unusable).unwrap_or_default(),
        fetched_at: facts.fetched_at.map(Into::into),
        age_seconds: facts.age.map(|age| age.as_secs()),
        failure: facts.failure.map(|failure| FetchFailure { since: failure.since.into(), why: failure.why }),
    }
}

fn keys(ring: &KeyRing) -> Vec<KeyStatus> {
    ring.keys().map(|key| KeyStatus { kid: key.kid, algorithms: names(key.algorithms) }).collect()
}

fn unusable(ring: &KeyRing) -> Vec<UnusableKeyStatus> {
    let told = ring.unusable().iter();
    told.map(|key| UnusableKeyStatus { index: key.index, kid: key.kid.clone(), why: key.why.clone() }).collect()
}

fn names(algorithms: Algorithms) -> Vec<&'static str> {
    algorithms.iter().map(TokenAlgorithm::name).collect()
}

pub(super) fn gauges(keyset: &Keyset) -> KeysetGauges {
    let facts = keyset.facts();
    KeysetGauges { keys: facts.ring.map_or(0, |ring| ring.keys().len()), age: facts.age }
}

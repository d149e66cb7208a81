//! Key sets as they are shown: what is secret is named, not told.

use serde_json::{Value, json};

use super::{REDACTED, bytes, each, time};
use crate::config::model::{KeyMaterial, Keyset, KeysetSource, StaticKey, TokenAlgorithm};

pub(super) fn keyset(keyset: &Keyset) -> Value {
    let algorithms: Vec<_> = keyset.algorithms.iter().map(TokenAlgorithm::name).collect();
    match &keyset.source {
        KeysetSource::File(path) => json!({ "name": keyset.name, "algorithms": algorithms, "file": path }),
        KeysetSource::Keys(keys) => {
            json!({ "name": keyset.name, "algorithms": algorithms, "keys": each(keys, key) })
        }
        KeysetSource::Url(remote) => json!({
            "name": keyset.name,
            "algorithms": algorithms,
            "url": remote.url.to_string(),
            "refresh": time(remote.refresh),
            "min_interval": time(remote.min_interval),
            "timeout": time(remote.timeout),
            "max_bytes": bytes(remote.max_bytes),
            "ca": remote.ca,
        }),
    }
}

fn key(key: &StaticKey) -> Value {
    let (name, shown) = match &key.material {
        KeyMaterial::Pem(text) => ("pem", json!(text)),
        KeyMaterial::PemFile(path) => ("pem_file", json!(path)),
        KeyMaterial::Secret(_) => ("secret", json!(REDACTED)),
        KeyMaterial::SecretFile(path) => ("secret_file", json!(path)),
    };
    json!({ "kid": key.kid, "algorithm": key.algorithm.name(), name: shown })
}

//! Key sets: algorithms that can stand beside each other, and keys that fit them.

use super::each;
use crate::config::model::{self, Algorithms, KeyMaterial, KeysetSource, RemoteKeyset, TokenAlgorithm};
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{Key, Keyset, KeysetOrigin, Material, Remote};

/// All key sets.
pub(in crate::config) fn all(written: Vec<Keyset>, problems: &mut Problems<'_>) -> Option<Vec<model::Keyset>> {
    each(written, |keyset| one(keyset, problems))
}

fn one(written: Keyset, problems: &mut Problems<'_>) -> Option<model::Keyset> {
    let algorithms: Algorithms = written.algorithms.iter().map(|algorithm| algorithm.value).collect();
    check_mixture(&written, problems);
    let source = match written.source? {
        KeysetOrigin::File(path) => KeysetSource::File(path.value),
        KeysetOrigin::Url(remote) => KeysetSource::Url(fetched(*remote)),
        KeysetOrigin::Keys(keys) => KeysetSource::Keys(each(keys, |key| one_key(key, algorithms, problems))?),
    };
    Some(model::Keyset { name: written.name?.value, algorithms, source })
}

/// Where secrets and public keys are in one set, whoever knows a public key could sign with it as with a secret.
fn check_mixture(written: &Keyset, problems: &mut Problems<'_>) {
    let is_symmetric = |algorithm: TokenAlgorithm| algorithm.is_symmetric();
    let secrets = written.algorithms.iter().find(|algorithm| is_symmetric(algorithm.value));
    let Some(secrets) = secrets else { return };
    let name = secrets.value.name();
    if written.algorithms.iter().any(|algorithm| !is_symmetric(algorithm.value)) {
        let wrong = Wrong::new(format!("{name} cannot stand beside algorithms with public keys"));
        problems.at_value(
            &secrets.at,
            wrong.hint("a public key could be passed off as the secret: make two key sets of it"),
        );
    }
    if let Some(KeysetOrigin::Url(remote)) = &written.source {
        let wrong = Wrong::new(format!("{name} wants a secret, and what is fetched is none"));
        let hint = format!(
            "use `keys` with `secret_file`, or the issuer's public keys; the url is on {}",
            problems.line_of(&remote.url.at)
        );
        problems.at_value(&secrets.at, wrong.hint(hint));
    }
}

fn fetched(remote: Remote) -> RemoteKeyset {
    RemoteKeyset {
        url: remote.url.value,
        refresh: remote.refresh,
        min_interval: remote.min_interval,
        timeout: remote.timeout,
        max_bytes: remote.max_bytes,
        ca: remote.ca.map(|ca| ca.value),
    }
}

fn one_key(key: Key, allowed: Algorithms, problems: &mut Problems<'_>) -> Option<model::StaticKey> {
    let algorithm = key.algorithm?;
    if !allowed.is_empty() && !allowed.has(algorithm.value) {
        let wrong = Wrong::new(format!("{} is not one of the set's `algorithms`", algorithm.value.name()));
        problems.at_value(&algorithm.at, wrong.hint(format!("they are {allowed}")));
    }
    let material = key.material?;
    let is_secret = matches!(material, Material::Secret(_) | Material::SecretFile(_));
    if is_secret != algorithm.value.is_symmetric() {
        let wants = if is_secret { "a public key, not a secret" } else { "a secret, not a public key" };
        let hint = if is_secret { "give it as `pem_file` or `pem`" } else { "give it as `secret_file` or `secret`" };
        problems.at_value(&key.at, Wrong::new(format!("{} wants {wants}", algorithm.value.name())).hint(hint));
    }
    let material = match material {
        Material::Pem(text) => KeyMaterial::Pem(text),
        Material::PemFile(path) => KeyMaterial::PemFile(path.value),
        Material::Secret(secret) => KeyMaterial::Secret(secret),
        Material::SecretFile(path) => KeyMaterial::SecretFile(path.value),
    };
    Some(model::StaticKey { kid: key.kid, algorithm: algorithm.value, material })
}

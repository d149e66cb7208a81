//! From the configuration to a key set that can be used or fetched.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::fetch::HttpFetch;
use super::key::{Material, VerificationKey};
use super::key_ring::KeyRing;
use super::keyset::Keyset;
use super::{jwk, pem};
use crate::config::model::{self, Algorithms, KeyMaterial, KeysetSource, RemoteKeyset, StaticKey};

/// Key sets have a few KiB; a file larger than this is another one.
const LARGEST_FILE: u64 = 16 << 20;

/// One thing that keeps a key set from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysetProblem {
    /// Which key of its section is meant: `file`, `keys[1].pem_file`.
    pub key: String,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl KeysetProblem {
    fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Keyset {
    /// Reads its files; nothing is fetched. What stays the same is `before` itself, and keys from the same place are
    /// taken along.
    ///
    /// # Errors
    /// Everything that is wrong with its files and keys.
    pub fn load(spec: &model::Keyset, before: Option<&Arc<Self>>) -> Result<Arc<Self>, Vec<KeysetProblem>> {
        let ring = match &spec.source {
            KeysetSource::Url(remote) => return fetched(spec, remote, before).map_err(|problem| vec![problem]),
            KeysetSource::File(path) => from_file(path, spec.algorithms).map_err(|problem| vec![problem])?,
            KeysetSource::Keys(keys) => from_keys(keys)?,
        };
        let same = before.filter(|before| {
            before.spec == *spec && before.ring().is_some_and(|known| known.fingerprint == ring.fingerprint)
        });
        Ok(same.cloned().unwrap_or_else(|| Arc::new(Self::local(spec.clone(), ring))))
    }
}

fn fetched(
    spec: &model::Keyset,
    remote: &RemoteKeyset,
    before: Option<&Arc<Keyset>>,
) -> Result<Arc<Keyset>, KeysetProblem> {
    let ca = remote.ca.as_deref().map(|path| read("ca", path)).transpose()?;
    let trust = ca.as_ref().map(|ca| Sha256::digest(ca).into());
    if let Some(same) =
        before.filter(|before| before.spec == *spec && before.remote.as_ref().is_some_and(|r| r.trust == trust))
    {
        return Ok(Arc::clone(same));
    }
    let fetch = HttpFetch::new(remote, ca.as_deref()).map_err(|error| {
        let key = if ca.is_some() { "ca" } else { "url" };
        KeysetProblem::new(key, error.to_string())
            .hint("`ca` is a PEM file with the certificates of who may vouch for the server")
    })?;
    let keyset = Keyset::fetched(spec.clone(), remote.clone(), Box::new(fetch), trust);
    if let Some(before) = before.filter(|before| is_from_the_same_place(before, spec, remote)) {
        keyset.inherit(before);
    }
    Ok(Arc::new(keyset))
}

/// Whether keys of the one are keys of the other; what was left out for its algorithm would be missing.
fn is_from_the_same_place(before: &Keyset, spec: &model::Keyset, remote: &RemoteKeyset) -> bool {
    before.spec.algorithms == spec.algorithms
        && before.remote.as_ref().is_some_and(|before| before.spec.url == remote.url)
}

fn from_file(path: &Path, allowed: Algorithms) -> Result<KeyRing, KeysetProblem> {
    let text = read("file", path)?;
    let shown = path.display();
    let ring = jwk::read(&text, allowed).map_err(|error| KeysetProblem::new("file", format!("{shown}: {error}")))?;
    if ring.is_empty() {
        let first = ring.unusable().first().map_or("it has none", |key| key.why.as_str());
        let problem = KeysetProblem::new("file", format!("{shown}: none of its keys can be used: {first}"));
        return Err(problem.hint(format!("`algorithms` allows {allowed}")));
    }
    Ok(ring)
}

fn from_keys(keys: &[StaticKey]) -> Result<KeyRing, Vec<KeysetProblem>> {
    let (mut ready, mut problems, mut fingerprint) = (Vec::new(), Vec::new(), Sha256::new());
    for (index, key) in keys.iter().enumerate() {
        match one_key(key, &mut fingerprint) {
            Ok(key) => ready.push(key),
            Err(problem) => problems.push(KeysetProblem { key: format!("keys[{index}].{}", problem.key), ..problem }),
        }
    }
    if problems.is_empty() { Ok(KeyRing::new(ready, Vec::new(), fingerprint.finalize().into())) } else { Err(problems) }
}

fn one_key(key: &StaticKey, fingerprint: &mut Sha256) -> Result<VerificationKey, KeysetProblem> {
    let algorithm: Algorithms = [key.algorithm].into_iter().collect();
    let (name, bytes) = match &key.material {
        KeyMaterial::Pem(text) => ("pem", text.as_bytes().to_vec()),
        KeyMaterial::PemFile(path) => ("pem_file", read("pem_file", path)?),
        KeyMaterial::Secret(secret) => ("secret", secret.bytes().to_vec()),
        KeyMaterial::SecretFile(path) => ("secret_file", without_line_end(read("secret_file", path)?)),
    };
    fingerprint.update(Sha256::digest(&bytes));
    let wrong = |why: String| KeysetProblem::new(name, why);
    let material = if key.algorithm.is_symmetric() {
        Material::secret(&bytes, algorithm).map_err(|error| wrong(error.to_string()))?
    } else {
        pem::read(&bytes).map_err(|error| {
            wrong(error.to_string()).hint("`openssl pkey -in KEY -pubout` prints the public key of a private one")
        })?
    };
    VerificationKey::new(key.kid.clone(), algorithm, material)
        .map_err(|_| wrong(format!("the key is not one for {}", key.algorithm.name())))
}

/// Editors put one behind the last line.
fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    bytes
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, KeysetProblem> {
    let wrong = |why: &dyn std::fmt::Display| KeysetProblem::new(key, format!("cannot read {}: {why}", path.display()));
    let bytes = bounded(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => wrong(&"there is no such file"),
        io::ErrorKind::PermissionDenied => wrong(&"permission denied"),
        _ => wrong(&error),
    })?;
    if bytes.len() as u64 > LARGEST_FILE { Err(wrong(&"it is larger than 16 MiB")) } else { Ok(bytes) }
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! What is believed, and what is not.

mod fetching;
mod forgeries;
mod loading;
mod refresh;
mod signer;

use crate::config::model::{self, Algorithms, KeysetSource, TokenAlgorithm};
use crate::keysets::jwk;
use crate::keysets::keyset::Keyset;

fn allowed(names: &[&str]) -> Algorithms {
    names.iter().map(|name| TokenAlgorithm::named(name).unwrap()).collect()
}

/// A key set of this JWK set.
fn keyset(jwks: &serde_json::Value, names: &[&str]) -> Keyset {
    let algorithms = allowed(names);
    let ring = jwk::read(jwks.to_string().as_bytes(), algorithms).unwrap();
    let source = KeysetSource::File("jwks.json".into());
    Keyset::local(model::Keyset { name: "accounts".into(), algorithms, source }, ring)
}

//! `[[keyset]]`

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::{At, name};
use crate::config::fields::Fields;
use crate::config::key_path::KeyPath;
use crate::config::model::{SharedSecret, TokenAlgorithm};
use crate::config::value::quantity::{duration, size};
use crate::config::value::{self, Wrong, net, secret, word};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const MIB: usize = 1 << 20;
/// What only makes sense for keys that are fetched.
const REMOTE_KEYS: [&str; 5] = ["refresh", "min_interval", "timeout", "max_bytes", "ca"];

/// A key set as written.
#[derive(Debug)]
pub(in crate::config) struct Keyset {
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) algorithms: Vec<At<TokenAlgorithm>>,
    pub(in crate::config) source: Option<KeysetOrigin>,
}

/// Where its keys are.
#[derive(Debug)]
pub(in crate::config) enum KeysetOrigin {
    File(At<PathBuf>),
    Url(Box<Remote>),
    Keys(Vec<Key>),
}

/// Keys that are fetched.
#[derive(Debug)]
pub(in crate::config) struct Remote {
    pub(in crate::config) url: At<Uri>,
    pub(in crate::config) refresh: Duration,
    pub(in crate::config) min_interval: Duration,
    pub(in crate::config) timeout: Duration,
    pub(in crate::config) max_bytes: usize,
    pub(in crate::config) ca: Option<At<PathBuf>>,
}

/// One item of `keys`.
#[derive(Debug)]
pub(in crate::config) struct Key {
    pub(in crate::config) at: KeyPath,
    pub(in crate::config) kid: Option<String>,
    pub(in crate::config) algorithm: Option<At<TokenAlgorithm>>,
    pub(in crate::config) material: Option<Material>,
}

/// The key itself.
#[derive(Debug)]
pub(in crate::config) enum Material {
    Pem(String),
    PemFile(At<PathBuf>),
    Secret(SharedSecret),
    SecretFile(At<PathBuf>),
}

impl Keyset {
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self { name: name(fields), algorithms: algorithms(fields), source: source(fields) }
    }
}

fn algorithm_words() -> [(&'static str, TokenAlgorithm); TokenAlgorithm::ALL.len()] {
    TokenAlgorithm::ALL.map(|algorithm| (algorithm.name(), algorithm))
}

fn algorithms(fields: &mut Fields<'_, '_>) -> Vec<At<TokenAlgorithm>> {
    let before = fields.problem_count();
    let listed = fields.list("algorithms", word(&algorithm_words())).unwrap_or_default();
    if listed.is_empty() && fields.problem_count() == before {
        let wrong = Wrong::new("no `algorithms` are allowed, so no token could pass");
        fields.problem_at(
            &fields.at().clone(),
            wrong.hint("add what the tokens' issuer uses: `algorithms = [\"RS256\"]`"),
        );
    }
    listed
}

fn source(fields: &mut Fields<'_, '_>) -> Option<KeysetOrigin> {
    let before = fields.problem_count();
    let file = fields.file("file").map(KeysetOrigin::File);
    let keys = Some(fields.sections("keys", Key::read)).filter(|keys| !keys.is_empty()).map(KeysetOrigin::Keys);
    let url = remote(fields, file.is_some() || keys.is_some()).map(|remote| KeysetOrigin::Url(Box::new(remote)));
    let at = fields.at().clone();
    one_of(fields, &at, before, "`file`, `url` and `keys`", [file, url, keys])
}

/// The only one that is there; where none is, or several are, that is the problem, unless one was there and wrong.
pub(super) fn one_of<T, const N: usize>(
    fields: &mut Fields<'_, '_>,
    at: &KeyPath,
    before: usize,
    names: &str,
    all: [Option<T>; N],
) -> Option<T> {
    let mut found = all.into_iter().flatten();
    let first = found.next();
    let wrong = match (&first, found.next()) {
        (Some(_), None) => return first,
        (None, _) if fields.problem_count() > before => return None,
        (None, _) => Wrong::new(format!("one of {names} is missing")),
        (Some(_), Some(_)) => Wrong::new(format!("only one of {names} can be given")),
    };
    fields.problem_at(at, wrong);
    None
}

/// Where the keys are elsewhere, whoever wrote how to fetch them believes that it happens.
fn remote(fields: &mut Fields<'_, '_>, elsewhere: bool) -> Option<Remote> {
    let url = fields.optional("url", net::url);
    let refresh = fields.optional("refresh", duration(SECOND..=24 * HOUR));
    let min_interval = fields.optional("min_interval", duration(SECOND / 10..=HOUR));
    let timeout = fields.optional("timeout", duration(SECOND / 10..=60 * SECOND));
    let max_bytes = fields.optional("max_bytes", size(1024..=16 * MIB));
    let ca = fields.file("ca");
    let places = [at(&refresh), at(&min_interval), at(&timeout), at(&max_bytes), at(&ca)];
    let Some(url) = url else {
        if !elsewhere {
            return None;
        }
        for (key, place) in REMOTE_KEYS.into_iter().zip(places).filter_map(|(k, p)| Some((k, p?))) {
            fields.problem_at(&place, Wrong::new(format!("`{key}` is for keys that are fetched from a `url`")));
        }
        return None;
    };
    Some(Remote {
        url,
        refresh: refresh.map_or(300 * SECOND, |found| found.value),
        min_interval: min_interval.map_or(10 * SECOND, |found| found.value),
        timeout: timeout.map_or(5 * SECOND, |found| found.value),
        max_bytes: max_bytes.map_or(MIB, |found| found.value),
        ca,
    })
}

fn at<T>(found: &Option<At<T>>) -> Option<KeyPath> {
    found.as_ref().map(|found| found.at.clone())
}

impl Key {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            at: fields.at().clone(),
            kid: fields.optional("kid", value::text).map(|kid| kid.value),
            algorithm: fields.required("algorithm", word(&algorithm_words()), "\"RS256\""),
            material: material(fields),
        }
    }
}

fn material(fields: &mut Fields<'_, '_>) -> Option<Material> {
    let before = fields.problem_count();
    let pem = fields.optional("pem", value::text).map(|pem| Material::Pem(pem.value));
    let pem_file = fields.file("pem_file").map(Material::PemFile);
    let secret = fields.optional("secret", secret::shared).map(|secret| Material::Secret(secret.value));
    let secret_file = fields.file("secret_file").map(Material::SecretFile);
    let at = fields.at().clone();
    let names = "`pem_file`, `pem`, `secret_file` and `secret`";
    one_of(fields, &at, before, names, [pem, pem_file, secret, secret_file])
}

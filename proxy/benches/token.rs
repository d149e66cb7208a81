//! What a signed token costs: the check of its signature (taken apart, key chosen, signature calculated, payload decoded), the
//! policy `jwt` as a whole for a token that comes first, and for one that comes again.

use std::error::Error;
use std::fmt::Display;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use criterion::{BenchmarkId, Criterion};
use ring::error::Unspecified;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use tidegate::config;
use tidegate::config::model::{Keyset as Spec, KeysetSource, TokenAlgorithm};
use tidegate::keysets::Keyset;
use tidegate::plugin::compile::Compilation;
use tidegate::plugin::policy::Decided;
use tidegate::policy::decision::{Changes, RequestDecision};
use tidegate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};
use tidegate::process::Process;
use tidegate::snapshot::{Refresh, Snapshot};

/// What the gateway allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RSA: &str = include_str!("../../tests/keys/rsa.pem");
const SECRET: &[u8] = b"a secret that is long enough, it has 64 bytes as HS512 wants it.";

/// As an issuer makes it: what identifies the user, and a handful of scopes.
const PAYLOAD: &str = r#"{"iss":"https://accounts.example/","sub":"248289761001","aud":"shop","exp":1893456000,"iat":1893452400,"scope":"openid profile email orders:read orders:write","jti":"0b1f7d6c-5a4e-3928-9e9b-4d6f8a7c2b10"}"#;

const CONFIGURATION: &str = r#"
[access_log]
format = "off"

[[listener]]
name = "http"
address = "127.0.0.1:0"

[[upstream]]
name = "none"
[[upstream.endpoint]]
address = "127.0.0.1:9"

[[route]]
name = "all"
upstream = "none"

[[plugin]]
name = "jwt"
path = "../plugins/dist/jwt.wasm"
grants = ["consumers", "keysets"]

[[consumer]]
name = "alice"
[[consumer.subject]]
issuer = "https://accounts.example/"
subject = "248289761001"

"#;

type Sign = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, Unspecified>>;

/// A public key, and what signs with its other half.
struct Signer {
    algorithm: TokenAlgorithm,
    jwk: Value,
    sign: Sign,
}

/// The library's errors are plain values: it is built without what would make them more.
fn said<T>(result: Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa() -> Result<Signer, Box<dyn Error>> {
    let lines = RSA.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let der = STANDARD.decode(lines.take_while(|line| !line.starts_with('-')).collect::<String>())?;
    let key = said(RsaKeyPair::from_pkcs8(&der))?;
    let public: PublicKeyComponents<Vec<u8>> = key.public().into();
    let sign = move |signed: &[u8]| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature)?;
        Ok(signature)
    };
    let jwk = json!({ "kty": "RSA", "kid": "key", "n": encoded(public.n), "e": encoded(public.e) });
    Ok(Signer { algorithm: TokenAlgorithm::Rs256, jwk, sign: Box::new(sign) })
}

fn ecdsa() -> Result<Signer, Box<dyn Error>> {
    let random = SystemRandom::new();
    let made = said(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random))?;
    let key = said(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random))?;
    let (x, y) = key.public_key().as_ref().get(1..).ok_or("a point")?.split_at(32);
    let jwk = json!({ "kty": "EC", "kid": "key", "crv": "P-256", "x": encoded(x), "y": encoded(y) });
    let sign = move |signed: &[u8]| Ok(key.sign(&random, signed)?.as_ref().to_vec());
    Ok(Signer { algorithm: TokenAlgorithm::Es256, jwk, sign: Box::new(sign) })
}

fn ed25519() -> Result<Signer, Box<dyn Error>> {
    let made = said(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()))?;
    let key = said(Ed25519KeyPair::from_pkcs8(made.as_ref()))?;
    let jwk = json!({ "kty": "OKP", "kid": "key", "crv": "Ed25519", "x": encoded(key.public_key()) });
    let sign = move |signed: &[u8]| Ok(key.sign(signed).as_ref().to_vec());
    Ok(Signer { algorithm: TokenAlgorithm::EdDsa, jwk, sign: Box::new(sign) })
}

fn secret() -> Signer {
    let jwk = json!({ "kty": "oct", "kid": "key", "k": encoded(SECRET) });
    let sign = |signed: &[u8]| Ok(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed).as_ref().to_vec());
    Signer { algorithm: TokenAlgorithm::Hs256, jwk, sign: Box::new(sign) }
}

/// A signed token, and the file with the key that it is checked by.
struct Token {
    algorithm: TokenAlgorithm,
    file: PathBuf,
    text: String,
}

fn token(folder: &Path, Signer { algorithm, jwk, sign }: Signer) -> Result<Token, Box<dyn Error>> {
    let name = algorithm.name();
    let file = folder.join(name);
    std::fs::write(&file, json!({ "keys": [jwk] }).to_string())?;
    let header = encoded(json!({ "alg": name, "kid": "key", "typ": "JWT" }).to_string());
    let signed = format!("{header}.{}", encoded(PAYLOAD));
    let text = format!("{signed}.{}", encoded(said(sign(signed.as_bytes()))?));
    Ok(Token { algorithm, file, text })
}

/// The plugin as `make plugins` builds it, with a key set and a policy for each token.
fn configuration(tokens: &[Token]) -> String {
    let mut text = CONFIGURATION.to_owned();
    for Token { algorithm, file, .. } in tokens {
        let name = algorithm.name();
        text += &format!(
            "[[keyset]]\nname = \"{name}\"\nalgorithms = [\"{name}\"]\nfile = {file:?}\n\
             [[policy]]\nname = \"{name}\"\nplugin = \"jwt\"\n\
             config = {{ keyset = \"{name}\", issuer = [\"https://accounts.example/\"], audience = [\"shop\"], headers = {{ x-subject = \"sub\" }} }}\n"
        );
    }
    text
}

fn check(criterion: &mut Criterion, tokens: &[Token]) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("token");
    for Token { algorithm, file, text } in tokens {
        let name = algorithm.name();
        let algorithms = [*algorithm].into_iter().collect();
        let spec = Spec { name: name.to_owned(), algorithms, source: KeysetSource::File(file.clone()) };
        let keyset = Keyset::load(&spec, None).map_err(|problems| format!("{problems:?}"))?;
        keyset.verify(text.as_bytes())?;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| keyset.verify(black_box(text.as_bytes())));
        });
    }
    group.finish();
    Ok(())
}

/// The whole of it: the plugin finds the token, has it checked, looks at its claims, finds the consumer and sets a field.
fn decide(criterion: &mut Criterion, tokens: &[Token]) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let base = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = config::parse("bench.toml", base, &configuration(tokens)).map_err(|report| report.render(false))?;
    let process = Process::new(runtime.handle().clone(), &loaded.config, Compilation::in_process());
    let snapshot = Snapshot::build(&process, Arc::new(loaded), None, Refresh::Everything)
        .map_err(|report| format!("{}\nrun `make plugins` first", report.render(false)))?;
    let mut group = criterion.benchmark_group("jwt");
    for Token { algorithm, text, .. } in tokens {
        let name = algorithm.name();
        let policy = snapshot.policies.get(name).ok_or("a policy for each token")?;
        let request = http::Request::get("/orders?page=2").header("authorization", format!("Bearer {text}")).body(())?;
        let (parts, ()) = request.into_parts();
        let client = IpAddr::from([198, 51, 100, 7]);
        let facts =
            RequestFacts::new(client, RequestId::default(), "all".into(), Scheme::Http, "shop.example".to_owned());
        let view = HttpRequestView { parts: &parts, facts: &facts };
        let decision = policy.on_request(&view)?;
        let knows = |changes: &Arc<Changes>| changes.consumer.is_some();
        if !matches!(&decision, RequestDecision::Forward(forward) if forward.changes.as_ref().is_some_and(knows)) {
            return Err(format!("{name} is to identify its consumer, not: {decision:?}").into());
        }
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| policy.on_request(black_box(&view)));
        });
        let is_remembered = |decided| matches!(decided, Decided::Now(Ok(RequestDecision::Forward(_))));
        group.bench_function(BenchmarkId::new("again", name), |bencher| {
            bencher.iter(|| is_remembered(policy.decide(black_box(&view))));
        });
    }
    group.finish();
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::tempdir()?;
    let signers = [rsa()?, ecdsa()?, ed25519()?, secret()];
    let tokens = signers.into_iter().map(|signer| token(folder.path(), signer)).collect::<Result<Vec<_>, _>>()?;
    check(&mut criterion, &tokens)?;
    decide(&mut criterion, &tokens)?;
    criterion.final_summary();
    Ok(())
}

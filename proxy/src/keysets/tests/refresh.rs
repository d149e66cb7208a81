//! When keys are fetched, on a clock of the test's own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::allowed;
use super::signer::{PAYLOAD, ed_jwk, good, jwks, rsa_jwk};
use crate::config::model::{self, KeysetSource, RemoteKeyset};
use crate::keysets::fetch::{Fetch, FetchError};
use crate::keysets::keeper::{keep, pause};
use crate::keysets::keyset::Keyset;
use crate::keysets::{KeysetKeeper, Keysets, TokenError, Verified};
use crate::observe::metrics::Metrics;

const MINUTE: Duration = Duration::from_secs(60);

/// What a fetch comes to.
enum Answer {
    Set(Value),
    Status(u16),
    Silence,
}

/// Answers in order, the last one for ever; notes when it was asked.
#[derive(Default)]
struct Issuer {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Instant>>,
}

impl Issuer {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().len()
    }

    /// Seconds from each fetch to the next, rounded down.
    fn gaps(&self) -> Vec<u64> {
        self.asked.lock().windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect()
    }

    fn next(&self) -> Answer {
        self.asked.lock().push(Instant::now());
        let mut answers = self.answers.lock();
        if answers.len() > 1 {
            return answers.pop_front().unwrap();
        }
        match answers.front().unwrap() {
            Answer::Set(set) => Answer::Set(set.clone()),
            Answer::Status(status) => Answer::Status(*status),
            Answer::Silence => Answer::Silence,
        }
    }
}

struct Asking(Arc<Issuer>);

#[async_trait]
impl Fetch for Asking {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        match self.0.next() {
            Answer::Set(set) => Ok(set.to_string().into()),
            Answer::Status(status) => Err(FetchError::Status(StatusCode::from_u16(status).unwrap())),
            Answer::Silence => std::future::pending().await,
        }
    }
}

fn spec() -> RemoteKeyset {
    RemoteKeyset {
        url: "https://accounts.example/jwks.json".parse().unwrap(),
        refresh: 5 * MINUTE,
        min_interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        max_bytes: 1 << 20,
        ca: None,
    }
}

fn keyset(issuer: &Arc<Issuer>) -> Arc<Keyset> {
    let spec = spec();
    let algorithms = allowed(&["RS256", "EdDSA"]);
    let model = model::Keyset { name: "accounts".into(), algorithms, source: KeysetSource::Url(spec.clone()) };
    Arc::new(Keyset::fetched(model, spec, Box::new(Asking(Arc::clone(issuer))), None))
}

/// A key set that is kept fresh, and its first fetch done.
async fn kept(issuer: &Arc<Issuer>) -> Arc<Keyset> {
    let keyset = keyset(issuer);
    tokio::spawn(keep(Arc::clone(&keyset), Metrics::new().keyset("accounts")));
    tokio::task::yield_now().await;
    keyset
}

fn verify(keyset: &Keyset, kid: &str) -> Result<Vec<u8>, TokenError> {
    keyset.verify(good(if kid == "ed" { "EdDSA" } else { "RS256" }, kid).as_bytes())
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_at_once_and_then_regularly() {
    let issuer = Issuer::answering([Answer::Set(jwks())]);
    let keyset = keyset(&issuer);
    assert_eq!(verify(&keyset, "rsa"), Err(TokenError::Unavailable));
    tokio::spawn(keep(Arc::clone(&keyset), Metrics::new().keyset("accounts")));
    tokio::task::yield_now().await;
    assert_eq!(verify(&keyset, "rsa").as_deref(), Ok(PAYLOAD));
    // Three times at most five and a half minutes, and less than four times at least four and a half.
    pass(17 * MINUTE).await;
    assert_eq!(issuer.asked(), 4);
    assert!(issuer.gaps().iter().all(|gap| (270..=330).contains(gap)), "{:?}", issuer.gaps());
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_leaves_the_keys_and_is_told() {
    let issuer = Issuer::answering([Answer::Set(jwks()), Answer::Status(503)]);
    let keyset = kept(&issuer).await;
    pass(6 * MINUTE).await;
    assert!(issuer.asked() > 2);
    assert_eq!(verify(&keyset, "rsa").as_deref(), Ok(PAYLOAD));
    let facts = keyset.facts();
    assert_eq!(facts.failure.unwrap().why, "the answer is 503 Service Unavailable");
    assert_eq!(facts.age.unwrap().as_secs() / 60, 6);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_asked_less_and_less() {
    let issuer = Issuer::answering([Answer::Status(500)]);
    let keyset = kept(&issuer).await;
    pass(10 * MINUTE).await;
    assert_eq!(verify(&keyset, "rsa"), Err(TokenError::Unavailable));
    let gaps = issuer.gaps();
    assert!(gaps[0] <= 1 && gaps[1] <= 2 && (13..=17).contains(&gaps[4]), "{gaps:?}");
    assert!(gaps[6..].iter().all(|gap| (54..=66).contains(gap)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_says_nothing_is_not_waited_for() {
    let issuer = Issuer::answering([Answer::Silence, Answer::Set(jwks())]);
    let keyset = kept(&issuer).await;
    pass(Duration::from_millis(5100)).await;
    assert_eq!(keyset.facts().failure.unwrap().why, "it took longer than 5s");
    pass(Duration::from_secs(2)).await;
    assert_eq!(verify(&keyset, "rsa").as_deref(), Ok(PAYLOAD));
    assert!(keyset.facts().failure.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_token_with_a_new_key_has_the_keys_fetched() {
    let issuer = Issuer::answering([Answer::Set(json!({ "keys": [rsa_jwk()] })), Answer::Set(jwks())]);
    let keyset = kept(&issuer).await;
    pass(MINUTE).await;
    assert_eq!(verify(&keyset, "ed"), Err(TokenError::UnknownKey));
    tokio::task::yield_now().await;
    assert_eq!(verify(&keyset, "ed").as_deref(), Ok(PAYLOAD));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_with_made_up_keys_cannot_have_them_fetched_more_often_than_allowed() {
    let issuer = Issuer::answering([Answer::Set(jwks())]);
    let keyset = kept(&issuer).await;
    for round in 0..1010 {
        assert_eq!(verify(&keyset, &format!("made up {round}")), Err(TokenError::UnknownKey));
        pass(Duration::from_millis(60)).await;
    }
    assert_eq!(issuer.asked(), 7, "in 60 seconds, {:?}", issuer.gaps());
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_by_a_known_key_fetches_nothing() {
    let issuer = Issuer::answering([Answer::Set(jwks())]);
    let keyset = kept(&issuer).await;
    let mut token = good("RS256", "rsa");
    token.replace_range(token.len() - 6.., "AAAAAA");
    for _ in 0..100 {
        assert_eq!(keyset.verify(token.as_bytes()), Err(TokenError::Signature));
        pass(Duration::from_secs(1)).await;
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_withdrawn_is_believed_no_longer() {
    let issuer = Issuer::answering([Answer::Set(jwks()), Answer::Set(json!({ "keys": [ed_jwk()] }))]);
    let keyset = kept(&issuer).await;
    assert!(verify(&keyset, "rsa").is_ok());
    pass(6 * MINUTE).await;
    assert_eq!(verify(&keyset, "rsa"), Err(TokenError::UnknownKey));
    assert_eq!(verify(&keyset, "ed").as_deref(), Ok(PAYLOAD));
}

#[tokio::test(start_paused = true)]
async fn what_was_proven_by_a_key_holds_until_the_keys_are_others() {
    let mut arranged = jwks();
    arranged["keys"].as_array_mut().unwrap().reverse();
    arranged["served_by"] = json!("another server");
    let fewer = json!({ "keys": [ed_jwk()] });
    let issuer = Issuer::answering([Answer::Set(jwks()), Answer::Set(arranged), Answer::Set(fewer)]);
    let keysets = Keysets::new([kept(&issuer).await]);
    let Verified { payload, proof } = keysets.verify("accounts", good("EdDSA", "ed").as_bytes()).unwrap();
    assert_eq!(payload, PAYLOAD);
    pass(6 * MINUTE).await;
    assert!(issuer.asked() >= 2 && proof.holds(MINUTE), "the same keys, in another order");
    pass(6 * MINUTE).await;
    assert!(verify(keysets.get("accounts").unwrap(), "ed").is_ok());
    assert!(!proof.holds(MINUTE), "other keys: whoever wants to know has to look again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_key_set_is_a_failed_fetch() {
    let issuer = Issuer::answering([Answer::Set(jwks()), Answer::Set(json!({ "error": "busy" }))]);
    let keyset = kept(&issuer).await;
    pass(6 * MINUTE).await;
    assert!(verify(&keyset, "rsa").is_ok());
    let why = keyset.facts().failure.unwrap().why;
    assert!(why.starts_with("it is not a JWK set: missing field `keys`"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_keeps_a_key_set_does_not_fetch_it_again() {
    let issuer = Issuer::answering([Answer::Set(jwks())]);
    let keyset = keyset(&issuer);
    let keeper = KeysetKeeper::new(tokio::runtime::Handle::current(), Arc::default());
    for _ in 0..3 {
        keeper.reconcile(&Keysets::new([Arc::clone(&keyset)]));
        pass(Duration::from_secs(1)).await;
    }
    assert_eq!(issuer.asked(), 1);
    keeper.reconcile(&Keysets::default());
    pass(60 * MINUTE).await;
    assert_eq!(issuer.asked(), 1, "nobody uses it any more");
    assert!(verify(&keyset, "rsa").is_ok(), "whoever still has it can use it");
}

#[tokio::test(start_paused = true)]
async fn a_key_set_from_the_same_place_goes_on_with_its_keys() {
    let (before, after) = (Issuer::answering([Answer::Set(jwks())]), Issuer::answering([Answer::Silence]));
    let old = kept(&before).await;
    let new = keyset(&after);
    new.inherit(&old);
    assert_eq!(verify(&new, "rsa").as_deref(), Ok(PAYLOAD));
    assert!(new.facts().age.is_some());
}

#[test]
fn waits_grow_to_a_bound_and_never_beyond_the_refresh() {
    let seconds = |refresh, failures| pause(Duration::from_secs(refresh), failures, 0.5).as_secs();
    assert_eq!(
        [0, 1, 2, 3, 6, 7, 1000, u32::MAX].map(|failures| seconds(300, failures)),
        [300, 1, 2, 4, 32, 60, 60, 60]
    );
    assert_eq!([0, 1, 5, u32::MAX].map(|failures| seconds(5, failures)), [5, 1, 5, 5]);
    assert_eq!(pause(MINUTE, 0, 0.0), MINUTE.mul_f64(0.9));
}

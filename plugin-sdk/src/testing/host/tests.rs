use std::time::Duration;

use super::TestHost;
use crate::http_client::{Incoming, Outgoing, SendError};
use crate::keysets::{self, TokenError};
use crate::shared_data::{self, WriteError};
use crate::{clock, metrics, random};

#[test]
fn the_clock_stands_until_it_is_moved() {
    let host = TestHost::new();
    let (before, since) = (clock::unix_time(), clock::monotonic());
    assert_eq!(clock::unix_time(), before);
    host.advance(Duration::from_millis(1500));
    assert_eq!(clock::unix_time() - before, Duration::from_millis(1500));
    assert_eq!(clock::monotonic() - since, Duration::from_millis(1500));
    assert_eq!(host.unix_time(), clock::unix_time());
}

#[test]
fn random_numbers_differ_and_are_the_same_in_each_run() {
    let row = |host: TestHost| {
        let row = (random::number(), random::number(), random::bytes::<9>());
        drop(host);
        row
    };
    let first = row(TestHost::new().seed(7));
    assert_ne!(first.0, first.1);
    assert_eq!(row(TestHost::new().seed(7)), first);
    assert_ne!(row(TestHost::new().seed(8)), first);
}

#[test]
fn a_large_buffer_is_filled_to_its_end() {
    let _host = TestHost::new();
    let mut buffer = [0; 10_000];
    random::fill(&mut buffer);
    assert!(buffer.chunks(16).all(|piece| piece.iter().any(|byte| *byte != 0)));
}

#[test]
fn shared_data_has_versions_and_expires() {
    let host = TestHost::new();
    let first = shared_data::set(b"k", b"one", Some(Duration::from_millis(10))).unwrap();
    assert_eq!(shared_data::compare_and_swap(b"k", 0, b"two", None), Err(WriteError::Conflict(first)));
    assert_eq!(shared_data::get(b"k").unwrap().value, b"one");
    host.advance(Duration::from_millis(10));
    assert_eq!(shared_data::get(b"k"), None);
    let second = shared_data::compare_and_swap(b"k", 0, b"two", None).unwrap();
    assert_ne!(first, second);
    assert!(shared_data::remove(b"k") && !shared_data::remove(b"k"));
}

#[test]
fn an_update_is_made_of_what_is_there() {
    let _host = TestHost::new();
    let longer = |value: Option<&[u8]>| [value.unwrap_or_default(), b"x"].concat();
    assert_eq!(shared_data::update(b"k", None, longer).unwrap(), b"x");
    assert_eq!(shared_data::update(b"k", None, longer).unwrap(), b"xx");
}

#[test]
fn shared_data_can_be_full() {
    let _host = TestHost::new().shared_data_limit(4);
    assert!(shared_data::set(b"a", b"1", None).is_ok());
    assert_eq!(shared_data::set(b"b", b"12", None), Err(WriteError::Full));
    assert!(shared_data::set(b"a", b"123", None).is_ok());
}

#[test]
fn metrics_are_collected_whatever_the_order_of_labels() {
    let host = TestHost::new();
    metrics::add("a_total", &[("x", "1"), ("y", "2")], 1.0);
    metrics::add("a_total", &[("y", "2"), ("x", "1")], 2.0);
    metrics::set("b", &[], -1.5);
    metrics::observe("c_seconds", &[], 0.5);
    metrics::observe("c_seconds", &[], 0.7);
    assert_eq!(host.metric("a_total", &[("x", "1"), ("y", "2")]), Some(3.0));
    assert_eq!(host.metric("b", &[]), Some(-1.5));
    assert_eq!(host.observations("c_seconds", &[]), [0.5, 0.7]);
}

#[test]
fn what_the_gateway_would_not_keep_is_not_collected() {
    let host = TestHost::new();
    metrics::add("a", &[], 1.0);
    metrics::set("a_total", &[], 1.0);
    metrics::set("a-b", &[], 1.0);
    metrics::set("a_sum", &[], 1.0);
    metrics::set("a", &[("policy", "p")], 1.0);
    metrics::set("a", &[("x", "1"), ("x", "2")], 1.0);
    metrics::add("b_total", &[], -1.0);
    let kept = ["a", "a_total", "a-b", "a_sum", "b_total"].map(|name| host.metric(name, &[]));
    assert_eq!(kept, [None; 5]);
    assert_eq!(host.metric("a", &[("x", "2")]), None);
}

#[test]
fn an_upstream_answers_in_turn_and_then_the_same() {
    let host =
        TestHost::new().answer("auth", Err(SendError::Timeout)).answer("auth", Ok(Incoming::new(200).body("yes")));
    let ask = || Outgoing::post("auth", "/check?a=1", "token").header("content-type", "text/plain").send();
    assert_eq!(ask(), Err(SendError::Timeout));
    for _ in 0..2 {
        assert_eq!(ask().unwrap().body, b"yes");
    }
    assert_eq!(Outgoing::get("other", "/").send(), Err(SendError::UnknownUpstream));
    let sent = host.take_sent();
    assert_eq!((sent.len(), sent[0].target.as_str(), sent[3].upstream.as_str()), (4, "/check?a=1", "other"));
}

#[test]
fn a_key_set_believes_the_tokens_it_was_told_of() {
    let _host = TestHost::new().token("main", "a.b.c", Ok(r#"{"sub":"alice"}"#)).token(
        "main",
        "a.b.old",
        Err(TokenError::UnknownKey),
    );
    assert_eq!(keysets::verify("main", b"a.b.c").unwrap(), br#"{"sub":"alice"}"#);
    assert_eq!(keysets::verify("main", b"a.b.old"), Err(TokenError::UnknownKey));
    assert_eq!(keysets::verify("main", b"a.b.forged"), Err(TokenError::Signature));
    assert_eq!(keysets::verify("other", b"a.b.c"), Err(TokenError::UnknownKeyset));
}

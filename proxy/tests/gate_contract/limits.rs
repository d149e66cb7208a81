//! What a client may send, and how slowly.

use std::time::Duration;

use tidegate::config::model::Limits;
use tidegate::gate::Refusal;

use crate::client::{HOST, chunked, get, last, post};
use crate::harness::{Harness, limits};

const SHORT: Duration = Duration::from_millis(200);

#[test]
fn a_head_over_a_limit_is_refused_by_the_limit_it_is_over() {
    let harness = Harness::start();
    let get = format!("GET /x HTTP/1.1\r\n{HOST}");
    let large: String = (0..40).map(|n| format!("X{n}: {}\r\n", "a".repeat(1000))).collect();
    harness.expect_refusal(format!("{get}{large}\r\n"), Refusal::HeadTooLarge);
    harness.expect_refusal(format!("{get}X: {}\r\n\r\n", "a".repeat(9000)), Refusal::HeadTooLarge);
    let many: String = (0..110).map(|n| format!("X{n}: a\r\n")).collect();
    harness.expect_refusal(format!("{get}{many}\r\n"), Refusal::TooManyFields);
    harness.expect_refusal(format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(9000)), Refusal::TargetTooLong);
}

#[test]
fn a_head_has_one_deadline_however_it_drips() {
    let harness = Harness::with(Limits { head_timeout: SHORT, ..limits() }, None);
    for part in ["G", "GET /x HTTP/1.1\r\nHost: a.test\r\nX: "] {
        let mut client = harness.connect();
        client.send(part);
        assert_eq!(client.statuses(), [408], "{part}");
    }
    // A second request has it too, from its first octet on.
    let mut client = harness.connect();
    client.send([get("/1"), b"GET ".to_vec()].concat());
    assert_eq!(client.statuses(), [200, 408]);
    assert!(harness.book.refusals.lock().iter().all(|(refusal, _)| *refusal == Refusal::HeadTimeout));
}

#[test]
fn silence_is_closed_without_a_word() {
    let harness = Harness::with(Limits { head_timeout: SHORT, idle_timeout: SHORT, ..limits() }, None);
    assert!(harness.connect().answer().is_none());
    let mut client = harness.connect();
    client.send(get("/1"));
    assert_eq!(client.statuses(), [200]);
    assert!(harness.book.refusals.lock().is_empty());
}

#[test]
fn a_head_that_is_cut_off_is_refused() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send("GET /x HTT");
    client.finish();
    assert_eq!(client.statuses(), [400]);
    assert_eq!(*harness.book.refusals.lock(), [(Refusal::TruncatedHead, "GET /x HTT".to_owned())]);
}

#[test]
fn a_body_that_stands_still_is_answered_408() {
    let harness = Harness::with(Limits { body_timeout: SHORT, ..limits() }, None);
    for request in [chunked("/x", b"5\r\nab"), format!("POST /x HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nab").into()]
    {
        harness.expect("stalled", request, &[408]);
    }
    assert!(harness.origin.requests().is_empty());
}

#[test]
fn a_body_over_the_limit_is_answered_413() {
    let harness = Harness::with(Limits { body_bytes: Some(10), ..limits() }, None);
    harness.expect_refusal(post("/x", &[b'a'; 11]), Refusal::BodyTooLarge);
    harness.expect_refusal(chunked("/x", b"b\r\n"), Refusal::BodyTooLarge);
    let mut client = harness.connect();
    client.send(chunked("/x", b"a\r\n0123456789\r\n"));
    while harness.origin.heads() == 0 {
        std::thread::yield_now();
    }
    client.send(b"1\r\na\r\n0\r\n\r\n");
    assert_eq!(client.statuses(), [413]);
    harness.expect("at the limit", [post("/x", &[b'a'; 10]), last()].concat(), &[200, 200]);
}

#[test]
fn limits_may_change_from_one_request_to_the_next() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(post("/1", &[b'a'; 11]));
    assert_eq!(client.answer().unwrap().status, 200);
    harness.set(|terms| terms.limits.body_bytes = Some(10));
    client.send(post("/2", &[b'a'; 11]));
    assert_eq!(client.statuses(), [413]);
}

#[test]
fn a_connection_over_the_limit_is_closed_and_the_next_one_is_not() {
    let harness = Harness::with(Limits { connections: 1, ..limits() }, None);
    let mut first = harness.connect();
    first.send(get("/1"));
    assert_eq!(first.answer().unwrap().status, 200);
    assert!(harness.connect().answer().is_none());
    first.send(last());
    assert_eq!(first.statuses(), [200]);
    while harness.door.connections.open() > 0 {
        std::thread::yield_now();
    }
    harness.expect("after", last(), &[200]);
}

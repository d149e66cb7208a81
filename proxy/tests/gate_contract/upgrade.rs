//! Connections that stop being HTTP.

use crate::client::{Client, HOST, last};
use crate::harness::Harness;

fn upgrade(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\n{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n").into_bytes()
}

/// A connection upgraded with `early` sent along, and the `x-early` of the answer.
fn tunnel(harness: &Harness, early: &[u8]) -> (Client, String) {
    let mut client = harness.connect();
    client.send([&upgrade("/upgrade"), early].concat());
    let answer = client.answer().unwrap();
    assert_eq!(answer.status, 101);
    client.send(b"ping");
    (client, answer.field("x-early").unwrap().to_owned())
}

#[test]
fn a_granted_upgrade_carries_octets_both_ways() {
    let harness = Harness::start();
    let (mut client, _) = tunnel(&harness, b"");
    assert_eq!(client.octets(4), b"ping");
    for word in ["hello", "again"] {
        client.send(word);
        assert_eq!(client.octets(5), word.as_bytes());
    }
}

#[test]
fn octets_sent_too_early_wait_until_the_upgrade_is_granted() {
    let harness = Harness::start();
    let before = harness.origin.requests().len();
    let (mut client, early) = tunnel(&harness, &last());
    assert_eq!(early, "0");
    assert_eq!(client.octets(last().len() + 4), [last(), b"ping".to_vec()].concat());
    // Nobody took them for a request.
    assert!(harness.origin.requests()[before..].iter().all(|seen| seen.target == "/upgrade"));
}

#[test]
fn after_a_denied_upgrade_the_next_request_is_a_request() {
    let harness = Harness::start();
    harness.expect("denied", [upgrade("/x"), last()].concat(), &[200, 200]);
}

//! Connections that stop being HTTP.

use crate::client::{HOST, last};
use crate::harness::Harness;

fn upgrade(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\n{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n").into_bytes()
}

#[test]
fn a_granted_upgrade_carries_octets_both_ways() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(upgrade("/upgrade"));
    assert_eq!(client.answer().unwrap().status, 101);
    for word in ["hello", "again"] {
        client.send(word);
        assert_eq!(client.octets(5), word.as_bytes());
    }
}

#[test]
fn octets_sent_too_early_wait_until_the_upgrade_is_granted() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send([upgrade("/upgrade"), last()].concat());
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, answer.field("x-early")), (101, Some("0")));
    assert_eq!(client.octets(last().len()), last());
    assert_eq!(harness.origin.requests().len(), 1);
}

#[test]
fn after_a_denied_upgrade_the_next_request_is_a_request() {
    let harness = Harness::start();
    harness.expect("denied", [upgrade("/x"), last()].concat(), &[200, 200]);
    harness.expect("denied here", [upgrade("/denied"), last()].concat(), &[403, 200]);
}

//! Several requests on one connection.

use tidegate::gate::Refusal;

use crate::client::{HOST, chunked, get, last, post};
use crate::harness::{Harness, limits};

fn three_kinds() -> [Vec<u8>; 3] {
    [post("/1", b"abc"), chunked("/2", b"2\r\nab\r\n0\r\n\r\n"), get("/3")]
}

#[test]
fn requests_one_after_another_keep_the_connection() {
    let harness = Harness::start();
    let mut client = harness.connect();
    for (request, answer) in three_kinds().iter().zip(["/1|3", "/2|2", "/3|0"]) {
        client.send(request);
        assert_eq!(client.answer().unwrap().text(), answer);
    }
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(three_kinds().concat());
    for answer in ["/1|3", "/2|2", "/3|0"] {
        assert_eq!(client.answer().unwrap().text(), answer);
    }
}

#[test]
fn a_request_sent_while_another_is_served_disturbs_neither() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(get("/slow"));
    while harness.origin.requests().is_empty() {
        std::thread::yield_now();
    }
    client.send([get("/2"), last()].concat());
    harness.origin.release();
    assert_eq!(client.statuses(), [200, 200, 200]);
}

#[test]
fn a_bad_request_after_a_good_one_spoils_only_itself() {
    let harness = Harness::start();
    let bad = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    harness.expect("good, bad", [post("/1", b"abc"), bad].concat(), &[200, 400]);
    assert_eq!(harness.book.refusals.lock()[0].0, Refusal::NoHost);
}

#[test]
fn large_bodies_end_where_they_end() {
    let harness = Harness::start();
    let chunk = [b"3e8\r\n".as_slice(), &[b'z'; 1000], b"\r\n"].concat();
    let body = [chunk.repeat(1000), b"0\r\n\r\n".to_vec()].concat();
    harness.expect("length", [post("/x", &vec![b'z'; 1_000_000]), last()].concat(), &[200, 200]);
    harness.expect("chunked", [chunked("/x", &body), last()].concat(), &[200, 200]);
    assert!(harness.origin.requests().iter().all(|seen| [0, 1_000_000].contains(&seen.body.len())));
}

#[test]
fn octets_may_come_one_by_one() {
    let harness = Harness::start();
    let mut client = harness.connect();
    for octet in [three_kinds().concat(), last()].concat() {
        client.send([octet]);
    }
    assert_eq!(client.statuses(), [200, 200, 200, 200]);
}

#[test]
fn a_client_may_ask_first_whether_to_send_a_body() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(format!("POST /x HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    assert_eq!(client.answer().unwrap().status, 100);
    client.send(b"abc");
    assert_eq!(client.answer().unwrap().text(), "/x|3");
}

#[test]
fn an_early_answer_arrives_although_the_body_does_not() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(format!("POST /nowhere HTTP/1.1\r\n{HOST}Content-Length: 1000000\r\n\r\nabc"));
    assert_eq!(client.statuses(), [503]);
    assert_eq!(harness.origin.heads(), 0);
}

#[test]
fn the_last_request_a_connection_may_bring_is_answered_with_close() {
    let harness = Harness::with(tidegate::config::model::Limits { requests_per_connection: 2, ..limits() }, None);
    let mut client = harness.connect();
    client.send([get("/1"), get("/2"), get("/3")].concat());
    assert_eq!(client.answer().unwrap().field("connection"), None);
    assert_eq!(client.answer().unwrap().field("connection"), Some("close"));
    assert!(client.answer().is_none());
}

#[test]
fn an_idle_connection_may_send_one_more_request_after_the_listener_closes() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(get("/1"));
    assert_eq!(client.answer().unwrap().field("connection"), None);
    harness.close();
    client.send(get("/2"));
    assert_eq!(client.answer().unwrap().field("connection"), Some("close"));
    assert!(client.answer().is_none());
}

#[test]
fn an_idle_connection_is_closed_when_its_time_to_drain_is_over() {
    let harness = Harness::start();
    harness.set(|terms| terms.drain = std::time::Duration::from_millis(50));
    let mut client = harness.connect();
    client.send(get("/1"));
    assert_eq!(client.answer().unwrap().status, 200);
    harness.close();
    assert!(client.answer().is_none());
}

#[test]
fn a_client_that_goes_away_frees_its_place() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(get("/slow"));
    while harness.origin.requests().is_empty() {
        std::thread::yield_now();
    }
    drop(client);
    while harness.door.connections.open() > 0 {
        std::thread::yield_now();
    }
}

//! Every way to say where a message ends but one is refused.

use tidegate::gate::Refusal;

use crate::client::{HOST, chunked, get, last, post};
use crate::harness::Harness;

fn request(first: &str, fields: &str) -> String {
    format!("{first}\r\n{HOST}{fields}\r\n")
}

#[test]
fn an_ambiguous_head_is_refused_and_reaches_nobody() {
    let harness = Harness::start();
    let (get, post) = ("GET /x HTTP/1.1", "POST /x HTTP/1.1");
    let cases = [
        (request(post, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", Refusal::BothFramings),
        (format!("{get}\n{HOST}\r\n"), Refusal::BareLf),
        (format!("{get}\r\nHost: a.test\nX: y\r\n\r\n"), Refusal::BareLf),
        (format!("{get}\nHost: a\n\n"), Refusal::BareLf),
        (request(get, "X: a\rb\r\n"), Refusal::FieldValue),
        (request(get, "X: a\0b\r\n"), Refusal::FieldValue),
        (format!("{get}\r\n\r\n"), Refusal::NoHost),
        (request(get, HOST), Refusal::TwoHosts),
        (request(post, "Content-Length: 2\r\nContent-Length: 2\r\n") + "ab", Refusal::TwoContentLengths),
        (request(post, "Content-Length: 2, 2\r\n") + "ab", Refusal::ContentLength),
        (request(post, "Content-Length: +2\r\n") + "ab", Refusal::ContentLength),
        (request(get, "X: a\r\n b\r\n"), Refusal::ObsFold),
        (request(get, "X : a\r\n"), Refusal::FieldName),
        (request(post, "Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", Refusal::TransferCoding),
        (request("POST /x HTTP/1.0", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", Refusal::ChunkedInHttp10),
        (request(get, "Content_Length: 3\r\n"), Refusal::FramingLookAlike),
        (request("GET /x\"y HTTP/1.1", ""), Refusal::Target),
        (request("GET http://b.test/ HTTP/1.1", ""), Refusal::Host),
        (request("GET /x HTTP/2.0", ""), Refusal::UnsupportedVersion),
        (request("CONNECT a.test:443 HTTP/1.1", ""), Refusal::Connect),
        (
            request(get, "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n") + "a",
            Refusal::UpgradeWithBody,
        ),
    ];
    for (octets, refusal) in cases {
        harness.expect_refusal(octets, refusal);
    }
}

#[test]
fn a_broken_chunk_in_the_first_packet_reaches_nobody() {
    let harness = Harness::start();
    for body in ["3;a\nb\r\nabc\r\n0\r\n\r\n", "3;\0\r\nabc\r\n0\r\n\r\n", "3 x\r\nabc\r\n0\r\n\r\n", "3\nabc\n0\n\n"] {
        harness.expect_refusal(chunked("/x", body.as_bytes()), Refusal::ChunkFraming);
    }
}

#[test]
fn a_broken_chunk_later_is_answered_and_cuts_off_the_origin() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(chunked("/x", b"3\r\nabc\r\n"));
    while harness.origin.heads() == 0 {
        std::thread::yield_now();
    }
    client.send(b"3;\0a\r\nabc\r\n0\r\n\r\n");
    assert_eq!(client.statuses(), [400]);
    assert!(harness.origin.requests().is_empty());
    // The connection to the origin was not used again.
    harness.expect("after", last(), &[200]);
    assert_eq!(harness.origin.requests()[0].connection, 1);
}

#[test]
fn what_is_unusual_and_legal_passes() {
    let harness = Harness::start();
    let cases: [(&str, Vec<u8>); 7] = [
        ("empty line first", [b"\r\n".to_vec(), get("/x")].concat()),
        ("extension", chunked("/x", b"3;a=b\r\nabc\r\n0\r\n\r\n")),
        ("trailer", chunked("/x", b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")),
        ("empty chunked body", chunked("/x", b"0\r\n\r\n")),
        ("empty body", post("/x", b"")),
        ("absolute target", b"GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n".to_vec()),
        ("old version, kept", b"GET /x HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n".to_vec()),
    ];
    for (name, octets) in cases {
        harness.expect(name, [octets, last()].concat(), &[200, 200]);
    }
    harness.expect("shortest", b"GET / HTTP/1.0\r\n\r\n", &[200]);
    assert!(harness.book.refusals.lock().is_empty());
}

#[test]
fn a_refusal_is_told_with_its_request_line_and_answered_as_a_problem() {
    let harness = Harness::start();
    let mut client = harness.connect();
    client.send(format!("GET /who HTTP/1.1\r\n{HOST}{HOST}\r\n"));
    let answer = client.answer().unwrap();
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(answer.text().contains("more than one Host"), "{}", answer.text());
    assert!(client.answer().is_none());
    assert_eq!(*harness.book.refusals.lock(), [(Refusal::TwoHosts, "GET /who HTTP/1.1".to_owned())]);
}

use proptest::prelude::*;

use super::*;
use crate::gate::test_limits;

/// The verdict on octets that arrive in pieces of the given lengths, in turn; `None` where the head does not end.
fn verdict(octets: &[u8], lengths: &[usize], limits: &Limits) -> Result<Option<(usize, Head)>, Refusal> {
    let mut search = HeadEnd::default();
    let mut have = 0;
    for length in lengths.iter().cycle() {
        have = (have + length).min(octets.len());
        if let Some(end) = search.find(&octets[..have], limits)? {
            return check(&octets[..end], limits).map(|head| Some((end, head)));
        }
        if have == octets.len() {
            break;
        }
    }
    Ok(None)
}

fn at_once(octets: &[u8]) -> Result<Option<(usize, Head)>, Refusal> {
    verdict(octets, &[usize::MAX / 2], &test_limits())
}

/// Head octets from lines.
fn lines(lines: &[&str]) -> Vec<u8> {
    let mut octets = lines.join("\r\n").into_bytes();
    octets.extend(b"\r\n\r\n");
    octets
}

fn accepted(request: &[&str]) -> Head {
    let octets = lines(request);
    let (end, head) = at_once(&octets).unwrap_or_else(|refusal| panic!("{request:?}: {refusal:?}")).unwrap();
    assert_eq!(end, octets.len());
    head
}

fn refused(request: &[&str]) -> Refusal {
    at_once(&lines(request)).expect_err(&format!("{request:?}"))
}

const GET: &str = "GET /x HTTP/1.1";
const POST: &str = "POST /x HTTP/1.1";
const HOST: &str = "Host: a.test";

#[test]
fn an_ordinary_head_passes_with_its_framing() {
    let none = Head { framing: Framing::None, upgrade: false };
    assert_eq!(accepted(&[GET, HOST, "Accept: */*"]), none);
    assert_eq!(accepted(&["GET /x HTTP/1.0"]), none);
    assert_eq!(accepted(&["OPTIONS * HTTP/1.1", HOST]), none);
    assert_eq!(accepted(&["GET http://a.test/x HTTP/1.1", HOST]), none);
    assert_eq!(accepted(&[POST, HOST, "content-length: 0"]), none);
    assert_eq!(accepted(&[POST, HOST, "content-length:5 "]).framing, Framing::Length(5));
    assert_eq!(accepted(&[POST, HOST, "Transfer-Encoding: Chunked"]).framing, Framing::Chunked);
}

#[test]
fn an_upgrade_is_one_that_both_fields_ask_for_and_not_to_h2c() {
    assert!(accepted(&[GET, HOST, "Connection: keep-alive, Upgrade", "Upgrade: websocket"]).upgrade);
    assert!(!accepted(&[GET, HOST, "Upgrade: websocket"]).upgrade);
    assert!(!accepted(&[GET, HOST, "Connection: Upgrade", "Upgrade: h2c"]).upgrade);
    assert!(!accepted(&["GET / HTTP/1.0", HOST, "Connection: Upgrade", "Upgrade: websocket"]).upgrade);
    let with_body = [GET, HOST, "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 1"];
    assert_eq!(refused(&with_body), Refusal::UpgradeWithBody);
}

#[test]
fn every_line_must_end_in_crlf() {
    let broken: [&[u8]; 5] = [
        b"GET /x HTTP/1.1\nHost: a.test\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n",
        b"GET /x HTTP/1.1\nHost: a\n\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\n\n",
        b"\n",
    ];
    for head in broken {
        assert_eq!(at_once(head), Err(Refusal::BareLf), "{}", head.escape_ascii());
    }
    assert_eq!(refused(&[GET, HOST, "X: a\rb"]), Refusal::FieldValue);
    assert_eq!(refused(&["GET /x\r HTTP/1.1", HOST]), Refusal::Target);
}

#[test]
fn a_request_line_has_three_words() {
    for line in [
        "GET",
        "GET /x",
        "GET  /x HTTP/1.1",
        "GET /x  HTTP/1.1",
        "GET /x y HTTP/1.1",
        " GET /x HTTP/1.1",
        "G(T /x HTTP/1.1",
    ] {
        assert_eq!(refused(&[line, HOST]), Refusal::RequestLine, "{line}");
    }
    assert_eq!(at_once(b"\r\n"), Err(Refusal::RequestLine));
    assert_eq!(refused(&["GET /x HTTP/2.0", HOST]), Refusal::UnsupportedVersion);
    for version in ["HTTP/1.10", "http/1.1", "HTTP/1,1", "XTTP/1.1", ""] {
        assert_eq!(refused(&[&format!("GET /x {version}"), HOST]), Refusal::Version, "{version}");
    }
}

#[test]
fn a_target_has_a_form_its_method_allows() {
    for target in
        ["/x\"y", "/x#y", "/<", "/x\u{e9}", "x", "*", "ftp://a.test/", "http:/a.test", "http:///x", "ht_tp://a.test/"]
    {
        assert_eq!(refused(&[&format!("GET {target} HTTP/1.1"), HOST]), Refusal::Target, "{target}");
    }
    assert_eq!(refused(&["CONNECT a.test:443 HTTP/1.1", HOST]), Refusal::Connect);
}

#[test]
fn a_host_is_named_once_and_the_same_everywhere() {
    assert_eq!(refused(&[GET]), Refusal::NoHost);
    assert_eq!(refused(&["GET http://a.test/ HTTP/1.1"]), Refusal::NoHost);
    assert_eq!(refused(&[GET, HOST, HOST]), Refusal::TwoHosts);
    assert_eq!(refused(&["GET http://b.test/ HTTP/1.1", HOST]), Refusal::Host);
    for host in ["", "a, b", "a b", "u@a.test", "a/b", "a:b", "a\\b"] {
        assert_eq!(refused(&[GET, &format!("Host: {host}")]), Refusal::Host, "{host}");
    }
}

#[test]
fn a_body_is_framed_in_exactly_one_way() {
    assert_eq!(refused(&[POST, HOST, "Content-Length: 5", "Transfer-Encoding: chunked"]), Refusal::BothFramings);
    assert_eq!(refused(&[POST, HOST, "Content-Length: 2", "Content-Length: 2"]), Refusal::TwoContentLengths);
    for length in ["2, 2", "+2", "-2", "", "0x2", "2 2", "1234567890123456789"] {
        assert_eq!(refused(&[POST, HOST, &format!("Content-Length: {length}")]), Refusal::ContentLength, "{length}");
    }
    for coding in ["gzip, chunked", "identity", "", "chunked, chunked", "\"chunked\""] {
        assert_eq!(
            refused(&[POST, HOST, &format!("Transfer-Encoding: {coding}")]),
            Refusal::TransferCoding,
            "{coding}"
        );
    }
    let twice = [POST, HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"];
    assert_eq!(refused(&twice), Refusal::TwoTransferEncodings);
    assert_eq!(refused(&["POST /x HTTP/1.0", "Transfer-Encoding: chunked"]), Refusal::ChunkedInHttp10);
    for name in ["Content_Length", "transfer_encoding", "TRANSFER_ENCODING"] {
        assert_eq!(refused(&[POST, HOST, &format!("{name}: 3")]), Refusal::FramingLookAlike, "{name}");
    }
    assert_eq!(accepted(&[GET, HOST, "Content_Lengths: 3", "content.length: 3"]).framing, Framing::None);
}

#[test]
fn a_field_is_a_name_a_colon_and_a_value_on_one_line() {
    assert_eq!(refused(&[GET, HOST, "X: a", " b"]), Refusal::ObsFold);
    assert_eq!(refused(&[GET, HOST, "X : a"]), Refusal::FieldName);
    assert_eq!(refused(&[GET, HOST, ": a"]), Refusal::FieldName);
    assert_eq!(refused(&[GET, HOST, "nothing"]), Refusal::FieldName);
    assert_eq!(refused(&[GET, HOST, "X: a\0b"]), Refusal::FieldValue);
}

#[test]
fn a_limit_holds_before_the_head_is_whole() {
    let limits = Limits { head_bytes: 200, line_bytes: 100, target_bytes: 80, headers: 3, ..test_limits() };
    let verdict = |octets: &[u8]| verdict(octets, &[1000], &limits);
    assert_eq!(verdict(&[b"GET /".as_slice(), &[b'a'; 100]].concat()), Err(Refusal::TargetTooLong));
    assert_eq!(verdict(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(80)).as_bytes()), Err(Refusal::TargetTooLong));
    assert_eq!(verdict(format!("{GET}\r\nX: {}", "a".repeat(100)).as_bytes()), Err(Refusal::HeadTooLarge));
    assert_eq!(
        verdict(
            format!(
                "{GET}\r\n{}",
                "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(3)
            )
            .as_bytes()
        ),
        Err(Refusal::HeadTooLarge)
    );
    assert_eq!(verdict(format!("{GET}\r\n{}", "X: a\r\n".repeat(4)).as_bytes()), Err(Refusal::TooManyFields));
    assert!(verdict(&lines(&[GET, HOST, "X: a", "Y: b"])).unwrap().is_some());
}

#[test]
fn a_content_length_over_the_limit_is_refused_with_the_head() {
    let limits = Limits { body_bytes: Some(10), ..test_limits() };
    assert_eq!(verdict(&lines(&[POST, HOST, "Content-Length: 11"]), &[1000], &limits), Err(Refusal::BodyTooLarge));
    assert!(verdict(&lines(&[POST, HOST, "Content-Length: 10"]), &[1000], &limits).is_ok());
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z-]{1,9}: [ -~]{0,12}",
        1 => "[ -~]{0,16}",
        1 => "(Content-Length|Transfer-Encoding|Content_Length|Host|Connection|Upgrade): ?(chunked|[0-9]{1,3}|a.test|upgrade)",
        1 => "(\r|\n|\0|\t|\u{e9}|[ -~]){0,8}",
    ]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        4 => Just("GET /x HTTP/1.1".to_owned()),
        1 => "(GET|POST|OPTIONS|M-SEARCH|CONNECT) (/|\\*|http://a.test/|/[!-~]{1,9}) HTTP/[0-2]\\.[0-2]",
        1 => "[ -~]{0,24}",
    ];
    (first, prop::collection::vec(line(), 0..5), any::<bool>()).prop_map(|(first, fields, with_host)| {
        let mut head = first;
        head.push_str(if with_host { "\r\nHost: a.test\r\n" } else { "\r\n" });
        for field in fields {
            head.push_str(&field);
            head.push_str("\r\n");
        }
        head.push_str("\r\nsurplus");
        head.into_bytes()
    })
}

proptest! {
    #[test]
    fn no_cut_changes_the_verdict(octets in request(), lengths in prop::collection::vec(1usize..30, 1..6)) {
        prop_assert_eq!(verdict(&octets, &lengths, &test_limits()), at_once(&octets));
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = at_once(&octets);
        let _ = check(&octets, &test_limits());
    }

    #[test]
    fn another_parser_reads_an_accepted_head_the_same_way(octets in request()) {
        if let Ok(Some((end, _))) = at_once(&octets) {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut parsed = httparse::Request::new(&mut headers);
            prop_assert_eq!(parsed.parse(&octets), Ok(httparse::Status::Complete(end)));
            let text = String::from_utf8_lossy(&octets[..end]).into_owned();
            let mut words = text.lines().next().unwrap().split(' ');
            prop_assert_eq!(parsed.method, words.next());
            prop_assert_eq!(parsed.path, words.next());
            prop_assert_eq!(parsed.headers.len(), Lines(&octets[..end]).count() - 2);
        }
    }
}

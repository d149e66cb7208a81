//! Bodies that are not the ones that were signed.

use tidegate_plugin_sdk::testing::TestRequest;
use tidegate_plugin_sdk::{Action, Attention, BodyPolicy, Piece};

use super::{BASE, INPUT, description, host, passes, policy, refused, signed};

/// Of `{"amount":1}`, as `printf %s "$BODY" | openssl dgst -sha256 -binary | base64` prints it.
const DIGEST: &str = "sha-256=:wrEeZX4S/RdzWWJ8qJQSAY4idNCHPPv88fxQ9oVYLp4=:";
const BODY: &str = "{\"amount\":1}";
const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
const UNCOVERED: &str = "the signature does not cover what it has to";
const OTHER: &str = "the body is not the one that was signed";

fn covering(text: &str, line: &str) -> String {
    let covered = text.replace("\"@query\")", "\"@query\" \"content-digest\")");
    covered.replace("\"@signature-params\"", &format!("{line}\"@signature-params\"")).replace(": GET", ": POST")
}

fn post(length: &str) -> TestRequest {
    let request = TestRequest::new("POST", "/orders?page=2").authority("shop.example");
    if length.is_empty() { request } else { request.header("content-length", length) }
}

fn with_digest(length: &str, digest: &str) -> (TestRequest, String) {
    let base = covering(BASE, &format!("\"content-digest\": {digest}\n"));
    (signed(post(length).header("content-digest", digest), &covering(INPUT, "")), base)
}

fn seen(request: &TestRequest, body: &str) -> Result<(), String> {
    match policy("{}").on_request_body(&request.view(), Piece::last(body)).action {
        Action::Pass => Ok(()),
        Action::Respond(response) => Err(description(&response)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_digest_in_these_tests_is_that_of_the_body() {
    let (request, _) = with_digest("12", DIGEST);
    assert_eq!(seen(&request, BODY), Ok(()));
}

#[test]
fn a_body_that_matches_its_signed_digest_passes() {
    let (request, base) = with_digest("12", DIGEST);
    let _host = host(&[&base]);
    passes("{}", &request);
    assert_eq!(policy("{}").attend_request(&request.view()), Attention::Whole);
    assert_eq!(seen(&request, BODY), Ok(()));
}

#[test]
fn a_body_that_was_changed_cut_or_taken_away_is_refused() {
    let (request, base) = with_digest("12", DIGEST);
    let _host = host(&[&base]);
    for body in ["{\"amount\":9}", "{\"amount\":1", "", "{\"amount\":1}\n"] {
        assert_eq!(seen(&request, body), Err(OTHER.into()), "{body}");
    }
    for length in ["", "0"] {
        let (request, _) = with_digest(length, DIGEST);
        assert_eq!(refused("{}", &request), OTHER, "the body stayed away");
    }
}

#[test]
fn a_body_that_was_added_is_refused() {
    let base = BASE.replace(": GET", ": POST");
    let (empty, with_empty) = with_digest("", EMPTY);
    let _host = host(&[&base, &with_empty]);
    assert_eq!(refused("{}", &signed(post("3"), INPUT)), UNCOVERED);
    assert_eq!(refused("{}", &signed(post("").header("transfer-encoding", "chunked"), INPUT)), UNCOVERED);
    // Over HTTP/2 a body need not be announced.
    let unannounced = signed(post(""), INPUT);
    passes("{}", &unannounced);
    assert_eq!((seen(&unannounced, ""), seen(&unannounced, "x")), (Ok(()), Err(OTHER.into())));
    passes("{}", &empty);
    assert_eq!(seen(&empty, "x"), Err(OTHER.into()));
}

#[test]
fn a_digest_that_is_not_signed_is_refused() {
    let _host = host(&[&BASE.replace(": GET", ": POST")]);
    assert_eq!(refused("{}", &signed(post("12").header("content-digest", DIGEST), INPUT)), UNCOVERED);
}

#[test]
fn a_digest_that_two_readers_read_differently_is_refused() {
    let forms = [
        "sha-512=:AAAA:".to_owned(),
        DIGEST.replace("sha-256", "SHA-256"),
        format!("{DIGEST}, {EMPTY}"),
        DIGEST.replace("=:wr", "=wr"),
        DIGEST.replace("wrEe", "wrE"),
        String::new(),
    ];
    for digest in forms {
        let (request, base) = with_digest("12", &digest);
        let _host = host(&[&base]);
        assert_eq!(refused("{}", &request), OTHER, "{digest}");
    }
    let (request, base) = with_digest("12", &format!("sha-512=:AAAA:, {DIGEST}"));
    let _host = host(&[&base]);
    passes("{}", &request);
    assert_eq!(refused("{}", &request.header("content-digest", EMPTY)), OTHER);
}

#[test]
fn what_becomes_a_tunnel_has_no_body() {
    let (request, base) = with_digest("12", DIGEST);
    let _host = host(&[&base]);
    assert_eq!(refused("{}", &request.header("upgrade", "websocket")), OTHER);
}

#[test]
fn bodies_are_not_looked_at_where_that_is_not_wanted() {
    let _host = host(&[&BASE.replace(": GET", ": POST")]);
    passes(r#"{"body":false}"#, &signed(post("3"), INPUT));
    assert_eq!(policy(r#"{"body":false}"#).attend_request(&post("3").view()), Attention::Skip);
}

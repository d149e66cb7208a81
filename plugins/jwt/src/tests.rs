mod forged;
mod places;

use tidegate_plugin_sdk::consumers::{self, ConsumerId};
use tidegate_plugin_sdk::keysets::TokenError;
use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Forward, LocalResponse, RequestPolicy};

use super::{Config, Jwt};

const CONFIG: &str = r#"{"keyset":"accounts","issuer":["https://a.example"],"audience":["orders"],"leeway":10"#;
/// Tokens begin and end around what the clock says: 1 700 000 000.
const GOOD: &str = r#"{"iss":"https://a.example","aud":"orders","exp":1700000100,"sub":"u-1"}"#;

/// The host believes that `token` says `payload`; `u-1` is alice.
fn host(payload: &str) -> TestHost {
    let host = TestHost::new().subject("alice", "https://a.example", "u-1").subject("bob", "https://b.example", "u-1");
    host.token("accounts", "token", Ok(payload)).token("accounts", "other", Ok(payload))
}

fn config(more: &str) -> String {
    format!("{CONFIG}{more}}}")
}

fn decide(config: &str, request: &TestRequest) -> Decision {
    let policy: Jwt = testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"));
    policy.on_request(&request.view())
}

fn bearer(token: &str) -> TestRequest {
    TestRequest::get("/").header("authorization", format!("Bearer {token}"))
}

#[track_caller]
fn forwarded(more: &str, payload: &str) -> Forward {
    let _host = host(payload);
    match decide(&config(more), &bearer("token")) {
        Decision::Forward(forward) => forward,
        Decision::Respond(response) => panic!("refused: {response:?}"),
    }
}

fn answer(more: &str, request: &TestRequest) -> LocalResponse {
    match decide(&config(more), request) {
        Decision::Respond(response) => response,
        Decision::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

/// Status, and the last words of the description.
#[track_caller]
fn refused(more: &str, payload: &str) -> (u16, String) {
    let _host = host(payload);
    let answer = answer(more, &bearer("token"));
    let challenge = answer.headers.first().map(|field| String::from_utf8(field.value.clone()).unwrap());
    let challenge = challenge.unwrap_or_default();
    let description = challenge.split_once("error_description=\"").and_then(|(_, rest)| rest.split_once('"'));
    (answer.status, description.map_or_else(String::new, |(text, _)| text.to_owned()))
}

#[test]
fn a_token_that_is_right_identifies_its_consumer() {
    assert_eq!(forwarded("", GOOD).consumer, Some(1));
    let _host = host(GOOD);
    assert_eq!(consumers::find_by_name("alice").map(ConsumerId::number), Some(1));
}

#[test]
fn a_consumer_is_found_by_name_where_that_is_wanted_and_by_another_claim() {
    let payload = GOOD.replace("u-1", "bob");
    assert_eq!(forwarded(r#","consumer":"name""#, &payload).consumer, Some(2));
    let payload = GOOD.replace("sub", "user");
    assert_eq!(forwarded(r#","consumer_claim":"user""#, &payload).consumer, Some(1));
}

#[test]
fn a_stranger_is_refused_unless_nobody_has_to_be_known() {
    let payload = GOOD.replace("u-1", "u-2");
    assert_eq!(refused("", &payload), (401, "nobody is known by this token".into()));
    assert_eq!(forwarded(r#","consumer":"none""#, &payload).consumer, None);
}

#[test]
fn the_same_subject_of_another_issuer_is_another_client() {
    let payload = GOOD.replace("https://a", "https://b");
    let both = config("").replace(r#"["https://a.example"]"#, r#"["https://a.example","https://b.example"]"#);
    let _host = host(&payload);
    let Decision::Forward(forward) = decide(&both, &bearer("token")) else { panic!("refused") };
    assert_eq!(forward.consumer, Some(2));
}

#[test]
fn a_token_lives_from_nbf_to_exp_and_the_leeway_longer() {
    let at =
        |nbf: &str, exp: &str| GOOD.replace("1700000100", exp).replace("\"sub\"", &format!("\"nbf\":{nbf},\"sub\""));
    for (nbf, exp) in
        [("1700000000", "1700000001"), ("1700000010", "1699999991"), ("1700000009.5", "1699999990.5"), ("-1", "1e10")]
    {
        forwarded("", &at(nbf, exp));
    }
    assert_eq!(refused("", &at("1700000000", "1699999990")), (401, "the token has expired".into()));
    assert_eq!(refused("", &at("1700000010.1", "1700000100")), (401, "the token is not valid yet".into()));
    assert_eq!(refused("", &at("0", "-1")), (401, "the token has expired".into()));
}

#[test]
fn claims_become_fields_and_what_the_client_sent_in_their_place_goes() {
    let payload =
        GOOD.replace("\"sub\"", r#""n":7,"t":true,"l":["a"],"o":{},"z":null,"b":"a\r\nb","u":"ä","e":"","sub""#);
    let names = ["sub", "n", "t", "l", "o", "z", "b", "u", "e", "gone"];
    let map: Vec<_> = names.iter().map(|name| format!("\"x-{name}\":\"{name}\"")).collect();
    let edits = forwarded(&format!(",\"headers\":{{{}}}", map.join(",")), &payload).request;
    for (name, value) in [("x-sub", "u-1"), ("x-n", "7"), ("x-t", "true")] {
        assert!(edits.contains(&Edit::set(name, value)), "{name}");
    }
    for name in ["x-l", "x-o", "x-z", "x-b", "x-u", "x-e", "x-gone"] {
        assert!(edits.contains(&Edit::remove(name)), "{name}");
    }
}

#[test]
fn required_claims_wanted_values_and_scopes_are_looked_for() {
    let payload = GOOD
        .replace("\"sub\"", r#""email":"x","role":["ops","dev"],"level":3,"ok":true,"scope":"a b","scp":["c"],"sub""#);
    forwarded(
        r#","required":["email"],"claims":{"role":["admin","dev"],"level":[3],"ok":[true]},"scopes":["a","b","c"]"#,
        &payload,
    );
    let missing = (401, "a claim is missing or has another value".to_owned());
    for more in [
        r#","required":["phone"]"#,
        r#","claims":{"role":["admin"]}"#,
        r#","claims":{"level":["3"]}"#,
        r#","claims":{"ok":["true"]}"#,
        r#","claims":{"gone":["x"]}"#,
    ] {
        assert_eq!(refused(more, &payload), missing, "{more}");
    }
    assert_eq!(refused(r#","scopes":["a","d"]"#, &payload), (403, "the token was not given for this".into()));
}

#[test]
fn the_client_is_told_in_the_words_of_rfc_6750() {
    let _host = host(&GOOD.replace("1700000100", "1"));
    let challenge = |response: LocalResponse| String::from_utf8(response.headers[0].value.clone()).unwrap();
    assert_eq!(challenge(answer("", &TestRequest::get("/"))), "Bearer realm=\"tidegate\"");
    assert_eq!(
        challenge(answer("", &bearer("token"))),
        "Bearer realm=\"tidegate\", error=\"invalid_token\", error_description=\"the token has expired\""
    );
    let _host = host(GOOD);
    assert_eq!(
        challenge(answer(r#","scopes":["a","b"],"realm":"r""#, &bearer("token"))),
        "Bearer realm=\"r\", error=\"insufficient_scope\", error_description=\"the token was not given for this\", scope=\"a b\""
    );
}

#[test]
fn where_there_are_no_keys_the_client_is_asked_to_come_again() {
    let _host = host(GOOD).token("accounts", "early", Err(TokenError::Unavailable));
    let expected = LocalResponse::new(503).header("retry-after", "1");
    assert_eq!(answer("", &bearer("early")), expected);
    let elsewhere = config("").replace("accounts", "nowhere");
    assert_eq!(decide(&elsewhere, &bearer("token")), Decision::Respond(expected));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let wrong = r#"{"keyset":"","issuer":[],"audience":[],"leeway":61,"claims":{"a":[]},"scopes":["a b"],
        "headers":{"host":"sub"},"cookie":"","query":"","hide":true,"realm":"\""}"#;
    let problems = testing::configure::<Jwt>(wrong).unwrap_err();
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    let expected =
        ["keyset", "issuer", "leeway", "claims.a", "scopes[0]", "headers.host", "cookie", "query", "hide", "realm"];
    assert_eq!(paths, expected);
}

#[test]
fn what_opens_access_has_no_default() {
    for missing in ["keyset", "issuer", "audience"] {
        let config = config("").replace(missing, "gone");
        assert!(testing::configure::<Jwt>(&config).is_err(), "{missing}");
    }
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Forward, LocalResponse, RequestPolicy, consumers};

use super::{BasicAuth, Config, Credentials};

fn host() -> TestHost {
    TestHost::new().password("alice", "open:sesame").password("bob", "pässword")
}

fn basic(credentials: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

fn with(field: impl Into<Vec<u8>>) -> TestRequest {
    TestRequest::get("/").header("authorization", field)
}

fn decide(config: &str, request: &TestRequest) -> Decision {
    let policy: BasicAuth = testing::configure(config).unwrap();
    policy.on_request(&request.view())
}

#[track_caller]
fn forwarded(config: &str, request: &TestRequest) -> Forward {
    match decide(config, request) {
        Decision::Forward(forward) => forward,
        Decision::Respond(response) => panic!("refused: {response:?}"),
    }
}

#[track_caller]
fn is_challenged(request: &TestRequest) {
    let challenge = "Basic realm=\"tidegate\", charset=\"UTF-8\"";
    let expected = LocalResponse::new(401).header("www-authenticate", challenge);
    assert_eq!(decide("{}", request), Decision::Respond(expected));
}

#[test]
fn a_name_with_its_password_identifies_its_consumer() {
    let _host = host();
    for (name, credentials) in [("alice", "alice:open:sesame"), ("bob", "bob:pässword")] {
        let forward = forwarded("{}", &with(basic(credentials)));
        assert_eq!(forward.consumer, consumers::find_by_name(name).map(consumers::ConsumerId::number));
    }
}

#[test]
fn the_scheme_has_no_case_and_may_be_followed_by_more_than_one_space() {
    let _host = host();
    for scheme in ["basic ", "BASIC ", "bAsIc   "] {
        forwarded("{}", &with(format!("{scheme}{}", STANDARD.encode("alice:open:sesame"))));
    }
}

#[test]
fn the_upstream_does_not_see_the_password() {
    let _host = host();
    let request = with(basic("alice:open:sesame"));
    assert!(forwarded("{}", &request).request.contains(&Edit::remove("authorization")));
    assert!(forwarded(r#"{"hide":false}"#, &request).request.is_empty());
}

#[test]
fn everything_else_meets_the_same_answer() {
    let _host = host();
    is_challenged(&TestRequest::get("/"));
    for credentials in
        ["alice:", "alice:open", "alice", ":open:sesame", "eve:open:sesame", "Alice:open:sesame", "", ":"]
    {
        is_challenged(&with(basic(credentials)));
    }
}

#[test]
fn what_is_not_in_the_one_right_form_is_refused() {
    let _host = host();
    let good = STANDARD.encode("alice:open:sesame");
    let unpadded = STANDARD.encode("alice:open:sesame").trim_end_matches('=').to_owned();
    let fields = [
        good.clone(),
        format!("Basic{good}"),
        format!("Basic\t{good}"),
        format!("Bearer {good}"),
        format!("Basic {good}, Basic {good}"),
        format!("Basic {good} x"),
        format!("Basic {unpadded}"),
        "Basic alice:open:sesame".to_owned(),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        basic("alice:open:sesame\n"),
        basic("alice:open:sesame\0"),
        basic(b"alice:open:sesame\xff"),
        basic(b"bob:p\xe4ssword"),
    ];
    for field in fields {
        is_challenged(&with(field));
    }
}

#[test]
fn two_different_fields_are_refused_and_the_same_one_twice_is_one() {
    let _host = host();
    let alice = basic("alice:open:sesame");
    is_challenged(&with(alice.clone()).header("authorization", basic("bob:pässword")));
    is_challenged(&with(alice.clone()).header("authorization", "Bearer token"));
    forwarded("{}", &with(alice.clone()).header("authorization", alice));
}

#[test]
fn where_too_many_wait_the_client_is_asked_to_come_again() {
    let _host = host().passwords_overloaded();
    let expected = LocalResponse::new(503).header("retry-after", "1");
    assert_eq!(decide("{}", &with(basic("alice:open:sesame"))), Decision::Respond(expected));
}

#[test]
fn a_realm_that_cannot_be_quoted_is_refused() {
    let problems = testing::configure::<BasicAuth>(r#"{"realm":"a\"b"}"#).unwrap_err();
    assert_eq!(problems[0].to_string(), "realm: must be printable ASCII without quotes and backslashes");
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written(name in "[^:\\p{Cc}]{0,20}", password in "\\PC{0,20}") {
        let read = Credentials::parse(basic(format!("{name}:{password}")).as_bytes());
        prop_assert_eq!(read, Some(Credentials { name, password }));
    }

    #[test]
    fn no_field_breaks_the_reading(field: Vec<u8>) {
        let _ = Credentials::parse(&field);
        let _ = Credentials::parse(&[b"Basic ", field.as_slice()].concat());
    }
}

mod bodies;
mod forms;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Forward, LocalResponse, RequestPolicy};

use super::{Config, HmacAuth};

/// The clock of a host says 1 700 000 000.
const INPUT: &str =
    "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\");created=1700000000;keyid=\"alice-1\";alg=\"hmac-sha256\"";
const BASE: &str = "\"@method\": GET\n\"@authority\": shop.example\n\"@path\": /orders\n\"@query\": ?page=2\n\
    \"@signature-params\": (\"@method\" \"@authority\" \"@path\" \"@query\");created=1700000000;keyid=\"alice-1\";alg=\"hmac-sha256\"";
const HMAC: &[u8] = b"an hmac of thirty-two bytes, yes";

/// Alice's key makes `HMAC` of these bases.
fn host(bases: &[&str]) -> TestHost {
    bases.iter().fold(TestHost::new().hmac("alice", "alice-1", BASE, HMAC), |host, base| {
        host.hmac("alice", "alice-1", base, HMAC)
    })
}

fn policy(config: &str) -> HmacAuth {
    testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn get(target: &str) -> TestRequest {
    TestRequest::get(target).authority("shop.example")
}

fn signed(request: TestRequest, input: &str) -> TestRequest {
    let label = input.split_once('=').map_or("sig1", |(label, _)| label);
    request.header("signature-input", input).header("signature", format!("{label}=:{}:", STANDARD.encode(HMAC)))
}

fn good() -> TestRequest {
    signed(get("/orders?page=2"), INPUT)
}

#[track_caller]
fn passes(config: &str, request: &TestRequest) -> Forward {
    match policy(config).on_request(&request.view()) {
        Decision::Forward(forward) => forward,
        Decision::Respond(response) => panic!("refused: {}", description(&response)),
    }
}

fn description(response: &LocalResponse) -> String {
    let challenge = response.headers.iter().find(|field| field.name == "www-authenticate");
    let challenge = challenge.map(|field| String::from_utf8(field.value.clone()).unwrap()).unwrap_or_default();
    let (_, rest) = challenge.split_once("error_description=\"").unwrap_or(("", ""));
    rest.trim_end_matches('"').to_owned()
}

#[track_caller]
fn refused(config: &str, request: &TestRequest) -> String {
    match policy(config).on_request(&request.view()) {
        Decision::Respond(response) => {
            assert_eq!(response.status, 401);
            description(&response)
        }
        Decision::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

#[test]
fn a_right_signature_identifies_its_consumer_and_ends_here() {
    let _host = host(&[]);
    let forward = passes("{}", &good());
    assert_eq!(forward.consumer, Some(1));
    assert_eq!(forward.request, [Edit::remove("signature-input"), Edit::remove("signature")]);
    assert_eq!(passes(r#"{"hide":false}"#, &good()).request, []);
}

#[test]
fn what_was_changed_on_the_way_makes_the_signature_wrong() {
    let _host = host(&[]);
    let authority = TestRequest::get("/orders?page=2").authority("other.example");
    for request in [get("/orders?page=3"), get("/orders"), get("/Orders?page=2"), get("/orders/?page=2"), authority] {
        assert_eq!(refused("{}", &signed(request, INPUT)), "the signature is wrong");
    }
    let post = TestRequest::new("POST", "/orders?page=2").authority("shop.example");
    assert_eq!(refused("{}", &signed(post, INPUT)), "the signature is wrong");
    let another_key = INPUT.replace("alice-1", "alice-2");
    assert_eq!(refused("{}", &signed(get("/orders?page=2"), &another_key)), "the signature is wrong");
}

#[test]
fn without_a_signature_the_client_is_told_what_to_sign() {
    let _host = host(&[]);
    let answer = LocalResponse::new(401).header("www-authenticate", "Signature realm=\"tidegate\"").header(
        "accept-signature",
        "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\");created;keyid;alg=\"hmac-sha256\"",
    );
    assert_eq!(policy("{}").on_request(&get("/").view()), Decision::Respond(answer));
}

#[test]
fn a_signature_is_good_for_its_window_and_no_longer() {
    let host = host(&[]);
    passes(r#"{"window":10}"#, &good());
    host.advance(Duration::from_secs(9));
    passes(r#"{"window":10}"#, &good());
    host.advance(Duration::from_secs(1));
    assert_eq!(refused(r#"{"window":10}"#, &good()), "the signature is not of this time");
    passes("{}", &good());
}

#[test]
fn a_signature_of_a_time_to_come_is_refused_where_clocks_do_not_explain_it() {
    let input = |seconds: u32| INPUT.replace("1700000000", &(1_700_000_000 + seconds).to_string());
    let base = |seconds: u32| BASE.replace("1700000000", &(1_700_000_000 + seconds).to_string());
    let _host = host(&[&base(30), &base(31)]);
    passes("{}", &signed(get("/orders?page=2"), &input(30)));
    assert_eq!(refused("{}", &signed(get("/orders?page=2"), &input(31))), "the signature is not of this time");
}

#[test]
fn a_signature_that_expires_earlier_is_taken_at_its_word() {
    let expiring = |text: &str, at: u32| text.replace(";keyid", &format!(";expires={at};keyid"));
    let (now, later) = (1_700_000_000, 1_700_000_001);
    let _host = host(&[&expiring(BASE, now), &expiring(BASE, later)]);
    passes("{}", &signed(get("/orders?page=2"), &expiring(INPUT, later)));
    let expired = signed(get("/orders?page=2"), &expiring(INPUT, now));
    assert_eq!(refused("{}", &expired), "the signature is not of this time");
}

#[test]
fn a_signature_is_good_once_where_that_is_wanted() {
    let host = host(&[]);
    passes(r#"{"once":true}"#, &good());
    assert_eq!(refused(r#"{"once":true}"#, &good()), "the signature was used before");
    host.advance(Duration::from_secs(299));
    assert_eq!(refused(r#"{"once":true}"#, &good()), "the signature was used before");
}

#[test]
fn a_wrong_signature_uses_up_nothing() {
    let _host = host(&[]);
    let wrong = signed(get("/orders?page=3"), INPUT);
    assert_eq!(refused(r#"{"once":true}"#, &wrong), "the signature is wrong");
    passes(r#"{"once":true}"#, &good());
}

#[test]
fn where_nothing_more_can_be_remembered_the_client_is_asked_to_come_again() {
    let _host = host(&[]).shared_data_limit(1);
    let answer = LocalResponse::new(503).header("retry-after", "1");
    assert_eq!(policy(r#"{"once":true}"#).on_request(&good().view()), Decision::Respond(answer));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let wrong = r#"{"required":["@method","@status","Host","signature"],"window":0,"realm":"\""}"#;
    let problems = testing::configure::<HmacAuth>(wrong).unwrap_err();
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["required[1]", "required[2]", "required[3]", "window", "realm"]);
    assert!(testing::configure::<HmacAuth>(r#"{"required":[]}"#).is_err());
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

use tidegate_plugin_sdk::http_client::{Incoming, Outgoing, SendError};
use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Field, LocalResponse, RequestPolicy};

use super::{Config, ForwardAuth, MOST_BODY};

fn answer(status: u16, fields: &[(&str, &str)]) -> Incoming {
    let headers = fields.iter().map(|(name, value)| Field::new(*name, *value)).collect();
    Incoming { headers, ..Incoming::new(status) }
}

fn config(more: &str) -> String {
    format!(r#"{{"upstream":"auth"{more}}}"#)
}

fn ask(more: &str, request: &TestRequest, answer: Result<Incoming, SendError>) -> (Decision, Outgoing) {
    let host = TestHost::new().consumer("alice", &[], "alice-key").answer("auth", answer);
    let policy: ForwardAuth = testing::configure(&config(more)).unwrap_or_else(|problems| panic!("{problems:?}"));
    let decision = policy.on_request(&request.view());
    let question = host.take_sent().pop().unwrap();
    (decision, question)
}

fn decide(more: &str, answer: Incoming) -> Decision {
    ask(more, &TestRequest::get("/"), Ok(answer)).0
}

fn respond(status: u16) -> Decision {
    Decision::Respond(LocalResponse::new(status))
}

fn unavailable() -> Decision {
    Decision::Respond(LocalResponse::new(503).header("retry-after", "1"))
}

#[test]
fn the_upstream_is_told_what_the_client_asks_for() {
    let request = TestRequest::new("DELETE", "/orders/7?force=1").scheme("https").authority("shop.example");
    let request = request.client_address("192.0.2.7").request_id("id-7").header("authorization", "Bearer t");
    let request = request.header("cookie", "a=1").header("cookie", "b=2").header("x-secret", "s");
    let (_, question) = ask(r#","target":"/check?by=gate""#, &request, Ok(answer(200, &[])));
    let expected = Outgoing::get("auth", "/check?by=gate")
        .header("x-forwarded-method", "DELETE")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "shop.example")
        .header("x-forwarded-uri", "/orders/7?force=1")
        .header("x-forwarded-for", "192.0.2.7")
        .header("x-request-id", "id-7")
        .header("authorization", "Bearer t")
        .header("cookie", "a=1")
        .header("cookie", "b=2");
    assert_eq!(question, expected);
}

#[test]
fn what_the_client_says_of_itself_is_not_believed() {
    let request = TestRequest::get("/").header("x-forwarded-uri", "/public").header("x-forwarded-for", "127.0.0.1");
    let (_, question) = ask("", &request, Ok(answer(200, &[])));
    let told = |name: &str| question.headers.iter().filter(|field| field.name == name).count();
    assert_eq!((told("x-forwarded-uri"), told("x-forwarded-for")), (1, 1));
    assert!(!question.headers.contains(&Field::new("x-forwarded-uri", "/public")));
}

#[test]
fn a_good_answer_lets_the_request_pass() {
    for status in [200, 204, 299] {
        assert_eq!(decide("", answer(status, &[("x-user", "u")])), Decision::forward().into());
    }
}

#[test]
fn fields_of_the_answer_take_the_place_of_the_clients() {
    let more = r#","upstream_headers":["x-user","X-Role"]"#;
    let Decision::Forward(forward) = decide(more, answer(200, &[("X-User", "u"), ("x-user", "v"), ("x-other", "o")]))
    else {
        panic!("refused")
    };
    let edits =
        [Edit::remove("x-user"), Edit::append("x-user", "u"), Edit::append("x-user", "v"), Edit::remove("x-role")];
    assert_eq!(forward.request, edits);
}

#[test]
fn the_answer_may_name_the_consumer_and_has_to_name_a_known_one_then() {
    let more = r#","consumer_header":"x-user""#;
    let Decision::Forward(forward) = decide(more, answer(200, &[("x-user", "alice")])) else { panic!("refused") };
    assert_eq!(forward.consumer, Some(1));
    for fields in [&[][..], &[("x-user", "eve")], &[("x-user", "alice"), ("x-user", "bob")], &[("x-user", "")]] {
        assert_eq!(decide(more, answer(200, fields)), respond(403), "{fields:?}");
    }
}

#[test]
fn a_refusal_reaches_the_client_with_what_it_needs_of_it() {
    let fields = [
        ("WWW-Authenticate", "Bearer"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-type", "text/plain"),
        ("x-internal", "i"),
    ];
    for status in [302, 401, 403, 404, 429, 499] {
        let expected = LocalResponse::new(status)
            .header("www-authenticate", "Bearer")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("content-type", "text/plain")
            .body("no");
        assert_eq!(decide("", answer(status, &fields).body("no")), Decision::Respond(expected));
    }
}

#[test]
fn a_body_that_is_too_long_or_encoded_stays_behind_with_its_type() {
    let long = answer(401, &[("content-type", "text/plain")]).body(vec![b'x'; MOST_BODY + 1]);
    assert_eq!(decide("", long), respond(401));
    let encoded = answer(401, &[("content-type", "text/plain"), ("content-encoding", "gzip")]).body("zzz");
    assert_eq!(decide("", encoded), respond(401));
    let most = answer(401, &[]).body(vec![b'x'; MOST_BODY]);
    assert_eq!(decide("", most), Decision::Respond(LocalResponse::new(401).body(vec![b'x'; MOST_BODY])));
}

#[test]
fn an_upstream_that_does_not_know_lets_nobody_in() {
    for status in [500, 502, 503, 599] {
        assert_eq!(decide("", answer(status, &[]).body("stack trace")), unavailable());
    }
    for error in [
        SendError::UnknownUpstream,
        SendError::IllegalRequest,
        SendError::TooManyCalls,
        SendError::Unavailable,
        SendError::Timeout,
        SendError::TooLarge,
        SendError::IllegalResponse,
    ] {
        assert_eq!(ask("", &TestRequest::get("/"), Err(error)).0, unavailable(), "{error:?}");
    }
}

#[test]
fn method_and_patience_are_the_operators() {
    let more = r#","method":"HEAD","timeout_ms":250,"request_headers":[]"#;
    let request = TestRequest::get("/").header("authorization", "Bearer t");
    let (_, question) = ask(more, &request, Ok(answer(200, &[])));
    assert_eq!((question.method.as_str(), question.timeout_ms), ("HEAD", 250));
    assert!(question.headers.iter().all(|field| field.name != "authorization"));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let wrong = r#"{"upstream":"","target":"check","timeout_ms":0,"request_headers":["cookie","X-Forwarded-For"]}"#;
    let problems = testing::configure::<ForwardAuth>(wrong).unwrap_err();
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "upstream: must name an upstream",
            "target: must be a path that begins with `/`, with or without a query",
            "timeout_ms: must be between 1 and 60000",
            "request_headers[1]: \"x-forwarded-for\" is told by the gateway itself",
        ]
    );
    assert!(testing::configure::<ForwardAuth>("{}").is_err(), "an upstream has no default");
    for target in ["", "//x y", "/a#b", "/a\r\nb"] {
        let config = config(&format!(",\"target\":{target:?}"));
        assert!(testing::configure::<ForwardAuth>(&config).is_err(), "{target:?}");
    }
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

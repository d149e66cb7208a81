//! One request's story with no engine under it.

use std::path::Path;
use std::time::Duration;

use http::{Request, StatusCode};

use super::*;
use crate::config;
use crate::observe::metrics::TryFailure;
use crate::plugin::compile::Compilation;
use crate::process::Process;
use crate::snapshot::Refresh;

/// Two routes, one upstream of three endpoints, no policy.
const CONFIGURATION: &str = r#"
[forwarded]
trusted = ["10.0.0.0/8"]
[access_log]
format = "off"
[[listener]]
name = "http"
address = "127.0.0.1:0"
[[upstream]]
name = "shop"
retries = 2
[[upstream.endpoint]]
address = "127.0.0.1:1"
[[upstream.endpoint]]
address = "127.0.0.1:2"
[[upstream.endpoint]]
address = "127.0.0.1:3"
[[upstream]]
name = "empty"
[[route]]
name = "shop"
upstream = "shop"
hosts = ["shop.example"]
path = { prefix = "/api" }
rewrite = "strip-prefix"
[[route]]
name = "empty"
upstream = "empty"
hosts = ["empty.example"]
"#;

fn snapshot() -> Arc<Snapshot> {
    let loaded = Arc::new(config::parse("test.toml", Path::new(""), CONFIGURATION).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let process = Process::new(runtime.handle().clone(), &loaded.config, Compilation::in_process());
    Arc::new(Snapshot::build(&process, loaded, None, Refresh::Check).unwrap())
}

fn get(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn begun(parts: &Parts) -> (RequestContext, Result<(), Cause>) {
    let mut context = RequestContext::new(snapshot());
    let tls = Arc::new(TlsFacts {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        server_name: None,
        client_certificate: None,
    });
    let outcome = context.begin(parts, "203.0.113.7".parse().unwrap(), Some(tls));
    (context, outcome)
}

pub(super) fn shop_request() -> (RequestContext, Parts) {
    let parts = get("/api/products?page=2", &[("host", "shop.example:8080")]);
    let (context, outcome) = begun(&parts);
    assert_eq!(outcome, Ok(()));
    (context, parts)
}

const REFUSED: FailedTry = FailedTry {
    failure: TryFailure::Connect,
    nothing_sent: true,
    idempotent: false,
    replayable: true,
    reused_connection: false,
};

#[test]
fn a_request_finds_its_route_and_its_target() {
    let (context, _) = shop_request();
    assert_eq!(&*context.route.as_ref().unwrap().name, "shop");
    assert_eq!(context.target.as_deref(), Some("/products?page=2"));
    assert_eq!(context.facts.scheme, Scheme::Https);
    assert_eq!(context.facts.client_address.to_string(), "203.0.113.7");
    assert_eq!(context.facts.authority, "shop.example:8080");
}

#[test]
fn a_request_nobody_wants_is_refused_with_its_cause() {
    let (_, outcome) = begun(&get("/api", &[("host", "elsewhere.example")]));
    assert_eq!(outcome, Err(Cause::NoRoute));
    let (context, outcome) = begun(&get("/api/%2e%2e/admin", &[("host", "shop.example")]));
    assert!(matches!(outcome, Err(Cause::AmbiguousTarget(_))));
    assert!(!context.facts.request_id.as_str().is_empty(), "even a refusal has an id");
}

#[test]
fn tries_go_round_and_never_twice_to_one_endpoint_while_another_is_left() {
    let (mut context, parts) = shop_request();
    let mut asked = Vec::new();
    loop {
        asked.push(context.next_member(&parts).unwrap());
        if !context.failed(REFUSED) {
            break;
        }
    }
    assert_eq!(asked, [0, 1, 2], "one try and two retries");
}

#[test]
fn what_was_sent_is_repeated_only_where_that_is_harmless() {
    let sent = FailedTry { failure: TryFailure::Reset, nothing_sent: false, ..REFUSED };
    for (idempotent, replayable, again) in [(false, true, false), (true, false, false), (true, true, true)] {
        let (mut context, parts) = shop_request();
        context.next_member(&parts).unwrap();
        assert_eq!(context.failed(FailedTry { idempotent, replayable, ..sent }), again);
    }
}

#[test]
fn an_answered_request_is_never_tried_again() {
    let (mut context, parts) = shop_request();
    context.next_member(&parts).unwrap();
    context.answered(200);
    assert!(!context.failed(FailedTry { idempotent: true, ..REFUSED }));
}

#[test]
fn a_request_counts_at_its_endpoint_until_it_ends() {
    let (mut context, parts) = shop_request();
    let index = context.next_member(&parts).unwrap();
    let route = Arc::clone(context.route.as_ref().unwrap());
    let endpoint = &route.upstream.members[index].endpoint;
    assert_eq!(endpoint.in_flight(), 1);
    drop(context);
    assert_eq!(endpoint.in_flight(), 0);
}

#[test]
fn an_upstream_without_endpoints_has_none_to_ask() {
    let parts = get("/", &[("host", "empty.example")]);
    let (mut context, outcome) = begun(&parts);
    assert_eq!(outcome, Ok(()));
    assert_eq!(context.next_member(&parts), Err(Cause::NoEndpoints));
}

#[test]
fn a_host_is_an_authority_without_its_port() {
    for (authority, want) in
        [("a.example", "a.example"), ("a.example:8080", "a.example"), ("[2001:db8::1]:443", "2001:db8::1"), ("", "")]
    {
        assert_eq!(host_of(authority), want);
    }
}

#[test]
fn tunnels_and_traces_are_refused() {
    assert_eq!(refuse_method(&Method::CONNECT), Err(Cause::Method));
    assert_eq!(refuse_method(&Method::TRACE), Err(Cause::Method));
    assert_eq!(refuse_method(&Method::PATCH), Ok(()));
}

/// A call of gRPC for the shop, after `begin`.
fn call(fields: &[(&str, &str)]) -> (RequestContext, Parts, Result<(), Cause>) {
    let mut parts = get("/api/Shop/Buy", &[("host", "shop.example"), ("content-type", "application/grpc+proto")]);
    parts.method = Method::POST;
    for (name, value) in fields {
        parts.headers.append(header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    let (context, outcome) = begun(&parts);
    (context, parts, outcome)
}

#[test]
fn a_refused_call_is_a_head_that_tells_its_status() {
    for (cause, code) in [(Cause::NoEndpoint, "14"), (Cause::Deadline, "4"), (Cause::NoRoute, "12")] {
        let (mut context, parts, _) = call(&[]);
        context.cause = Some(cause);
        let (head, body) = context.compose(&parts.method, context.refusal(cause)).unwrap();
        assert_eq!((head.status, body.len()), (StatusCode::OK, 0));
        assert_eq!(head.headers["grpc-status"], code);
        assert_eq!(head.headers["grpc-message"], cause.detail());
        assert_eq!(head.headers["content-type"], "application/grpc");
        assert_eq!(head.headers["x-request-id"], context.facts.request_id.as_str());
    }
}

#[test]
fn what_a_policy_answers_a_call_is_told_in_its_words_unless_it_speaks_grpc() {
    let (mut context, parts, _) = call(&[]);
    context.cause = Some(Cause::Policy);
    let answer = |kind: &'static str| LocalResponse {
        status: StatusCode::TOO_MANY_REQUESTS,
        headers: vec![
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::RETRY_AFTER, HeaderValue::from_static("3")),
        ],
        body: "no".into(),
    };
    let (head, body) = context.compose(&parts.method, answer("text/plain")).unwrap();
    assert_eq!((head.status, &head.headers["grpc-status"], body.len()), (StatusCode::OK, &"14".parse().unwrap(), 0));
    assert_eq!(head.headers["grpc-message"], "answered by a policy: 429 Too Many Requests");
    assert_eq!(head.headers["retry-after"], "3");
    let (head, body) = context.compose(&parts.method, answer("application/grpc")).unwrap();
    assert_eq!((head.status, &body[..]), (StatusCode::TOO_MANY_REQUESTS, &b"no"[..]));
}

#[test]
fn a_client_of_grpc_says_how_long_it_waits_and_so_is_its_endpoint_told() {
    let (mut context, parts, outcome) = call(&[("grpc-timeout", "5S")]);
    assert_eq!(outcome, Ok(()));
    assert_eq!(context.deadline(), context.started.checked_add(Duration::from_secs(5)));
    context.next_member(&parts).unwrap();
    let mut head = parts.clone();
    context.seal(&mut head, http::Version::HTTP_2).unwrap();
    let told = head.headers["grpc-timeout"].to_str().unwrap().strip_suffix('m').unwrap().parse::<u32>().unwrap();
    assert!((4000..5000).contains(&told), "{told}");
}

#[test]
fn a_timeout_that_is_none_refuses_the_call() {
    let (_, _, outcome) = call(&[("grpc-timeout", "soon")]);
    assert!(matches!(outcome, Err(Cause::BadRequest(_))));
}

#[test]
fn a_request_whose_time_is_over_is_tried_no_more() {
    let (mut context, parts, _) = call(&[("grpc-timeout", "0n")]);
    context.next_member(&parts).unwrap();
    assert!(context.is_overdue() && !context.failed(REFUSED));
}

#[test]
fn a_request_without_a_deadline_waits_as_long_as_its_upstream_has_it() {
    let (context, _) = shop_request();
    assert_eq!((context.deadline(), context.head_due(), context.is_overdue()), (None, None, false));
    assert_eq!(context.within(Duration::from_secs(7)), Duration::from_secs(7));
}

#[test]
fn a_request_that_has_come_back_often_is_refused() {
    let (context, parts) = shop_request();
    let mut sent = parts.clone();
    let process_name = |head: &Parts| head.headers.get_all("cdn-loop").iter().next_back().cloned().unwrap();
    let mut context = context;
    context.next_member(&parts).unwrap();
    context.seal(&mut sent, http::Version::HTTP_11).unwrap();
    let mut again = parts.clone();
    for pass in 0..=10 {
        let mut back = RequestContext::new(Arc::clone(&context.snapshot));
        let outcome = back.begin(&again, "203.0.113.7".parse().unwrap(), None);
        assert_eq!(outcome, if pass < 10 { Ok(()) } else { Err(Cause::Loop) });
        again.headers.append("cdn-loop", process_name(&sent));
    }
}

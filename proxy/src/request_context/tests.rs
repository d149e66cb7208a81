//! One request's story with no engine under it.

use std::path::Path;

use http::Request;

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
    let tls = Arc::new(TlsFacts { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256".into(), server_name: None });
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
    assert_eq!(context.next_member(&parts), Err(Cause::NoEndpoint));
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

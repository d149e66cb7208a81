use proptest::prelude::*;

use super::{CONSUMER, REQUEST, Template};
use crate::testing::{TestHost, TestRequest};

fn parse(text: &str) -> Result<Template, String> {
    Template::parse(text, &[REQUEST, CONSUMER]).map_err(|error| error.to_string())
}

fn rendered(text: &str, request: &TestRequest) -> Option<String> {
    parse(text).unwrap().render(&request.view()).map(|bytes| String::from_utf8(bytes).unwrap())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn values_stand_where_their_names_stood() {
    let request =
        TestRequest::get("/a/b?x=1").route("orders").authority("shop.example:8080").client_address("192.0.2.7");
    let text = "${request.method} ${request.host} ${request.path}?${request.query} ${route} ${client.address} $$5";
    assert_eq!(rendered(text, &request), some("GET shop.example /a/b?x=1 orders 192.0.2.7 $5"));
}

#[test]
fn who_calls_has_a_name_and_tags_where_somebody_was_identified() {
    let _host = TestHost::new().consumer("alice", &["gold", "beta"], "key");
    let text = "${consumer.name:-nobody} (${consumer.tags:-none})";
    assert_eq!(rendered(text, &TestRequest::get("/")), some("nobody (none)"));
    assert_eq!(rendered(text, &TestRequest::get("/").consumer("alice")), some("alice (gold, beta)"));
}

#[test]
fn a_missing_value_leaves_no_text_at_all_unless_there_is_one_in_its_place() {
    assert_eq!(rendered("a${request.query}b", &TestRequest::get("/")), None);
    assert_eq!(rendered("a${request.query:-}b", &TestRequest::get("/")), some("ab"));
    let lenient = parse("a${request.query}b${request.query:-c}").unwrap().or_empty();
    assert_eq!(lenient.render(&TestRequest::get("/").view()), Some(b"abc".to_vec()));
}

#[test]
fn a_field_with_two_values_that_differ_has_none() {
    let once = TestRequest::get("/").header("x-tenant", "a").header("x-tenant", "a");
    assert_eq!(rendered("${request.header.X-Tenant}", &once), some("a"));
    assert_eq!(rendered("${request.header.x-tenant}", &once.header("x-tenant", "b")), None);
}

#[test]
fn the_host_of_an_ipv6_address_keeps_its_brackets() {
    for (authority, host) in [("[2001:db8::1]:80", "[2001:db8::1]"), ("[2001:db8::1]", "[2001:db8::1]"), ("a", "a")] {
        assert_eq!(rendered("${request.host}", &TestRequest::get("/").authority(authority)), some(host));
    }
}

#[test]
fn groups_of_a_pattern_go_by_their_number() {
    let template = Template::parse_with_captures("/${2}/${1:-x}", &[REQUEST], 2).unwrap();
    let request = TestRequest::get("/");
    let fill = |captures: &[Option<&str>]| template.fill(&request.view(), captures, super::plain);
    assert_eq!(fill(&[Some("a"), Some("b")]), Some(b"/b/a".to_vec()));
    assert_eq!(fill(&[None, Some("b")]), Some(b"/b/x".to_vec()));
    assert_eq!(fill(&[Some("a"), None]), None);
}

#[test]
fn a_value_is_escaped_and_the_text_around_it_is_not() {
    let template = parse("<${request.path}>").unwrap();
    let escape = |value: &[u8], text: &mut Vec<u8>| text.extend(value.iter().map(|_| b'*'));
    assert_eq!(template.fill(&TestRequest::get("/a").view(), &[], escape), Some(b"<**>".to_vec()));
}

#[test]
fn what_no_template_can_mean_is_said_in_words() {
    for (text, part) in [
        ("${request.pth}", "unknown name \"request.pth\"; known are request.id"),
        ("${}", "unknown name \"\""),
        ("${route", "has no end"),
        ("5$", "write `$$`"),
        ("${1}", "there is no pattern here"),
        ("${request.header.a b}", "is no header name"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    let error = Template::parse_with_captures("${3}", &[REQUEST], 2).unwrap_err();
    assert!(error.to_string().contains("${1} to ${2}"), "{error}");
}

proptest! {
    #[test]
    fn text_without_a_dollar_sign_is_itself(text in "[^$]*") {
        let template = parse(&text).unwrap();
        prop_assert_eq!(template.fixed(), Some(text.as_str()));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[${}:a1. -]{0,24}") {
        let _ = parse(&text);
    }
}

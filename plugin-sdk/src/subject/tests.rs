use proptest::prelude::*;

use super::*;
use crate::testing::{TestHost, TestRequest};

fn subject(json: &str) -> Subject {
    serde_json::from_str(json).unwrap()
}

fn key(json: &str, request: &TestRequest) -> Vec<u8> {
    subject(json).key_of(&request.view()).as_bytes().to_vec()
}

fn by_address(address: &str) -> Vec<u8> {
    key("\"client-address\"", &TestRequest::get("/").client_address(address))
}

fn by_tenant(value: &[u8]) -> Vec<u8> {
    key(r#"{"header":"X-Tenant"}"#, &TestRequest::get("/").header("x-tenant", value))
}

fn problem(json: &str) -> String {
    crate::problem::parse::<Subject>(json).unwrap_err().to_string()
}

#[test]
fn an_ipv4_address_counts_alone_however_it_is_written() {
    assert_eq!(by_address("192.0.2.7"), [b'4', 192, 0, 2, 7]);
    assert_eq!(by_address("::ffff:192.0.2.7"), by_address("192.0.2.7"));
    assert_ne!(by_address("192.0.2.8"), by_address("192.0.2.7"));
}

#[test]
fn addresses_of_one_ipv6_network_count_together() {
    assert_eq!(by_address("2001:db8:1:2:3::4"), by_address("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(by_address("2001:db8:1:3::4"), by_address("2001:db8:1:2::4"));
    assert_eq!(by_address("2001:db8::").len(), 9);
}

#[test]
fn without_a_consumer_the_address_counts() {
    let _host = TestHost::new().consumer("alice", &[], "key");
    let request = TestRequest::get("/").client_address("192.0.2.7");
    assert_eq!(key("\"consumer\"", &request), by_address("192.0.2.7"));
    assert_eq!(key("\"consumer\"", &request.consumer("alice")), [b'c', 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_header_value_that_is_no_plain_short_text_does_not_count() {
    assert_eq!(by_tenant(b"blue"), b"h\x04blue");
    assert_eq!(by_tenant(&[b'a'; 128]).len(), 130);
    for value in [&b""[..], b"a b", b"\xff", &[b'a'; 129], &[b'a'; 1000]] {
        assert_eq!(by_tenant(value), by_address("192.0.2.1"));
    }
}

#[test]
fn a_header_with_two_values_does_not_count() {
    let twice = |second| TestRequest::get("/").header("x-tenant", "blue").header("X-TENANT", second);
    let by = r#"{"header":"x-tenant"}"#;
    assert_eq!(key(by, &twice("green")), by_address("192.0.2.1"));
    assert_eq!(key(by, &twice("blue")), by_tenant(b"blue"));
}

#[test]
fn a_route_counts_for_all_its_clients() {
    let request = TestRequest::get("/").route("orders");
    assert_eq!(key("\"route\"", &request), b"r\x06orders");
    assert_eq!(key("\"route\"", &request.client_address("192.0.2.9")), b"r\x06orders");
}

#[test]
fn several_parts_count_together_where_all_are_the_same() {
    let by = r#"["client-address",{"header":"x-a"},{"header":"x-b"}]"#;
    let request = |a: &str, b: &str| TestRequest::get("/").header("x-a", a).header("x-b", b);
    assert_eq!(key(by, &request("1", "2")), b"4\xc0\x00\x02\x01h\x011h\x012");
    assert_ne!(key(by, &request("1h", "2")), key(by, &request("1", "h2")));
    assert_ne!(key(by, &request("1", "2")), key(by, &request("1", "2").client_address("192.0.2.9")));
}

#[test]
fn counters_of_one_subject_have_keys_of_their_own() {
    let key = subject("\"client-address\"").key_of(&TestRequest::get("/").view());
    assert_eq!(key.of_counter([1]), [b'4', 192, 0, 2, 1, 1]);
    assert_ne!(key.of_counter([2]), key.of_counter([1]));
}

#[test]
fn what_is_no_subject_is_told_with_its_place() {
    assert!(problem("\"everybody\"").starts_with("unknown variant `everybody`, expected one of `consumer`"));
    assert!(problem(r#"{"header":"host"}"#).starts_with("header: the header \"host\" belongs to the gateway"));
    assert!(problem(r#"["consumer",{"header":"a b"}]"#).starts_with("[1].header: "));
    assert_eq!(problem("[]"), "names 0 parts; 1 to 4 are possible");
    assert_eq!(problem(r#"["route","consumer","route"]"#), "names a part twice");
    assert!(problem("7").contains("expected \"consumer\", \"client-address\""));
}

proptest! {
    #[test]
    fn no_two_combinations_of_values_share_a_key(
        one in ["[!-~]{1,12}", "[!-~]{1,12}"], other in ["[!-~]{1,12}", "[!-~]{1,12}"]
    ) {
        let request = |[a, b]: &[String; 2]| {
            let request = TestRequest::get("/").header("x-a", a.as_str()).header("x-b", b.as_str());
            key(r#"[{"header":"x-a"},{"header":"x-b"}]"#, &request)
        };
        prop_assert_eq!(request(&one) == request(&other), one == other);
    }
}

use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Decision, RequestPolicy};

use super::IpRestriction;
use super::config::Config;

/// The status of the refusal; 0 where there is none.
fn refusal(config: &str, client: &str) -> u16 {
    let policy: IpRestriction = testing::configure(config).unwrap();
    match policy.on_request(&TestRequest::get("/").client_address(client).view()) {
        Decision::Respond(response) => response.status,
        Decision::Forward(_) => 0,
    }
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<IpRestriction>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn only_who_is_allowed_passes() {
    let config = r#"{"allow":["192.0.2.0/24","2001:db8::/32"]}"#;
    assert_eq!(refusal(config, "192.0.2.200"), 0);
    assert_eq!(refusal(config, "2001:db8:ffff::1"), 0);
    assert_eq!(refusal(config, "192.0.3.1"), 403);
    assert_eq!(refusal(config, "2001:db9::1"), 403);
}

#[test]
fn a_mapped_address_is_the_address_it_stands_for() {
    assert_eq!(refusal(r#"{"allow":["192.0.2.0/24"]}"#, "::ffff:192.0.2.1"), 0);
    assert_eq!(refusal(r#"{"deny":["192.0.2.0/24"]}"#, "::ffff:192.0.2.1"), 403);
    assert_eq!(refusal(r#"{"deny":["::ffff:192.0.2.0/120"]}"#, "192.0.2.1"), 403);
}

#[test]
fn who_is_denied_does_not_pass_though_allowed() {
    let config = r#"{"allow":["10.0.0.0/8"],"deny":["10.6.6.0/24"]}"#;
    assert_eq!(refusal(config, "10.6.5.255"), 0);
    assert_eq!(refusal(config, "10.6.6.6"), 403);
    let config = r#"{"deny":["10.0.0.0/8"],"allow":["10.6.6.6"]}"#;
    assert_eq!(refusal(config, "10.6.6.6"), 403, "the smaller network wins nothing");
}

#[test]
fn where_nobody_is_allowed_by_name_everybody_passes_but_the_denied() {
    assert_eq!(refusal(r#"{"deny":["203.0.113.7"],"status":404}"#, "203.0.113.7"), 404);
    assert_eq!(refusal(r#"{"deny":["203.0.113.7"]}"#, "203.0.113.8"), 0);
    assert_eq!(refusal(r#"{"deny":["0.0.0.0/0"]}"#, "2001:db8::1"), 0, "IPv6 is named by ::/0");
}

#[test]
fn what_a_request_claims_of_its_address_changes_nothing() {
    let policy: IpRestriction = testing::configure(r#"{"allow":["10.0.0.0/8"]}"#).unwrap();
    let request = TestRequest::get("/").client_address("203.0.113.7").header("x-forwarded-for", "10.0.0.1");
    assert!(matches!(policy.on_request(&request.header("x-real-ip", "10.0.0.1").view()), Decision::Respond(_)));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    assert_eq!(problems("{}"), ["restricts nothing; write `allow` or `deny`"]);
    assert_eq!(
        problems(r#"{"allow":[]}"#),
        ["allow: names nobody, so nobody would pass; leave it out to let all pass"]
    );
    assert!(problems(r#"{"allow":["10.0.0.0/8","10.1.2.3/8"]}"#)[0].starts_with("allow[1]: \"10.1.2.3/8\" has bits"));
    assert!(problems(r#"{"deny":["localhost"]}"#)[0].starts_with("deny[0]: \"localhost\" is no address"));
    assert!(problems(r#"{"deny":["::1"],"status":200}"#)[0].starts_with("status: 200 is no refusal"));
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

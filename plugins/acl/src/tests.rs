use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Forward, LocalResponse, RequestPolicy};

use super::Acl;
use super::config::Config;

fn host() -> TestHost {
    let host = TestHost::new().consumer("alice", &["gold", "beta"], "a").consumer("bob", &["silver"], "b");
    host.consumer("carol", &["gold", "blocked"], "c").consumer("dave", &[], "d")
}

fn decide(config: &str, request: &TestRequest) -> Decision {
    testing::configure::<Acl>(config).unwrap().on_request(&request.view())
}

fn passes(config: &str, consumer: &str) -> bool {
    match decide(config, &TestRequest::get("/").consumer(consumer)) {
        Decision::Forward(forward) => forward == Forward::default(),
        Decision::Respond(response) => {
            assert_eq!(response, LocalResponse::new(403));
            false
        }
    }
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<Acl>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_consumer_with_one_of_the_tags_passes() {
    let _host = host();
    let config = r#"{"allow":["gold","platinum"]}"#;
    assert!(passes(config, "alice") && passes(config, "carol"));
    assert!(!passes(config, "bob") && !passes(config, "dave"));
}

#[test]
fn a_consumer_with_a_denied_tag_does_not_pass_though_another_is_allowed() {
    let _host = host();
    let config = r#"{"allow":["gold"],"deny":["blocked"]}"#;
    assert!(passes(config, "alice") && !passes(config, "carol"));
}

#[test]
fn where_no_tag_is_allowed_by_name_every_consumer_passes_but_the_denied() {
    let _host = host();
    let config = r#"{"deny":["blocked"]}"#;
    assert!(passes(config, "alice") && passes(config, "bob") && passes(config, "dave"));
    assert!(!passes(config, "carol"));
}

#[test]
fn tags_are_compared_as_they_are_written() {
    let _host = host();
    for tag in ["Gold", "gol", "gold ", "gold,beta", "gold, beta", "alice"] {
        assert!(!passes(&format!(r#"{{"allow":["{tag}"]}}"#), "alice"), "{tag:?}");
    }
}

#[test]
fn who_is_nobody_is_told_to_say_who_it_is() {
    let _host = host();
    let expected = LocalResponse::new(401).header("www-authenticate", "Bearer");
    let claims = TestRequest::get("/").header("x-consumer-name", "alice").header("x-consumer-tags", "gold");
    for request in [TestRequest::get("/"), claims] {
        let config = r#"{"allow":["gold"],"challenge":"Bearer"}"#;
        assert_eq!(decide(config, &request), expected.clone().into());
        assert_eq!(decide(r#"{"deny":["x"],"challenge":"Bearer"}"#, &request), expected.clone().into());
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    assert_eq!(problems("{}"), ["restricts nothing; write `allow` or `deny`"]);
    assert_eq!(
        problems(r#"{"allow":["a",""],"deny":["a"],"challenge":"\n"}"#),
        [
            "allow[1]: must not be empty: no consumer has such a tag",
            "allow[0]: \"a\" is denied as well, so it would let nobody pass",
            "challenge: must be printable ASCII that begins with a scheme, such as \"Bearer\"",
        ]
    );
    assert_eq!(
        problems(r#"{"allow":[]}"#),
        ["allow: names no tag, so nobody would pass; leave it out to let all consumers pass"]
    );
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

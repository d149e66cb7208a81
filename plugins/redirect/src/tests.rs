use proptest::prelude::*;
use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Decision, RequestPolicy};

use super::Redirect;
use super::config::Config;

fn decide(config: &str, request: &TestRequest) -> Decision {
    let policy: Redirect = testing::configure(config).unwrap();
    policy.on_request(&request.view())
}

/// Status and address of a redirect; `None` where the request passes.
fn sent(config: &str, request: &TestRequest) -> Option<(u16, String)> {
    match decide(config, request) {
        Decision::Forward(_) => None,
        Decision::Respond(response) => {
            let location = response.headers.iter().find(|field| field.name == "location");
            let location = location.map(|field| String::from_utf8(field.value.clone()).unwrap());
            Some((response.status, location.unwrap_or_default()))
        }
    }
}

fn to(status: u16, location: &str) -> Option<(u16, String)> {
    Some((status, location.to_owned()))
}

fn shop(target: &str) -> TestRequest {
    TestRequest::get(target).authority("shop.example")
}

#[test]
fn plain_requests_are_sent_to_tls_and_others_pass() {
    let config = r#"{"scheme":"https","status":308}"#;
    assert_eq!(sent(config, &shop("/a%20b?x=1&y")), to(308, "https://shop.example/a%20b?x=1&y"));
    assert_eq!(sent(config, &shop("/a").scheme("https")), None);
}

#[test]
fn the_port_of_the_clear_does_not_go_along_to_tls() {
    let request = TestRequest::get("/").authority("[2001:db8::1]:8080");
    assert_eq!(sent(r#"{"scheme":"https"}"#, &request), to(307, "https://[2001:db8::1]/"));
}

#[test]
fn one_host_stands_for_all_names_and_is_not_sent_to_itself() {
    let config = r#"{"host":"www.shop.example","status":301}"#;
    assert_eq!(sent(config, &shop("/a")), to(301, "http://www.shop.example/a"));
    assert_eq!(sent(config, &TestRequest::get("/a").authority("WWW.Shop.Example")), None);
    assert_eq!(sent(config, &TestRequest::get("/a").authority("www.shop.example:80")), None);
}

#[test]
fn paths_go_by_prefix_expression_or_template() {
    let prefix = r#"{"path":{"prefix":"/old","to":"/new"}}"#;
    assert_eq!(sent(prefix, &shop("/old/a?b")), to(307, "http://shop.example/new/a?b"));
    assert_eq!(sent(prefix, &shop("/older")), None);
    let regex = r#"{"path":{"regex":"/p/([0-9]+)","to":"/products/${1}"},"query":"drop"}"#;
    assert_eq!(sent(regex, &shop("/p/7?ref=x")), to(307, "http://shop.example/products/7"));
    let template = r#"{"host":"help.example","path":{"to":"/${route}"}}"#;
    assert_eq!(sent(template, &shop("/x").route("orders")), to(307, "http://help.example/orders"));
}

#[test]
fn a_path_that_stays_as_it_is_goes_on_instead_of_round_in_circles() {
    assert_eq!(sent(r#"{"path":{"regex":"/(.*)","to":"/${1}"}}"#, &shop("/a")), None);
}

#[test]
fn no_path_sends_a_client_to_a_host_of_its_own() {
    for config in [
        r#"{"path":{"prefix":"/go","to":"/"}}"#,
        r#"{"path":{"regex":"/go(.*)","to":"${1}"}}"#,
        r#"{"scheme":"https"}"#,
    ] {
        for target in [
            "/go//evil.example",
            "/go/\\evil.example",
            "/go/%5cevil.example",
            "/go/@evil.example",
            "/go/..//evil.example",
        ] {
            if let Some((status, location)) = sent(config, &shop(target)) {
                let is_ours =
                    location.starts_with("http://shop.example/") || location.starts_with("https://shop.example/");
                assert!(status == 400 || is_ours, "{config} {target}: {location}");
                assert!(!location.contains("example//"), "{config} {target}: {location}");
            }
        }
    }
}

#[test]
fn a_host_that_is_none_is_refused_and_not_reflected() {
    for authority in ["", "shop.example@evil.example", "evil.example/", "a b", "shop.example:x"] {
        assert_eq!(sent(r#"{"scheme":"https"}"#, &TestRequest::get("/").authority(authority)), to(400, ""));
    }
}

#[test]
fn an_address_that_a_client_made_too_long_is_refused() {
    let config = r#"{"path":{"to":"${request.path}${request.path}${request.path}"}}"#;
    assert_eq!(sent(config, &shop(&format!("/{}", "a".repeat(6000)))), to(414, ""));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let problems = |config| -> Vec<String> {
        testing::configure::<Redirect>(config).unwrap_err().iter().map(ToString::to_string).collect()
    };
    assert!(problems("{}")[0].starts_with("sends nobody anywhere"));
    let found = problems(r#"{"host":"a/b","path":{"prefix":"x","to":"//evil"}}"#);
    let places: Vec<_> = found.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(places, ["host", "path.prefix", "path.to"]);
    assert_eq!(
        problems(r#"{"scheme":"https","status":303}"#),
        ["status: 303 sends nobody elsewhere; take 301, 302, 307 or 308"]
    );
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

proptest! {
    #[test]
    fn whatever_the_path_the_address_begins_with_our_host(path in "/[a-z/.%;@:\\\\0-9]{0,24}") {
        if let Some((307, location)) = sent(r#"{"scheme":"https","path":{"regex":"(.*)","to":"${1}"}}"#, &shop(&path)) {
            prop_assert!(location.starts_with("https://shop.example/") && !location.starts_with("https://shop.example//"));
        }
    }
}

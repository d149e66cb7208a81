use tidegate_plugin_sdk::testing::{self, TestRequest, TestResponse};
use tidegate_plugin_sdk::{Balancer, Candidate, Edit, Endpoint, ResponseDecision, ResponsePolicy};

use super::StickyCookie;
use super::config::Config;

const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

fn policy(more: &str) -> StickyCookie {
    let mut policy: StickyCookie = testing::configure(&format!("{{\"secret\":\"{SECRET}\"{more}}}")).unwrap();
    let endpoint = |index| Endpoint { address: format!("192.0.2.{index}:80"), weight: 1, zone: String::new() };
    policy.update((0..3).map(endpoint).collect());
    policy
}

/// The cookie that a response of this endpoint sets.
fn set(policy: &StickyCookie, request: &TestRequest, endpoint: &str) -> Option<String> {
    match policy.on_response(&request.view(), &TestResponse::new(200).endpoint(endpoint).view()) {
        ResponseDecision::Forward(edits) => match edits.as_slice() {
            [] => None,
            [Edit::Append(field)] if field.name == "set-cookie" => {
                Some(String::from_utf8(field.value.clone()).unwrap())
            }
            edits => panic!("{edits:?}"),
        },
        ResponseDecision::Replace(response) => panic!("replaced: {response:?}"),
    }
}

/// A client that was answered by this endpoint.
fn client_of(endpoint: &str) -> TestRequest {
    let cookie = set(&policy(""), &TestRequest::get("/"), endpoint).unwrap();
    TestRequest::get("/").header("cookie", format!("a=b; {}", cookie.split(';').next().unwrap()))
}

fn pick(policy: &mut StickyCookie, request: &TestRequest, endpoints: &[u32]) -> Option<usize> {
    let candidate = |endpoint: &u32| Candidate { endpoint: *endpoint, in_flight: 0, latency_us: 0 };
    policy.pick(&request.view(), &endpoints.iter().map(candidate).collect())
}

#[test]
fn a_client_comes_back_to_the_endpoint_that_answered_it() {
    let client = client_of("192.0.2.2:80");
    assert_eq!(pick(&mut policy(""), &client, &[0, 1, 2]), Some(2));
    assert_eq!(pick(&mut policy(""), &client, &[1, 2]), Some(1), "an index into the candidates");
}

#[test]
fn a_client_without_a_cookie_or_with_a_made_up_one_is_left_to_the_gateway() {
    for cookie in
        ["", "tidegate-endpoint=", "tidegate-endpoint=192.0.2.1:80", "tidegate-endpoint=00; tidegate-endpoint=11"]
    {
        assert_eq!(pick(&mut policy(""), &TestRequest::get("/").header("cookie", cookie), &[0, 1, 2]), None);
    }
    assert_eq!(pick(&mut policy(""), &TestRequest::get("/"), &[0, 1, 2]), None);
}

#[test]
fn an_endpoint_that_is_gone_or_may_not_be_picked_is_left_to_the_gateway() {
    let client = client_of("192.0.2.1:80");
    assert_eq!(pick(&mut policy(""), &client, &[0, 2]), None);
    let mut later = policy("");
    later.update(Vec::new());
    assert_eq!(pick(&mut later, &client, &[0]), None);
}

#[test]
fn the_cookie_is_set_where_it_is_new_and_only_then() {
    let client = client_of("192.0.2.1:80");
    assert_eq!(set(&policy(""), &client, "192.0.2.1:80"), None);
    let moved = set(&policy(""), &client, "192.0.2.0:80").unwrap();
    let attributes = moved.split_once(';').unwrap().1;
    assert_eq!(attributes, " Path=/; SameSite=Lax; HttpOnly");
}

#[test]
fn the_operator_chooses_the_attributes() {
    let more = r#","name":"__Host-at","secure":"always","same_site":"none","max_age":3600"#;
    let cookie = set(&policy(more), &TestRequest::get("/"), "192.0.2.1:80").unwrap();
    assert!(cookie.starts_with("__Host-at="));
    assert!(cookie.ends_with("; Path=/; Max-Age=3600; SameSite=None; HttpOnly; Secure"), "{cookie}");
    let tls = TestRequest::get("/").scheme("https");
    assert!(set(&policy(""), &tls, "a:1").unwrap().ends_with("; Secure"));
    assert!(!set(&policy(r#","secure":"never""#), &tls, "a:1").unwrap().contains("Secure"));
}

#[test]
fn the_cookie_tells_nothing_of_the_address_and_depends_on_the_secret() {
    let cookie = set(&policy(""), &TestRequest::get("/"), "192.0.2.1:80").unwrap();
    assert!(!cookie.contains("192"), "{cookie}");
    let other: StickyCookie = testing::configure(r#"{"secret":"000102030405060708090a0b0c0d0e10"}"#).unwrap();
    assert_ne!(set(&other, &TestRequest::get("/"), "192.0.2.1:80").unwrap(), cookie);
}

#[test]
fn what_no_endpoint_answered_sets_no_cookie() {
    let policy = policy("");
    let decision = policy.on_response(&TestRequest::get("/").view(), &TestResponse::new(503).view());
    assert_eq!(decision, ResponseDecision::Forward(Vec::new()));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let places = |config: &str| -> Vec<String> {
        testing::configure::<StickyCookie>(config).unwrap_err().iter().map(|problem| problem.path.clone()).collect()
    };
    let config = r#"{"secret":"+0102030405060708090a0b0c0d0e0f0","name":"a b","path":"x;y","same_site":"none"}"#;
    assert_eq!(places(config), ["secret", "name", "path", "same_site"]);
    for name in ["__Host-a", "__Secure-a", ""] {
        assert_eq!(places(&format!("{{\"secret\":\"{SECRET}\",\"name\":\"{name}\"}}")), ["name"]);
    }
    assert_eq!(places("{}"), [""]);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

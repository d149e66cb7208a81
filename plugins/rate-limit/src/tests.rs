use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Algorithm, Limit, LimitPolicy, Limits};

use super::RateLimit;
use super::config::Config;

fn policy(config: &str) -> RateLimit {
    testing::configure(config).unwrap()
}

fn limits(config: &str, request: &TestRequest) -> Vec<Limit> {
    policy(config).limits_of(&request.view()).all
}

fn keys(policy: &RateLimit, request: &TestRequest) -> Vec<Vec<u8>> {
    policy.limits_of(&request.view()).all.into_iter().map(|limit| limit.key).collect()
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<RateLimit>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_request_takes_one_unit_of_the_only_limit() {
    let expected = Limit {
        key: vec![b'4', 192, 0, 2, 1],
        units: 100,
        window_ms: 60_000,
        algorithm: Algorithm::Gcra(20),
        cost: 1,
        name: "default".to_owned(),
    };
    let policy = policy(r#"{"limit":100,"window":"1m","burst":20}"#);
    let said = policy.limits_of(&TestRequest::get("/").view());
    assert_eq!(said, Limits { all: vec![expected], advertise: true });
}

#[test]
fn a_burst_that_is_not_written_is_the_limit() {
    let algorithms = |config| limits(config, &TestRequest::get("/")).into_iter().map(|limit| limit.algorithm).collect();
    let written: Vec<_> = [r#"{"limit":60,"window":"1m"}"#, r#"{"limit":60,"window":"1m","algorithm":"sliding"}"#]
        .into_iter()
        .flat_map(|config| -> Vec<_> { algorithms(config) })
        .collect();
    assert_eq!(written, [Algorithm::Gcra(60), Algorithm::Sliding]);
}

#[test]
fn the_shortest_window_comes_first() {
    let config =
        r#"{"limits":[{"limit":5,"window":"1h","algorithm":"window"},{"limit":1,"window":"1s","name":"burst"}]}"#;
    let all = limits(config, &TestRequest::get("/"));
    let shown: Vec<_> = all.iter().map(|limit| (limit.name.as_str(), limit.units, limit.window_ms)).collect();
    assert_eq!(shown, [("burst", 1, 1_000), ("1h", 5, 3_600_000)]);
}

#[test]
fn limits_of_one_subject_count_apart() {
    let policy = policy(r#"{"limits":[{"limit":5,"window":"1h"},{"limit":1,"window":"1s"}]}"#);
    let keys = keys(&policy, &TestRequest::get("/"));
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn fields_can_be_switched_off() {
    let policy = policy(r#"{"limit":1,"window":"1s","headers":false}"#);
    assert!(!policy.limits_of(&TestRequest::get("/").view()).advertise);
}

#[test]
fn a_method_may_cost_more_than_others_or_nothing() {
    let policy = policy(r#"{"limit":10,"window":"1h","cost":2,"cost_by_method":{"POST":6,"OPTIONS":0}}"#);
    let costs = |method: &str| -> Vec<u32> {
        policy.limits_of(&TestRequest::new(method, "/").view()).all.iter().map(|limit| limit.cost).collect()
    };
    assert_eq!([costs("POST"), costs("GET")], [[6], [2]]);
    assert_eq!(costs("post"), [2], "methods are told apart by case");
    assert!(costs("OPTIONS").is_empty());
}

#[test]
fn a_combination_counts_where_all_its_parts_are_the_same() {
    let policy = policy(r#"{"limit":1,"window":"1h","by":["client-address","route"]}"#);
    let orders = TestRequest::get("/").route("orders");
    let key = keys(&policy, &orders);
    assert_eq!(keys(&policy, &orders), key);
    assert_ne!(keys(&policy, &orders.clone().route("items")), key);
    assert_ne!(keys(&policy, &orders.client_address("192.0.2.9")), key);
}

#[test]
fn the_longest_key_is_one_that_the_gateway_takes() {
    let by = r#"[{"header":"x-a"},{"header":"x-b"},{"header":"x-c"},{"header":"x-d"}]"#;
    let config = format!(r#"{{"by":{by},"limits":[{{"limit":1,"window":"1s"}},{{"limit":1,"window":"2s"}}]}}"#);
    let long = "v".repeat(128);
    let request = ["x-a", "x-b", "x-c", "x-d"]
        .iter()
        .fold(TestRequest::get("/"), |request, name| request.header(name, long.as_str()));
    let longest = limits(&config, &request).iter().map(|limit| limit.key.len()).max();
    assert_eq!(longest, Some(4 * (2 + 128) + 4));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    assert_eq!(
        problems(r#"{"limit":0,"window":"1s","algorithm":"window","burst":3,"name":""}"#),
        [
            "limit: must be at least 1",
            "burst: has a meaning only with `algorithm = \"gcra\"`",
            "name: must be 1 to 64 characters of printable ASCII without quotes and backslashes",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_shape_is_named_with_its_place() {
    assert!(problems(r#"{"limit":1,"window":"soon"}"#)[0].starts_with("window: \"soon\" is no length of time"));
    assert!(problems(r#"{"limit":1,"window":"1s","by":{"header":"host"}}"#)[0].starts_with("by.header: "));
    assert_eq!(problems(r#"{"window":"1s"}"#), ["missing field `limit`"]);
    assert_eq!(problems(r#"{"limits":[{"window":"1s"}]}"#), ["limits[0]: missing field `limit`"]);
    assert!(problems(r#"{"limit":1,"window":"1s","by":["route",{"header":"a b"}]}"#)[0].starts_with("by[1].header: "));
}

#[test]
fn limits_are_written_in_one_way_or_in_the_other() {
    assert_eq!(
        problems(r#"{"window":"1s","limits":[{"limit":1,"window":"1s"}]}"#),
        ["window: cannot stand beside `limits`: each item has its own"]
    );
}

#[test]
fn limits_that_cannot_be_told_apart_are_refused() {
    assert_eq!(
        problems(
            r#"{"limits":[{"limit":1,"window":"60s"},{"limit":0,"window":"1m"},{"limit":9,"window":"1m","algorithm":"window"}]}"#
        ),
        [
            "limits[1].limit: must be at least 1",
            "limits[1].window: another limit has this window and this algorithm",
            "limits[2].name: another limit is called \"1m\"",
        ]
    );
    let nine: Vec<_> = (1..10).map(|n| format!(r#"{{"limit":1,"window":"{n}s"}}"#)).collect();
    assert_eq!(problems(&format!(r#"{{"limits":[{}]}}"#, nine.join(","))), ["limits: may hold at most 8 limits"]);
}

#[test]
fn a_cost_that_no_request_could_pay_is_refused() {
    assert_eq!(
        problems(r#"{"limit":10,"window":"1s","burst":4,"cost":0,"cost_by_method":{"POST":5,"get":1}}"#),
        [
            "cost: must be at least 1; `cost_by_method` may say 0",
            "cost_by_method.POST: no request would ever pass: 4 units is the most that can be taken at once",
            "cost_by_method.get: is no method; write it in capitals, such as POST",
        ]
    );
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Balancer, Candidate, Endpoint};

use super::Canary;
use super::config::Config;

/// Two old endpoints, and one in the zone `new`.
fn policy(config: &str) -> Canary {
    let mut policy: Canary = testing::configure(config).unwrap();
    let endpoint = |(index, zone): (u32, &str)| Endpoint {
        address: format!("192.0.2.{index}:80"),
        weight: 1,
        zone: zone.to_owned(),
    };
    policy.update((0..).zip(["", "old", "new"]).map(endpoint).collect());
    policy
}

fn pick_among(policy: &mut Canary, request: &TestRequest, endpoints: &[u32]) -> Option<usize> {
    let candidate = |endpoint: &u32| Candidate { endpoint: *endpoint, in_flight: 0, latency_us: 0 };
    policy.pick(&request.view(), &endpoints.iter().map(candidate).collect())
}

fn is_tried(policy: &mut Canary, request: &TestRequest) -> bool {
    pick_among(policy, request, &[0, 1, 2]) == Some(2)
}

fn client(number: u32) -> TestRequest {
    let [a, b, c, d] = number.to_be_bytes();
    TestRequest::get("/").client_address(&format!("{}.{b}.{c}.{d}", a | 10))
}

#[test]
fn the_share_is_as_large_as_it_is_said_to_be() {
    for (percent, least, most) in [("100", 10_000, 10_000), ("10", 900, 1100), ("0.5", 25, 80)] {
        let mut policy = policy(&format!("{{\"zone\":\"new\",\"percent\":{percent}}}"));
        let tried = (0..10_000).filter(|number| is_tried(&mut policy, &client(*number))).count();
        assert!((least..=most).contains(&tried), "{percent} %: {tried} of 10000");
    }
}

#[test]
fn a_client_is_always_sent_the_same_way_and_stays_when_the_share_grows() {
    let mut policies =
        [r#"{"zone":"new","percent":20}"#, r#"{"zone":"new","percent":20}"#, r#"{"zone":"new","percent":40}"#]
            .map(policy);
    for number in 0..500 {
        let [one, other, more] = policies.each_mut().map(|policy| is_tried(policy, &client(number)));
        assert_eq!(one, other);
        assert!(!one || more, "whoever was there stays there");
    }
}

#[test]
fn another_salt_chooses_other_clients() {
    let mut policies = [r#"{"zone":"new","percent":50}"#, r#"{"zone":"new","percent":50,"salt":"b"}"#].map(policy);
    let differ = (0..1000).filter(|number| {
        let [one, other] = policies.each_mut().map(|policy| is_tried(policy, &client(*number)));
        one != other
    });
    assert!((300..700).contains(&differ.count()));
}

#[test]
fn all_addresses_of_a_network_of_ipv6_are_one_client() {
    let mut policy = policy(r#"{"zone":"new","percent":50,"by":"client-address"}"#);
    for network in 0..50 {
        let at = |host| TestRequest::get("/").client_address(&format!("2001:db8:0:{network:x}::{host}"));
        assert_eq!(is_tried(&mut policy, &at("1")), is_tried(&mut policy, &at("ffff:2")));
    }
}

#[test]
fn a_consumer_and_a_header_are_one_client_from_wherever_they_come() {
    let _host = TestHost::new().consumer("alice", &[], "a").consumer("bob", &[], "b");
    let mut by_consumer = policy(r#"{"zone":"new","percent":50}"#);
    let mut by_header = policy(r#"{"zone":"new","percent":50,"by":{"header":"x-tenant"}}"#);
    for number in 0..20 {
        assert_eq!(
            is_tried(&mut by_consumer, &client(number).consumer("alice")),
            is_tried(&mut by_consumer, &client(0).consumer("alice"))
        );
        assert_eq!(
            is_tried(&mut by_header, &client(number).header("x-tenant", "t")),
            is_tried(&mut by_header, &client(0).header("x-tenant", "t"))
        );
    }
}

#[test]
fn who_is_included_goes_there_and_who_is_excluded_never_does() {
    let _host = TestHost::new().consumer("alice", &["beta"], "a").consumer("bob", &[], "b");
    let config = r#"{"zone":"new","include":{"tags":["beta"],"headers":{"x-canary":"1"}},"exclude":{"consumers":["bob"],"headers":{"x-canary":"0"}}}"#;
    let mut policy = policy(config);
    let get = || TestRequest::get("/");
    assert!(is_tried(&mut policy, &get().consumer("alice")));
    assert!(is_tried(&mut policy, &get().header("X-Canary", "1")));
    for other in [
        get(),
        get().consumer("alice").header("x-canary", "0"),
        get().consumer("bob").header("x-canary", "1"),
        get().header("x-canary", "1").header("x-canary", "2"),
    ] {
        assert!(!is_tried(&mut policy, &other), "{other:?}");
    }
}

#[test]
fn the_others_take_turns_where_they_belong() {
    let mut policy = policy(r#"{"zone":"new","include":{"headers":{"x-canary":"1"}}}"#);
    let picks: Vec<_> = (0..4).map(|_| pick_among(&mut policy, &TestRequest::get("/"), &[0, 1, 2])).collect();
    assert_eq!(picks, [Some(0), Some(1), Some(0), Some(1)]);
}

#[test]
fn where_the_zone_has_nobody_its_clients_are_served_by_the_others() {
    let mut policy = policy(r#"{"zone":"new","percent":100}"#);
    assert_eq!(pick_among(&mut policy, &TestRequest::get("/"), &[1]), Some(0));
}

#[test]
fn where_only_the_zone_is_left_the_choice_is_the_gateways() {
    let mut policy = policy(r#"{"zone":"new","include":{"tags":["beta"]}}"#);
    assert_eq!(pick_among(&mut policy, &TestRequest::get("/"), &[2]), None);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let places = |config: &str| -> Vec<String> {
        testing::configure::<Canary>(config).unwrap_err().iter().map(|problem| problem.path.clone()).collect()
    };
    assert_eq!(
        places(r#"{"zone":"","percent":101,"exclude":{"headers":{"a b":"1"}}}"#),
        ["zone", "percent", "exclude.headers.a b"]
    );
    assert_eq!(places(r#"{"zone":"new"}"#), [""]);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

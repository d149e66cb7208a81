use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Decision, LocalResponse, RequestPolicy};

use super::BotRules;
use super::config::Config;

const SCANNERS: &str = r#"{"rules":[{"deny":["sqlmap|nikto","^curl/"]}]}"#;

fn passes(config: &str, request: &TestRequest) -> bool {
    let policy: BotRules = testing::configure(config).unwrap();
    match policy.on_request(&request.view()) {
        Decision::Forward(_) => true,
        Decision::Respond(response) => {
            assert_eq!(response, LocalResponse::new(403));
            false
        }
    }
}

fn agent(value: impl Into<Vec<u8>>) -> TestRequest {
    TestRequest::get("/").header("user-agent", value)
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<BotRules>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn an_agent_that_matches_is_refused_in_whatever_letters() {
    assert!(passes(SCANNERS, &agent("Mozilla/5.0")));
    for value in ["sqlmap/1.7", "SQLMAP", "Mozilla/5.0 (Nikto)", "CURL/8.5.0"] {
        assert!(!passes(SCANNERS, &agent(value)), "{value}");
    }
    assert!(passes(SCANNERS, &agent("libcurl/8")), "the pattern says where it begins");
}

#[test]
fn who_leaves_the_agent_out_passes_no_rule() {
    for request in [TestRequest::get("/"), agent(""), agent(" \t "), agent("Mozilla/5.0").header("user-agent", "")] {
        assert!(!passes(SCANNERS, &request));
        assert!(passes(r#"{"rules":[{"deny":["sqlmap"],"missing":"allow"}]}"#, &request));
    }
}

#[test]
fn every_value_has_to_pass() {
    assert!(!passes(SCANNERS, &agent("Mozilla/5.0").header("User-Agent", "sqlmap")));
    assert!(!passes(SCANNERS, &agent("sqlmap").header("user-agent", "Mozilla/5.0")));
    let browsers = r#"{"rules":[{"allow":["^Mozilla/"]}]}"#;
    assert!(!passes(browsers, &agent("Mozilla/5.0").header("user-agent", "other")));
}

#[test]
fn only_what_is_allowed_passes_and_denying_wins() {
    let config = r#"{"rules":[{"allow":["^Mozilla/","^app/"],"deny":["bot"],"except":["googlebot"]}]}"#;
    assert!(passes(config, &agent("app/7")) && passes(config, &agent("Mozilla/5.0 (compatible; Googlebot/2.1)")));
    assert!(!passes(config, &agent("curl/8")));
    assert!(!passes(config, &agent("Mozilla/5.0 (EvilBot)")));
    assert!(!passes(config, &agent("Googlebot")), "an exception from `deny` is none from `allow`");
}

#[test]
fn all_rules_have_to_let_a_request_pass() {
    let config = r#"{"rules":[{"deny":["sqlmap"]},{"header":"X-Scanner","deny":["."],"missing":"allow"}]}"#;
    assert!(passes(config, &agent("Mozilla/5.0")));
    assert!(!passes(config, &agent("Mozilla/5.0").header("x-scanner", "acunetix")));
    assert!(!passes(config, &agent("sqlmap")));
}

#[test]
fn a_value_that_is_no_text_is_matched_all_the_same() {
    assert!(!passes(SCANNERS, &agent(b"\xff\xfe sqlmap")));
    assert!(!passes(SCANNERS, &agent("sqlmap\u{e9}")));
}

#[test]
fn a_value_too_long_to_be_honest_is_refused() {
    assert!(passes(SCANNERS, &agent(vec![b'a'; 2048])));
    assert!(!passes(SCANNERS, &agent(vec![b'a'; 2049])));
    assert!(!passes(SCANNERS, &agent(vec![b'a'; 2000]).header("user-agent", vec![b'a'; 2000])));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    assert_eq!(problems(r#"{"rules":[]}"#), ["rules: must hold a rule; without one every request would pass"]);
    assert_eq!(
        problems(
            r#"{"rules":[{"deny":["a","("],"except":[")"]},{"allow":[],"except":["x"]},{"missing":"allow"},{"deny":[""]}]}"#
        ),
        [
            "rules[0].deny[1]: \"(\" is no pattern: unclosed group",
            "rules[0].except[0]: \")\" is no pattern: unopened group",
            "rules[1].allow: matches nothing; leave it out to let every value pass",
            "rules[1].except: has a meaning only beside `deny`",
            "rules[2]: refuses nothing; write `allow`, `deny` or `missing = \"deny\"`",
            "rules[3].deny[0]: must have 1 to 1024 bytes",
        ]
    );
    let many = vec!["\"a\""; 201].join(",");
    assert_eq!(problems(&format!(r#"{{"rules":[{{"deny":[{many}]}}]}}"#)), ["rules[0]: may hold at most 200 patterns"]);
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

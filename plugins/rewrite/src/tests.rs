use proptest::prelude::*;
use tidegate_plugin_sdk::path::is_canonical;
use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Decision, RequestPolicy};

use super::Rewrite;
use super::config::Config;

/// The target asked of the upstream, `None` where it stays as it is; or the status of a refusal.
fn rewritten(config: &str, target: &str) -> Result<Option<String>, u16> {
    let policy: Rewrite = testing::configure(config).unwrap();
    match policy.on_request(&TestRequest::get(target).header("x-tenant", "a b&c=d").view()) {
        Decision::Forward(forward) => Ok(forward.target),
        Decision::Respond(response) => Err(response.status),
    }
}

fn to(target: &str) -> Result<Option<String>, u16> {
    Ok(Some(target.to_owned()))
}

#[test]
fn the_first_rule_that_fits_changes_the_path_and_the_query_goes_along() {
    let config = r#"{"path":[{"regex":"/users/([0-9]+)","to":"/u/${1}"},{"prefix":"/users","to":"/people"},{"prefix":"/","to":"/x"}]}"#;
    assert_eq!(rewritten(config, "/users/7?a=%20b"), to("/u/7?a=%20b"));
    assert_eq!(rewritten(config, "/users/bob"), to("/people/bob"));
    assert_eq!(rewritten(config, "/other"), to("/x/other"));
}

#[test]
fn a_path_that_no_rule_fits_stays_as_it_is() {
    assert_eq!(rewritten(r#"{"path":[{"prefix":"/api","to":"/"}]}"#, "/apis//x?y"), Ok(None));
}

#[test]
fn parameters_are_removed_set_and_added_and_the_others_stay_byte_for_byte() {
    let config = r#"{"query":{"remove":["debug"],"set":{"tenant":"${request.header.x-tenant}"},"add":{"via":"edge"}}}"#;
    let target = "/a?x=%2f+y&debug=1&tenant=root&&via=1&flag";
    assert_eq!(rewritten(config, target), to("/a?x=%2f+y&via=1&flag&tenant=a%20b%26c%3Dd&via=edge"));
}

#[test]
fn a_parameter_is_found_however_its_name_is_encoded() {
    let config = r#"{"query":{"remove":["debug"]}}"#;
    assert_eq!(rewritten(config, "/a?%64%65bug=1&b=2"), to("/a?b=2"));
    assert_eq!(rewritten(config, "/a?debug"), to("/a"));
    assert_eq!(rewritten(config, "/a?debugger=1"), Ok(None));
}

#[test]
fn a_parameter_hidden_behind_a_semicolon_is_refused() {
    let config = r#"{"query":{"remove":["debug"]}}"#;
    assert_eq!(rewritten(config, "/a?b=1;debug=1"), Err(400));
    assert_eq!(rewritten(config, "/a?b=1;c=1"), Ok(None));
}

#[test]
fn a_parameter_set_to_nothing_is_taken_out() {
    let config = r#"{"query":{"set":{"user":"${request.header.x-user}"},"add":{"more":"${request.header.x-user}"}}}"#;
    assert_eq!(rewritten(config, "/a?user=root"), to("/a"));
}

#[test]
fn a_path_that_would_be_read_differently_is_refused() {
    let config = r#"{"path":[{"regex":"/files(.*)","to":"/public/${1}"}]}"#;
    for target in ["/files../secret", "/files..%2fsecret", "/files%2e%2e/secret", "/files..;/secret"] {
        assert_eq!(rewritten(config, target), Err(400), "{target}");
    }
}

#[test]
fn a_target_that_a_client_made_too_long_is_refused() {
    let config = r#"{"query":{"set":{"a":"${request.path}","b":"${request.path}","c":"${request.path}"}}}"#;
    assert_eq!(rewritten(config, &format!("/{}", "a".repeat(5000))), Err(414));
    assert!(rewritten(config, &format!("/{}", "a".repeat(3000))).is_ok());
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let problems = |config| -> Vec<String> {
        testing::configure::<Rewrite>(config).unwrap_err().iter().map(|problem| problem.path.clone()).collect()
    };
    assert_eq!(problems("{}"), [""]);
    let config =
        r#"{"path":[{"to":"/ok"},{"regex":"(","to":"x"}],"query":{"remove":[""],"set":{"a":"${b}"},"add":{"c":"$"}}}"#;
    assert_eq!(problems(config), ["path[1].regex", "path[1].to", "query.remove[0]", "query.set.a", "query.add.c"]);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}

proptest! {
    #[test]
    fn whatever_a_client_sends_the_path_is_canonical_or_untouched(path in "/[a-z/.%25ef;\\\\]{0,16}", query in "[a-z=&;%+]{0,16}") {
        let config = r#"{"path":[{"prefix":"/a","to":"/"},{"regex":"(.*)e(.*)","to":"/${1}${2}"}],"query":{"remove":["b"]}}"#;
        if let Ok(Some(target)) = rewritten(config, &format!("{path}?{query}")) {
            let after = target.split('?').next().unwrap();
            prop_assert!(after == path || is_canonical(after), "{}", after);
        }
    }

    #[test]
    fn no_parameter_that_is_removed_gets_through(query in "[ab=&%621+]{0,24}") {
        let before = format!("/?{query}");
        if let Ok(target) = rewritten(r#"{"query":{"remove":["b"]}}"#, &before) {
            let after = target.unwrap_or(before);
            let left = TestRequest::get(&after).view().query_values("b");
            prop_assert!(left.is_empty(), "{}", after);
        }
    }
}

//! Tokens in the right place, in the wrong one, and in two.

use super::{GOOD, answer, bearer, config, decide, host};
use tidegate_plugin_sdk::testing::TestRequest;
use tidegate_plugin_sdk::{Decision, Edit};

fn passes(more: &str, request: &TestRequest) -> bool {
    let _host = host(GOOD);
    matches!(decide(&config(more), request), Decision::Forward(_))
}

fn get(target: &str) -> TestRequest {
    TestRequest::get(target)
}

#[test]
fn the_scheme_has_no_case() {
    for field in ["Bearer token", "bearer token", "BEARER   token"] {
        assert!(passes("", &get("/").header("authorization", field)), "{field}");
    }
}

#[test]
fn what_is_not_a_bearer_token_is_none() {
    for field in
        ["token", "Bearer", "Bearer ", "Bearertoken", "Basic token", "Bearer token, Bearer token", "Bearer token x"]
    {
        assert!(!passes("", &get("/").header("authorization", field)), "{field}");
    }
}

#[test]
fn a_token_in_a_place_that_is_not_configured_is_none() {
    let places = [
        get("/?access_token=token"),
        get("/").header("cookie", "token=token"),
        get("/").header("x-token", "token"),
        get("/").header("proxy-authorization", "Bearer token"),
    ];
    for request in places {
        assert!(!passes("", &request));
    }
}

#[test]
fn other_places_count_where_they_are_configured() {
    let more = r#","cookie":"session","query":"access_token""#;
    assert!(passes(more, &get("/?access_token=token")));
    assert!(passes(more, &get("/?access%5Ftoken=%74oken")));
    assert!(passes(more, &get("/").header("cookie", "a=b; session=token ;c=d")));
    assert!(passes(more, &get("/").header("cookie", "a=b").header("cookie", "session=token")));
    assert!(!passes(more, &get("/").header("cookie", "xsession=token; Session=token; session token")));
    assert!(passes(r#","header":"x-token""#, &get("/").header("X-Token", "token")));
    assert!(!passes(r#","header":"x-token""#, &bearer("token")));
}

#[test]
fn two_tokens_that_differ_are_refused_though_both_are_right() {
    let more = r#","cookie":"session","query":"t""#;
    let two = [
        bearer("token").header("authorization", "Bearer other"),
        bearer("token").header("cookie", "session=other"),
        TestRequest::get("/?t=other").header("authorization", "Bearer token"),
        get("/?t=token&t=other"),
        get("/").header("cookie", "session=token; session=other"),
    ];
    for request in two {
        let _host = host(GOOD);
        assert_eq!(answer(more, &request).status, 400);
    }
    assert!(passes(more, &bearer("token").header("cookie", "session=token")), "the same token twice is one");
}

#[test]
fn the_upstream_sees_the_token_unless_it_is_hidden() {
    let _host = host(GOOD);
    let edits = |more| match decide(&config(more), &bearer("token")) {
        Decision::Forward(forward) => forward.request,
        Decision::Respond(response) => panic!("refused: {response:?}"),
    };
    assert_eq!(edits(""), []);
    assert_eq!(edits(r#","hide":true"#), [Edit::remove("authorization")]);
}

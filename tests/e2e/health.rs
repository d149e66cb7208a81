//! Active checks: who is taken out, who comes back, what survives a reload.

use crate::harness::sections::upstream_with;
use crate::harness::{Answer, Gateway, Origin, Reply, Request, Setup, route};

const QUICK: &str = "[upstream.health]\npath = \"/health\"\ninterval = \"20ms\"\ntimeout = \"5s\"\n\
                     successes = 2\nhttp_failures = 2\ntcp_failures = 2\n";

/// One check at the start, and no other while a test runs.
const ONCE: &str = "[upstream.health]\npath = \"/health\"\ninterval = \"1h\"\nhttp_failures = 1\n";

fn file(checks: &str, origins: &[&Origin]) -> String {
    let endpoints: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    upstream_with("shop", checks, &endpoints) + &route("all", "shop", "")
}

async fn checked(checks: &str, origins: &[&Origin]) -> Gateway {
    Setup::new(file(checks, origins)).start().await
}

/// Answers checks with this status and all else well.
fn answer_checks(origin: &Origin, status: u16) {
    let name = origin.name().to_owned();
    origin.script(move |seen| match seen.target() {
        "/health" => Reply::new(status).into(),
        _ => Reply::ok(name.clone()).field("x-origin", &name).into(),
    });
}

async fn asked(gateway: &Gateway, count: usize) -> Vec<String> {
    let mut client = gateway.client().await;
    let mut names = Vec::new();
    for _ in 0..count {
        let answer = client.call(&Request::get("/")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        names.push(answer.text());
    }
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn an_endpoint_that_answers_badly_is_taken_out_and_comes_back() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let gateway = checked(QUICK, &[&a, &b]).await;
    assert_eq!(asked(&gateway, 4).await, ["a", "b"]);
    answer_checks(&a, 500);
    gateway.admin().until_healthy("shop", a.address(), false).await;
    assert_eq!(asked(&gateway, 6).await, ["b"]);
    answer_checks(&a, 200);
    gateway.admin().until_healthy("shop", a.address(), true).await;
    assert_eq!(asked(&gateway, 4).await, ["a", "b"]);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_taken_out_and_comes_back() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let gateway = checked(QUICK, &[&a, &b]).await;
    a.stop().await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    assert_eq!(asked(&gateway, 6).await, ["b"]);
    a.listen().await;
    gateway.admin().until_healthy("shop", a.address(), true).await;
    assert_eq!(asked(&gateway, 4).await, ["a", "b"]);
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_taken_out() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let gateway = checked(&QUICK.replace("\"5s\"", "\"50ms\""), &[&a, &b]).await;
    a.answer(Answer::hang());
    gateway.admin().until_healthy("shop", a.address(), false).await;
    assert_eq!(asked(&gateway, 6).await, ["b"]);
}

#[tokio::test]
async fn checks_share_a_connection_unless_each_is_to_have_its_own() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let file = upstream_with("shop", QUICK, &[(&a, 100)])
        + &upstream_with("stock", &(QUICK.to_owned() + "reuse_connection = false\n"), &[(&b, 100)])
        + &route("all", "shop", "");
    let _gateway = Setup::new(file).start().await;
    for origin in [&a, &b] {
        origin.until("three checks", |seen| seen.len() >= 3).await;
    }
    let connections = |origin: &Origin| origin.requests()[..3].iter().map(|seen| seen.connection).collect::<Vec<_>>();
    assert_eq!((connections(&a), connections(&b)), (vec![1, 1, 1], vec![1, 2, 3]));
    assert!(a.requests()[0].field("connection").is_none());
    assert_eq!(b.requests()[0].field("connection"), Some("close"));
}

#[tokio::test]
async fn requests_are_answered_503_while_no_endpoint_is_healthy() {
    let a = Origin::named("a").await;
    let gateway = checked(QUICK, &[&a]).await;
    answer_checks(&a, 500);
    gateway.admin().until_healthy("shop", a.address(), false).await;
    assert_eq!(gateway.get("/").await.status(), 503);
    answer_checks(&a, 200);
    gateway.admin().until_healthy("shop", a.address(), true).await;
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn health_survives_a_reload() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    answer_checks(&a, 500);
    let gateway = checked(ONCE, &[&a, &b]).await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    answer_checks(&a, 200);
    let more = route("more", "shop", "path = { prefix = \"/more\" }");
    let before = gateway.admin().generation().await;
    gateway.take_over(file(ONCE, &[&a, &b]) + &more).await;
    assert!(gateway.admin().generation().await > before);
    assert_eq!(asked(&gateway, 6).await, ["b"], "no new check was made, so the old verdict holds");
    assert_eq!(a.count("/health"), 1);
}

#[tokio::test]
async fn an_endpoint_whose_checks_go_away_serves_again() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    answer_checks(&a, 500);
    let gateway = checked(ONCE, &[&a, &b]).await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    gateway.take_over(file("", &[&a, &b])).await;
    assert_eq!(asked(&gateway, 4).await, ["a", "b"]);
}

#[tokio::test]
async fn a_check_says_who_asks_and_under_which_host() {
    let a = Origin::named("a").await;
    let _gateway = checked(&ONCE.replace("path", "host = \"inventory.internal\"\npath"), &[&a]).await;
    a.until("a check", |seen| seen.iter().any(|seen| seen.target() == "/health")).await;
    let check = a.only_request();
    assert_eq!((check.method(), check.field("host")), ("GET", Some("inventory.internal")));
    assert!(check.field("user-agent").is_some_and(|agent| agent.contains("tidegate")), "{:?}", check.head);
}

#[tokio::test]
async fn a_check_may_ask_for_no_more_than_a_connection() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let checks = "[upstream.health]\nkind = \"tcp\"\ninterval = \"20ms\"\ntcp_failures = 2\n";
    let gateway = checked(checks, &[&a, &b]).await;
    a.stop().await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    a.listen().await;
    gateway.admin().until_healthy("shop", a.address(), true).await;
    assert!(a.requests().is_empty());
}

#[tokio::test]
async fn a_port_for_checks_where_nobody_listens_takes_its_endpoint_out() {
    let (a, nobody) = (Origin::named("a").await, Origin::down("nobody"));
    let checks = format!("{ONCE}tcp_failures = 1\nport = {}\n", nobody.address().port());
    let gateway = checked(&checks, &[&a]).await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    let endpoint = gateway.admin().endpoint("shop", a.address()).await.expect("it is known");
    assert_eq!(endpoint["last_check"]["finding"], "connection refused");
    assert_eq!(gateway.get("/").await.status(), 503);
    assert!(a.requests().is_empty(), "it was well, and nobody knew");
}

#[tokio::test]
async fn a_check_may_expect_a_body_and_send_headers() {
    let a = Origin::named("a").await;
    a.answer(Reply::ok("{\"state\": \"starting\"}"));
    let expecting = QUICK.replace("path", "body = \"ready\"\nheaders = { accept = \"application/json\" }\npath");
    let gateway = checked(&expecting, &[&a]).await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    let endpoint = gateway.admin().endpoint("shop", a.address()).await.expect("it is known");
    let cause = endpoint["last_change"]["cause"].as_str().expect("it changed");
    assert!(cause.ends_with("status 200 without the expected body"), "{cause}");
    a.answer(Reply::ok("{\"state\": \"ready\"}"));
    gateway.admin().until_healthy("shop", a.address(), true).await;
    assert_eq!(a.requests()[0].field("accept"), Some("application/json"));
}

#[tokio::test]
async fn an_endpoint_of_two_upstreams_is_asked_once_for_both() {
    let a = Origin::named("a").await;
    a.answer_status(500);
    let file = upstream_with("shop", ONCE, &[(&a, 100)])
        + &upstream_with("stock", ONCE, &[(&a, 100)])
        + &route("all", "shop", "");
    let gateway = Setup::new(file).start().await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    gateway.admin().until_healthy("stock", a.address(), false).await;
    assert_eq!(a.count("/health"), 1);
    let events = gateway.admin().get("/events").await;
    let told: Vec<_> = events.as_array().expect("a list").iter().map(|event| &event["change"]).collect();
    assert_eq!(told, ["unhealthy", "unhealthy"]);
    assert!(events[0]["cause"].as_str().is_some_and(|cause| cause.contains("status 500")), "{events}");
}

//! Which endpoint is asked, and how an operator changes that at run time.

use serde_json::json;

use crate::harness::sections::{plugin, policy, upstream_with, weighted};
use crate::harness::{
    Answer, Client, Gateway, Latch, Origin, Reply, Request, Response, Setup, eventually, guests, route, upstream,
};

async fn three() -> [Origin; 3] {
    [Origin::named("a").await, Origin::named("b").await, Origin::named("c").await]
}

async fn balancing(origins: &[&Origin]) -> Gateway {
    Setup::new(upstream("shop", origins) + &route("all", "shop", "")).start().await
}

/// The names of the origins that answer the next requests.
async fn next(gateway: &Gateway, count: usize) -> String {
    let mut client = gateway.client().await;
    let mut names = String::new();
    for _ in 0..count {
        names.push_str(client.call(&Request::get("/")).await.field("x-origin").unwrap_or("-"));
    }
    names
}

fn times(names: &str, name: char) -> usize {
    names.chars().filter(|n| *n == name).count()
}

fn endpoint_path(origin: &Origin) -> String {
    format!("/upstreams/shop/endpoints/{}", origin.address())
}

#[tokio::test]
async fn equal_endpoints_take_strict_turns() {
    let [a, b, c] = three().await;
    let gateway = balancing(&[&a, &b, &c]).await;
    assert_eq!(next(&gateway, 12).await, "abcabcabcabc");
}

#[tokio::test]
async fn turns_are_strict_over_many_connections_as_well() {
    let [a, b, c] = three().await;
    let gateway = balancing(&[&a, &b, &c]).await;
    let mut names = String::new();
    for _ in 0..9 {
        names.push_str(&next(&gateway, 1).await);
    }
    assert_eq!(names, "abcabcabc");
}

#[tokio::test]
async fn where_no_endpoint_has_a_weight_the_answer_log_and_metric_say_that_none_is_available() {
    let [a, b, _] = three().await;
    let gateway = Setup::new(weighted("shop", &[(&a, 0), (&b, 0)]) + &route("all", "shop", "")).start().await;
    let answer = gateway.get("/nobody").await;
    let detail = "no instance of the service is available";
    assert_eq!((answer.status(), &answer.json()["detail"]), (503, &json!(detail)));
    assert_eq!(gateway.access_line("/nobody").await["cause"], "no-endpoint");
    let metrics = gateway.admin().metrics().await;
    assert_eq!(metrics.sum("tidegate_local_responses_total", &[("cause", "no-endpoint")]), 1.0);
    assert!(a.requests().is_empty() && b.requests().is_empty());
}

#[tokio::test]
async fn weights_share_requests_exactly_and_smoothly() {
    let [a, b, c] = three().await;
    let text = weighted("shop", &[(&a, 5), (&b, 1), (&c, 1)]) + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    assert_eq!(next(&gateway, 14).await, "aabacaaaabacaa");
}

#[tokio::test]
async fn an_endpoint_of_weight_0_takes_no_request() {
    let [a, b, c] = three().await;
    let text = weighted("shop", &[(&a, 100), (&b, 0), (&c, 100)]) + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    assert_eq!(times(&next(&gateway, 10).await, 'b'), 0);
}

#[tokio::test]
async fn an_upstream_without_endpoints_answers_503() {
    let gateway = Setup::new(upstream("shop", &[]) + &route("all", "shop", "")).start().await;
    let answer = gateway.get("/").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
}

#[tokio::test]
async fn an_endpoint_added_at_run_time_takes_its_turn_and_a_removed_one_none() {
    let [a, b, c] = three().await;
    let gateway = balancing(&[&a, &b]).await;
    let body = json!({ "address": c.address().to_string(), "weight": 100 });
    gateway.admin().ok("POST", "/upstreams/shop/endpoints", Some(body)).await;
    let names = next(&gateway, 9).await;
    assert_eq!([times(&names, 'a'), times(&names, 'b'), times(&names, 'c')], [3, 3, 3], "{names}");
    gateway.admin().ok("DELETE", &endpoint_path(&a), None).await;
    let names = next(&gateway, 10).await;
    assert_eq!([times(&names, 'a'), times(&names, 'b'), times(&names, 'c')], [0, 5, 5], "{names}");
}

#[tokio::test]
async fn an_endpoint_reweighted_at_run_time_takes_its_new_share() {
    let [a, b, _c] = three().await;
    let gateway = balancing(&[&a, &b]).await;
    gateway.admin().ok("PATCH", &endpoint_path(&a), Some(json!({ "weight": 300 }))).await;
    let names = next(&gateway, 12).await;
    assert_eq!([times(&names, 'a'), times(&names, 'b')], [9, 3], "{names}");
}

#[tokio::test]
async fn a_draining_endpoint_finishes_its_request_and_gets_no_new_one() {
    let [a, b, _c] = three().await;
    let gateway = balancing(&[&a, &b]).await;
    let latch = Latch::new();
    a.answer(Answer::after(&latch, Reply::ok("late").field("x-origin", "a")));
    let mut slow = gateway.client().await;
    slow.send(Request::get("/slow").bytes()).await;
    a.until("the slow request", |seen| seen.len() == 1).await;
    gateway.admin().ok("PATCH", &endpoint_path(&a), Some(json!({ "draining": true }))).await;
    assert_eq!(next(&gateway, 6).await, "bbbbbb");
    latch.open();
    assert_eq!(slow.receive().await.text(), "late");
    a.answer_well();
    gateway.admin().ok("PATCH", &endpoint_path(&a), Some(json!({ "draining": false }))).await;
    let names = next(&gateway, 6).await;
    assert_eq!(times(&names, 'a'), 3, "{names}");
}

#[tokio::test]
async fn a_change_at_run_time_outlives_an_unrelated_reload() {
    let [a, b, c] = three().await;
    let file = upstream("shop", &[&a, &b]) + &route("all", "shop", "");
    let gateway = Setup::new(file.clone()).start().await;
    let body = json!({ "address": c.address().to_string(), "weight": 100 });
    gateway.admin().ok("POST", "/upstreams/shop/endpoints", Some(body)).await;
    gateway.admin().ok("PATCH", &endpoint_path(&b), Some(json!({ "draining": true }))).await;
    gateway.take_over(file + &route("more", "shop", "path = { prefix = \"/more\" }")).await;
    let names = next(&gateway, 10).await;
    assert_eq!([times(&names, 'a'), times(&names, 'b'), times(&names, 'c')], [5, 0, 5], "{names}");
}

#[tokio::test]
async fn a_file_that_changes_the_endpoints_wins_over_changes_at_run_time() {
    let [a, b, c] = three().await;
    let gateway = balancing(&[&a]).await;
    let body = json!({ "address": c.address().to_string(), "weight": 100 });
    gateway.admin().ok("POST", "/upstreams/shop/endpoints", Some(body)).await;
    gateway.take_over(upstream("shop", &[&a, &b]) + &route("all", "shop", "")).await;
    let names = next(&gateway, 10).await;
    assert_eq!([times(&names, 'a'), times(&names, 'b'), times(&names, 'c')], [5, 5, 0], "{names}");
}

/// How many of 50 requests went to the faster of two endpoints.
async fn preferred_of_fifty() -> usize {
    let (slow, fast) = (Origin::named("slow").await, Origin::named("fast").await);
    let text = plugin("least-latency", &guests::shipped("least_latency"), "")
        + &policy("quickest", "least-latency", "")
        + &upstream_with("shop", "balancer = { policy = \"quickest\" }", &[(&slow, 100), (&fast, 100)])
        + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    let mut client = gateway.client().await;
    ask_until_slow_was_slow(&mut client, &slow, &fast).await;
    let before = fast.requests().len();
    for _ in 0..50 {
        assert_eq!(client.call(&Request::get("/")).await.status(), 200);
    }
    let metrics = gateway.admin().metrics().await;
    assert!(metrics.sum("tidegate_policy_calls_total", &[("policy", "quickest"), ("outcome", "pick")]) >= 50.0);
    fast.requests().len() - before
}

#[tokio::test]
async fn the_least_latency_balancer_prefers_the_endpoint_that_answers_sooner() {
    // It goes by what it measures: on a busy machine the fast endpoint's only samples can be slow ones, so it has three goes.
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(preferred_of_fifty().await);
        if seen.last().is_some_and(|preferred| *preferred > 40) {
            return;
        }
    }
    panic!("{seen:?} of 50 requests each went to the faster endpoint");
}

/// Sends requests until the slow endpoint had one, whose answer took as long as 100 answers of the fast one.
async fn ask_until_slow_was_slow(client: &mut Client, slow: &Origin, fast: &Origin) {
    let latch = Latch::new();
    slow.answer(Answer::after(&latch, Reply::ok("slow")));
    while slow.requests().is_empty() {
        let before = fast.requests().len();
        client.send(Request::get("/").bytes()).await;
        eventually("one of the two to be asked", async || {
            (fast.requests().len() > before || !slow.requests().is_empty()).then_some(())
        })
        .await;
        if slow.requests().is_empty() {
            client.receive().await;
        }
    }
    let mut direct = Client::connect(fast.address()).await;
    for _ in 0..100 {
        direct.call(&Request::get("/direct")).await;
    }
    latch.open();
    client.receive().await;
}

/// Three endpoints behind the policy `sticky`, which balances and sets cookies.
fn sticky(origins: &[&Origin]) -> String {
    let weighted: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    plugin("sticky-cookie", &guests::shipped("sticky_cookie"), "")
        + &policy("sticky", "sticky-cookie", "config = { secret = \"000102030405060708090a0b0c0d0e0f\" }")
        + &upstream_with("shop", "balancer = { policy = \"sticky\" }", &weighted)
        + &route("all", "shop", "policies = [\"sticky\"]")
}

/// A request with the cookie that an answer set.
fn back(answer: &Response) -> Request {
    let cookie = answer.field("set-cookie").expect("a cookie");
    Request::get("/").field("cookie", cookie.split(';').next().unwrap_or_default())
}

#[tokio::test]
async fn a_client_with_the_cookie_stays_at_the_endpoint_that_answered_it() {
    let [a, b, c] = three().await;
    let gateway = Setup::new(sticky(&[&a, &b, &c])).start().await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        let first = client.call(&Request::get("/")).await;
        let request = back(&first);
        for _ in 0..4 {
            let answer = client.call(&request).await;
            assert_eq!(answer.field("x-origin"), first.field("x-origin"));
            assert_eq!(answer.field("set-cookie"), None, "nothing new to tell");
        }
    }
    let counts = [&a, &b, &c].map(|origin| origin.requests().len());
    assert_eq!(counts, [5, 5, 5], "new clients are spread over all");
}

#[tokio::test]
async fn a_client_whose_endpoint_is_gone_or_fails_belongs_to_the_one_that_answers() {
    let [a, b, _] = three().await;
    let gateway = Setup::new(sticky(&[&a, &b])).start().await;
    let mut client = gateway.client().await;
    let first = client.call(&Request::get("/")).await;
    let home = if first.field("x-origin") == Some("a") { &a } else { &b };
    home.answer(Answer::reset());
    let moved = client.call(&back(&first)).await;
    assert_eq!(moved.status(), 200, "another endpoint answers");
    assert_ne!(moved.field("x-origin"), first.field("x-origin"));
    home.answer_well();
    let stays = client.call(&back(&moved)).await;
    assert_eq!(stays.field("x-origin"), moved.field("x-origin"));
    gateway.admin().ok("PATCH", &endpoint_path(home), Some(json!({ "draining": true }))).await;
    assert_eq!(client.call(&back(&first)).await.field("x-origin"), moved.field("x-origin"));
}

#[tokio::test]
async fn what_no_endpoint_answered_belongs_to_none() {
    let gateway = Setup::new(sticky(&[])).start().await;
    let answer = gateway.get("/").await;
    assert_eq!((answer.status(), answer.field("set-cookie")), (503, None));
}

#[tokio::test]
async fn whoever_is_to_try_something_new_does_and_nobody_else() {
    let [old, other, new] = three().await;
    let text = plugin("canary", &guests::shipped("canary"), "grants = [\"consumers\"]")
        + &policy("try", "canary", "config = { zone = \"new\", include = { headers = { x-canary = \"1\" } } }")
        + &upstream_with("shop", "balancer = { policy = \"try\" }", &[(&old, 100), (&other, 100), (&new, 100)])
        + "zone = \"new\"\n"
        + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    let mut client = gateway.client().await;
    for _ in 0..5 {
        assert_ne!(client.call(&Request::get("/")).await.field("x-origin"), Some("c"));
        assert_eq!(client.call(&Request::get("/").field("x-canary", "1")).await.field("x-origin"), Some("c"));
    }
}

#[tokio::test]
async fn requests_stay_in_the_zone_while_it_has_room_and_leave_it_otherwise() {
    let [near, second, far] = three().await;
    let text = plugin("zone-aware", &guests::shipped("zone_aware"), "")
        + &policy("near", "zone-aware", "config = { zone = \"here\" }")
        + &upstream_with("shop", "balancer = { policy = \"near\" }", &[(&far, 100), (&near, 100)])
        + "zone = \"here\"\n"
        + &format!("[[upstream.endpoint]]\naddress = \"{}\"\nzone = \"here\"\n", second.address())
        + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    assert_eq!(times(&next(&gateway, 12).await, 'c'), 0);
    gateway.admin().ok("PATCH", &endpoint_path(&near), Some(json!({ "draining": true }))).await;
    let names = next(&gateway, 28).await;
    assert!((1..28).contains(&times(&names, 'c')) && times(&names, 'a') == 0, "{names}");
    gateway.admin().ok("PATCH", &endpoint_path(&second), Some(json!({ "draining": true }))).await;
    assert_eq!(next(&gateway, 4).await, "cccc");
}

//! What a client sees of an endpoint that fails, and what is tried again.

use crate::harness::load::{Load, duplicates};
use crate::harness::script::Step;
use crate::harness::sections::upstream_with;
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Response, Setup, h2, route};

async fn gateway(more: &str, origins: &[&Origin]) -> Gateway {
    let endpoints: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    Setup::new(upstream_with("shop", more, &endpoints) + &route("all", "shop", "")).start().await
}

#[track_caller]
fn is_problem(answer: &Response, status: u16) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"], status);
    assert!(answer.field("x-request-id").is_some());
}

fn received(origins: &[&Origin]) -> usize {
    origins.iter().map(|origin| origin.requests().len()).sum()
}

#[tokio::test]
async fn a_request_that_meets_a_refused_endpoint_goes_to_another() {
    let (down, up) = (Origin::down("down"), Origin::named("up").await);
    let gateway = gateway("", &[&down, &up]).await;
    for request in [Request::get("/"), Request::post("/", "body"), Request::post("/", "body").chunked()] {
        for _ in 0..2 {
            assert_eq!(gateway.call(&request).await.text(), "up", "{request:?}");
        }
    }
    assert_eq!(received(&[&up]), 6, "each of them once");
}

#[tokio::test]
async fn a_get_that_meets_a_reset_goes_to_another() {
    let (broken, up) = (Origin::named("broken").await, Origin::named("up").await);
    broken.answer(Answer::reset());
    let gateway = gateway("", &[&broken, &up]).await;
    for _ in 0..4 {
        assert_eq!(gateway.get("/").await.text(), "up");
    }
    assert_eq!((broken.requests().len(), up.requests().len()), (2, 4));
}

#[tokio::test]
async fn a_get_over_http2_that_meets_a_reset_goes_to_another() {
    let (broken, up) = (Origin::named("broken").await, Origin::named("up").await);
    broken.answer(Answer::reset());
    let gateway = gateway("", &[&broken, &up]).await;
    let client = gateway.h2().await;
    for _ in 0..4 {
        assert_eq!(client.call(h2::get("http://edge.test/"), &[]).await.text(), "up");
    }
    assert_eq!((broken.requests().len(), up.requests().len()), (2, 4));
}

#[tokio::test]
async fn a_post_that_may_have_been_seen_is_never_sent_again() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer(Answer::reset());
    b.answer(Answer::reset());
    let gateway = gateway("", &[&a, &b]).await;
    is_problem(&gateway.call(&Request::post("/", "pay 10")).await, 502);
    assert_eq!(received(&[&a, &b]), 1);
    is_problem(&gateway.h2().await.call(h2::post("http://edge.test/"), &["pay ", "10"]).await, 502);
    assert_eq!(received(&[&a, &b]), 2);
}

#[tokio::test]
async fn no_more_tries_are_made_than_configured() {
    let (a, b, c) = (Origin::named("a").await, Origin::named("b").await, Origin::named("c").await);
    for origin in [&a, &b, &c] {
        origin.answer(Answer::reset());
    }
    let gateway = gateway("retries = 1", &[&a, &b, &c]).await;
    is_problem(&gateway.get("/").await, 502);
    assert_eq!(received(&[&a, &b, &c]), 2);
    let line = gateway.access_line("/").await;
    assert_eq!(line["tries"], 2);
}

#[tokio::test]
async fn every_endpoint_refusing_is_a_502() {
    let (a, b) = (Origin::down("a"), Origin::down("b"));
    let gateway = gateway("", &[&a, &b]).await;
    is_problem(&gateway.get("/").await, 502);
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_a_502() {
    let origin = Origin::start().await;
    origin.answer(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n\r\n").then(Step::Close));
    let gateway = gateway("retries = 0", &[&origin]).await;
    is_problem(&gateway.get("/").await, 502);
}

#[tokio::test]
async fn a_reset_within_the_response_head_is_a_502() {
    let origin = Origin::start().await;
    origin.answer(Answer::raw("HTTP/1.1 200 OK\r\ncontent-le").then(Step::Reset));
    let gateway = gateway("retries = 0", &[&origin]).await;
    is_problem(&gateway.get("/").await, 502);
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_a_504() {
    let origin = Origin::start().await;
    origin.answer(Answer::hang());
    let gateway = gateway("retries = 0\n[upstream.timeouts]\nread = \"100ms\"", &[&origin]).await;
    is_problem(&gateway.get("/").await, 504);
    is_problem(&gateway.call(&Request::post("/", "x")).await, 504);
    assert_eq!(received(&[&origin]), 2);
}

#[tokio::test]
async fn a_response_that_breaks_off_is_not_passed_for_a_whole_one() {
    let origin = Origin::start().await;
    let gateway = gateway("", &[&origin]).await;
    for half in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        origin.answer(Answer::raw(format!("HTTP/1.1 200 OK\r\n{half}")).then(Step::Close));
        let mut client = gateway.client().await;
        client.send(Request::get("/").bytes()).await;
        let answer = client.try_receive(false).await;
        assert!(answer.is_err(), "{answer:?}");
    }
    assert_eq!(origin.requests().len(), 2, "what the client saw the beginning of is not tried again");
}

#[tokio::test]
async fn a_client_is_told_whether_its_connection_goes_on_after_a_failed_request() {
    let origin = Origin::start().await;
    let gateway = gateway("retries = 0", &[&origin]).await;
    let mut client = gateway.client().await;
    origin.answer(Answer::reset());
    let failed = client.call(&Request::get("/")).await;
    assert_eq!(failed.status(), 502);
    origin.answer_well();
    if failed.field("connection") == Some("close") {
        assert!(client.until_closed().await.is_empty());
    } else {
        assert_eq!(client.call(&Request::get("/")).await.status(), 200);
    }
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn an_endpoint_that_closes_after_each_answer_costs_no_request() {
    let origin = Origin::start().await;
    origin.script(|_| Answer::from(Reply::ok("x")).then(Step::Close));
    let gateway = gateway("", &[&origin]).await;
    let mut client = gateway.client().await;
    for _ in 0..20 {
        assert_eq!(client.call(&Request::get("/")).await.status(), 200);
    }
    assert_eq!(origin.requests().len(), 20);
}

#[tokio::test]
async fn an_endpoint_that_dies_under_load_costs_no_get_and_doubles_none() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let gateway = gateway("", &[&a, &b]).await;
    let load = Load::start(gateway.address(), 8, Request::get("/"), Response::text);
    load.until_sent(200).await;
    a.stop().await;
    load.until_sent(200).await;
    a.listen().await;
    load.until_sent(200).await;
    let tally = load.finish().await;
    tally.is_flawless();
    assert!(tally.kinds.keys().all(|kind| kind == "a" || kind == "b"), "{:?}", tally.kinds);
    assert!(duplicates(&[&b]).is_empty());
}

#[tokio::test]
async fn a_slow_answer_within_the_timeout_is_waited_for() {
    let origin = Origin::start().await;
    let latch = Latch::new();
    origin.answer(Answer::after(&latch, Reply::ok("late")));
    let gateway = gateway("", &[&origin]).await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    origin.until("the request to arrive", |seen| seen.len() == 1).await;
    assert!(!latch.is_open());
    latch.open();
    assert_eq!(client.receive().await.text(), "late");
}

#[tokio::test]
async fn an_endpoint_gets_no_more_requests_at_once_than_it_may_and_the_rest_are_told() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let latch = Latch::new();
    for origin in [&a, &b] {
        origin.answer(Answer::after(&latch, Reply::ok("late")));
    }
    let gateway = gateway("max_in_flight = 2", &[&a, &b]).await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let mut client = gateway.client().await;
        client.send(Request::get("/").bytes()).await;
        waiting.push(client);
    }
    for origin in [&a, &b] {
        origin.until("two requests", |seen| seen.len() == 2).await;
    }
    let refused = gateway.get("/one-more").await;
    is_problem(&refused, 503);
    assert_eq!(gateway.access_line("/one-more").await["cause"], "endpoints-busy");
    latch.open();
    for mut client in waiting {
        assert_eq!(client.receive().await.text(), "late");
    }
    assert_eq!(gateway.get("/").await.text(), "late", "there is room again");
    assert_eq!(received(&[&a, &b]), 5);
}

#[tokio::test]
async fn only_failures_that_the_operator_names_are_tried_again() {
    let (broken, up) = (Origin::named("broken").await, Origin::named("up").await);
    broken.answer(Answer::reset());
    let gateway = gateway("retry_on = [\"connect\"]", &[&broken, &up]).await;
    is_problem(&gateway.get("/").await, 502);
    assert_eq!(received(&[&broken, &up]), 1);
    broken.stop().await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.text(), "up");
    }
}

#[tokio::test]
async fn where_the_retry_budget_is_spent_only_what_was_never_sent_is_tried_again() {
    let (broken, up) = (Origin::named("broken").await, Origin::named("up").await);
    broken.answer(Answer::reset());
    let gateway = gateway("retry_budget = 0", &[&broken, &up]).await;
    is_problem(&gateway.get("/").await, 502);
    let refused =
        gateway.admin().metrics().await.sum("tidegate_endpoint_retries_refused_total", &[("upstream", "shop")]);
    assert_eq!(refused, 1.0);
    broken.stop().await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.text(), "up");
    }
}

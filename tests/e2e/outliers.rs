//! What traffic alone finds out about endpoints: who is taken out, who comes back, what clients notice.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::load::{Load, duplicates};
use crate::harness::script::Step;
use crate::harness::sections::upstream_with;
use crate::harness::wait::eventually;
use crate::harness::{Answer, Gateway, Origin, Reply, Request, Response, Setup, h2, route};

async fn gateway(more: &str, origins: &[&Origin]) -> Gateway {
    let endpoints: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    Setup::new(upstream_with("shop", more, &endpoints) + &route("all", "shop", "")).start().await
}

async fn ejection(gateway: &Gateway, origin: &Origin) -> Option<Value> {
    let endpoint = gateway.admin().endpoint("shop", origin.address()).await.expect("the endpoint is known");
    Some(endpoint["ejection"].clone()).filter(|ejection| !ejection.is_null())
}

/// Asks until the endpoint is out; why it is.
async fn until_ejected(gateway: &Gateway, origin: &Origin) -> String {
    let ask = async || {
        gateway.get("/").await;
        ejection(gateway, origin).await
    };
    let ejection = eventually("an ejection", ask).await;
    ejection["cause"].as_str().expect("a cause is a text").to_owned()
}

async fn until_back(gateway: &Gateway, origin: &Origin) {
    let ask = async || {
        gateway.get("/").await;
        ejection(gateway, origin).await.is_none().then_some(())
    };
    eventually("the endpoint to be back", ask).await;
}

async fn events(gateway: &Gateway, origin: &Origin) -> Vec<String> {
    let events = gateway.admin().get("/events").await;
    let of_origin = |event: &&Value| event["endpoint"] == origin.address().to_string();
    let mut changes: Vec<_> = events.as_array().expect("a list").iter().filter(of_origin).cloned().collect();
    changes.reverse();
    changes.iter().map(|event| event["change"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_ejected_by_traffic_alone_and_costs_no_get() {
    let (a, b, c) = (Origin::named("a").await, Origin::named("b").await, Origin::named("c").await);
    let gateway = gateway("", &[&a, &b, &c]).await;
    let load = Load::start(gateway.address(), 8, Request::get("/"), Response::text);
    load.until_sent(100).await;
    let before = SystemTime::now();
    a.answer(Answer::hang());
    let ejected = eventually("an ejection", async || ejection(&gateway, &a).await).await;
    let at = humantime::parse_rfc3339(ejected["at"].as_str().unwrap_or_default()).expect("a point in time");
    let lasted = at.duration_since(before).expect("it hung before it was ejected");
    assert!(lasted < Duration::from_secs(2), "it went on for {lasted:?}");
    // All of the load hung at that endpoint, and was asked elsewhere: the default read timeout is half a minute.
    load.until_sent(200).await;
    let tally = load.finish().await;
    tally.is_flawless();
    let cause = ejection(&gateway, &a).await.map_or_else(String::new, |ejection| ejection["cause"].to_string());
    assert!(cause.contains("no answer for") && cause.contains("while others answer"), "{cause}");
    gateway.until_logged("endpoint is ejected").await;
}

#[tokio::test]
async fn a_post_that_waits_at_an_ejected_endpoint_is_not_sent_again() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer(Answer::hang());
    let gateway = gateway("[upstream.timeouts]\nread = \"3s\"", &[&a, &b]).await;
    let mut waiting = gateway.client().await;
    waiting.send(Request::post("/", "pay 10").bytes()).await;
    a.until("the request to arrive", |seen| seen.len() == 1).await;
    until_ejected(&gateway, &a).await;
    assert_eq!(waiting.receive().await.status(), 504);
    let posts = |origin: &Origin| origin.requests().iter().filter(|seen| seen.method() == "POST").count();
    assert_eq!((posts(&a), posts(&b)), (1, 0));
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_ejected_and_comes_back_by_one_request() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let gateway = gateway("[upstream.outliers]\nejection = \"50ms\"", &[&a, &b]).await;
    a.stop().await;
    let cause = until_ejected(&gateway, &a).await;
    assert!(cause.contains("failed tries in a row, last: no connection"), "{cause}");
    a.listen().await;
    until_back(&gateway, &a).await;
    let events = events(&gateway, &a).await;
    assert_eq!(events.first().map(String::as_str), Some("ejected"));
    assert_eq!(events[events.len() - 2..], ["on_trial", "returned"], "{events:?}");
    let returned = [("upstream", "shop"), ("change", "returned")];
    assert!(gateway.admin().metrics().await.sum("tidegate_endpoint_changes_total", &returned) >= 1.0);
    gateway.until_logged("endpoint is back").await;
}

#[tokio::test]
async fn an_endpoint_that_sends_half_of_each_answer_is_ejected() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer(Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").then(Step::Close));
    let gateway = gateway("[upstream.outliers]\nejection = \"1h\"\nmax_ejection = \"1h\"", &[&a, &b]).await;
    // Its clients lose their connections: no answer of it can be taken back.
    let ask = async || {
        let _ = gateway.client().await.try_call(&Request::get("/")).await;
        ejection(&gateway, &a).await
    };
    let ejection = eventually("an ejection", ask).await;
    let cause = ejection["cause"].as_str().expect("a cause is a text").to_owned();
    assert!(cause.contains("failed tries in a row, last: the connection broke"), "{cause}");
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.text(), "b");
    }
}

#[tokio::test]
async fn an_endpoint_that_answers_503_is_ejected_and_its_clients_see_no_more_of_it() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer_status(503);
    let gateway =
        gateway("[upstream.outliers]\nfailures = 3\nejection = \"1h\"\nmax_ejection = \"1h\"", &[&a, &b]).await;
    let cause = until_ejected(&gateway, &a).await;
    assert!(cause.contains("failed tries in a row, last: status 503; out for 1h"), "{cause}");
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.text(), "b");
    }
    let labels = [("upstream", "shop"), ("endpoint", &*a.address().to_string())];
    assert_eq!(gateway.admin().metrics().await.sum("tidegate_endpoint_ejected", &labels), 1.0);
}

#[tokio::test]
async fn where_every_endpoint_answers_503_all_go_on_being_asked() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer_status(503);
    b.answer_status(503);
    let gateway = gateway("", &[&a, &b]).await;
    for _ in 0..40 {
        assert_eq!(gateway.get("/").await.status(), 503);
    }
    assert_eq!((a.requests().len(), b.requests().len()), (20, 20));
}

#[tokio::test]
async fn nothing_is_ejected_where_the_operator_says_so() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer_status(503);
    let gateway = gateway("[upstream.outliers]\nenabled = false", &[&a, &b]).await;
    for _ in 0..40 {
        gateway.get("/").await;
    }
    assert_eq!((a.requests().len(), b.requests().len()), (20, 20));
}

#[tokio::test]
async fn an_ejection_survives_a_reload() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    a.answer_status(503);
    let outliers = "[upstream.outliers]\nejection = \"1h\"\nmax_ejection = \"1h\"";
    let gateway = gateway(outliers, &[&a, &b]).await;
    until_ejected(&gateway, &a).await;
    let file = upstream_with("shop", outliers, &[(&a, 100), (&b, 100)]) + &route("all", "shop", "");
    gateway.take_over(file + &route("more", "shop", "path = { prefix = \"/more\" }")).await;
    assert!(ejection(&gateway, &a).await.is_some());
    assert_eq!(gateway.get("/").await.text(), "b");
}

#[tokio::test]
async fn a_client_of_http_2_notices_nothing_of_an_endpoint_that_refuses_or_resets() {
    for (is_up, why) in [(false, "no connection"), (true, "the connection broke")] {
        let (a, b, c) = (Origin::named("a").await, Origin::named("b").await, Origin::named("c").await);
        let outliers = "[upstream.outliers]\nejection = \"1h\"\nmax_ejection = \"1h\"";
        let gateway = gateway(outliers, &[&a, &b, &c]).await;
        let client = gateway.h2().await;
        let ask = async || {
            let answer = client.call(h2::get("http://edge.test/"), &[]).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            answer.text()
        };
        for expected in ["a", "b", "c"] {
            assert_eq!(ask().await, expected);
        }
        if is_up {
            a.answer(Answer::reset())
        } else {
            a.stop().await
        }
        let ejection = eventually("an ejection", async || {
            assert_ne!(ask().await, "a");
            ejection(&gateway, &a).await
        })
        .await;
        let cause = ejection["cause"].as_str().unwrap_or_default();
        assert!(cause.contains(&format!("failed tries in a row, last: {why}")), "{cause}");
        let asked = a.requests().len();
        for _ in 0..6 {
            assert_ne!(ask().await, "a");
        }
        assert_eq!(a.requests().len(), asked);
        assert!(client.is_open());
    }
}

#[tokio::test]
async fn an_endpoint_that_flaps_under_load_costs_no_get_and_doubles_none() {
    let (a, b, c) = (Origin::named("a").await, Origin::named("b").await, Origin::named("c").await);
    let gateway = gateway("[upstream.outliers]\nejection = \"20ms\"", &[&a, &b, &c]).await;
    let load = Load::start(gateway.address(), 8, Request::get("/"), Response::text);
    for _ in 0..3 {
        load.until_sent(100).await;
        a.stop().await;
        load.until_sent(100).await;
        a.listen().await;
    }
    let tally = load.finish().await;
    tally.is_flawless();
    assert!(duplicates(&[&b, &c]).is_empty());
}

#[tokio::test]
async fn an_endpoint_added_at_run_time_warms_up() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let gateway = gateway("slow_start = \"1h\"", &[&a]).await;
    let new = serde_json::json!({ "address": b.address().to_string(), "weight": 100 });
    gateway.admin().ok("POST", "/upstreams/shop/endpoints", Some(new)).await;
    let endpoint = gateway.admin().endpoint("shop", b.address()).await.expect("it was added");
    assert_eq!(endpoint["share_percent"], 10);
    let mut client = gateway.client().await;
    for _ in 0..200 {
        client.call(&Request::get("/")).await;
    }
    let asked = b.requests().len();
    assert!((1..60).contains(&asked), "{asked}");
}

#[tokio::test]
async fn an_upstream_whose_only_endpoint_warms_up_answers_every_request() {
    let a = Origin::named("a").await;
    a.script(|seen| match seen.target() {
        "/health" => Reply::new(500).into(),
        _ => Reply::ok("a").into(),
    });
    let checks = "slow_start = \"1h\"\n[upstream.health]\npath = \"/health\"\ninterval = \"20ms\"\nhttp_failures = 1\n";
    let gateway = gateway(checks, &[&a]).await;
    gateway.admin().until_healthy("shop", a.address(), false).await;
    let ask = async || {
        let endpoint = gateway.admin().endpoint("shop", a.address()).await?;
        (endpoint["share_percent"] == 10).then_some(())
    };
    eventually("it to be cold", ask).await;
    a.answer_well();
    gateway.admin().until_healthy("shop", a.address(), true).await;
    for _ in 0..50 {
        assert_eq!(gateway.get("/").await.status(), 200);
    }
}

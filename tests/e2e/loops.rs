//! An upstream that leads back to the gateway.

use crate::harness::sections::upstream_with;
use crate::harness::{Gateway, Origin, Request, Setup, h2, route, upstream};

/// Everything goes to the gateway itself, but what is below `/out`.
async fn circle(limits: &str, origin: &Origin) -> Gateway {
    let out = upstream("out", &[origin]) + &route("out", "out", "path = { prefix = \"/out\" }");
    let gateway = Setup::new(out.clone()).limits(limits).start().await;
    let itself =
        format!("[[upstream]]\nname = \"itself\"\n[[upstream.endpoint]]\naddress = \"{}\"\n", gateway.address());
    gateway.take_over(out + &itself + &route("circle", "itself", "")).await;
    gateway
}

#[tokio::test]
async fn a_request_that_goes_round_is_ended_after_ten_times() {
    let origin = Origin::start().await;
    let gateway = circle("", &origin).await;
    let answer = gateway.get("/round").await;
    assert_eq!((answer.status(), &answer.json()["detail"]), (508, &"the request goes round in a circle".into()));
    let answer = gateway.h2().await.call(h2::get("http://edge.test/again"), &[]).await;
    assert_eq!(answer.status(), 508);
    let metrics = gateway.admin().metrics().await;
    assert_eq!(
        metrics.sum("tidegate_local_responses_total", &[("cause", "loop")]),
        2.0,
        "at its end, not at each turn"
    );
    assert_eq!(metrics.sum("tidegate_endpoint_tries_total", &[("upstream", "itself")]), 20.0);
}

#[tokio::test]
async fn what_a_client_makes_up_is_passed_on_and_costs_nobody_else() {
    let origin = Origin::start().await;
    let gateway = circle("", &origin).await;
    assert_eq!(gateway.get("/out").await.status(), 200);
    let name = origin.only_request().field("cdn-loop").unwrap().to_owned();
    let forged = (0..10).fold(Request::get("/out"), |request, _| request.field("cdn-loop", &name));
    assert_eq!(gateway.call(&forged).await.status(), 508);
    let other = Request::get("/out").field("cdn-loop", "other.example, other.example");
    assert_eq!(gateway.call(&other).await.status(), 200);
    assert_eq!(origin.requests().last().unwrap().all("cdn-loop"), ["other.example, other.example", name.as_str()]);
    assert_eq!(gateway.get("/out").await.status(), 200);
}

#[tokio::test]
async fn where_nothing_is_counted_nothing_is_sent() {
    let origin = Origin::start().await;
    let text = upstream_with("origin", "", &[(&origin, 100)]) + &route("all", "origin", "");
    let gateway = Setup::new(text).limits("max_hops = 0").start().await;
    assert_eq!(gateway.get("/").await.status(), 200);
    assert_eq!(origin.only_request().field("cdn-loop"), None);
}

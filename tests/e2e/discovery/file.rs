//! A file of endpoints that somebody else replaces.

use std::net::SocketAddr;

use serde_json::json;

use super::{answered_by, endpoints, shop, source, two, until_endpoints, until_no_problem, until_problem};
use crate::harness::etcd::free_port;
use crate::harness::gateway::replace;
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Setup};

const FILE: &str = "discovery = { file = \"shop.toml\", max_endpoints = 5 }";

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| format!("[[endpoint]]\naddress = \"{address}\"\n")).collect()
}

async fn listing(text: &str) -> Gateway {
    let setup = Setup::new(shop(FILE));
    replace(&setup.directory().join("shop.toml"), text);
    setup.start().await
}

fn write(gateway: &Gateway, text: &str) {
    replace(&gateway.directory().join("shop.toml"), text);
}

#[tokio::test]
async fn endpoints_of_a_file_are_asked_from_the_first_request_and_follow_it() {
    let (one, two) = two().await;
    let gateway = listing(&list(&[one.address()])).await;
    assert_eq!(answered_by(&gateway).await, "one");
    assert_eq!(source(&gateway).await["endpoints"], 1);
    let json = json!({ "endpoint": [{ "address": two.address().to_string(), "weight": 7 }] });
    write(&gateway, &json.to_string());
    until_endpoints(&gateway, &[two.address()]).await;
    assert_eq!(answered_by(&gateway).await, "two");
    let endpoint = gateway.admin().endpoint("shop", two.address()).await.expect("the endpoint is shown");
    assert_eq!((&endpoint["weight"], &endpoint["source"]), (&json!(7), &json!("discovery")));
}

#[tokio::test]
async fn a_broken_file_leaves_the_last_good_set_and_is_told_with_its_line() {
    let one = Origin::named("one").await;
    let gateway = listing(&list(&[one.address()])).await;
    write(&gateway, "[[endpoint]]\naddress = \"127.0.0.1:1\"\nwait = 5\n");
    let told = until_problem(&gateway, "unknown key \"wait\"").await;
    assert!(told["problem"]["why"].as_str().is_some_and(|why| why.contains("shop.toml:3:1")), "{told}");
    assert_eq!(answered_by(&gateway).await, "one");
    let labels = [("upstream", "shop")];
    gateway.admin().until_metric("tidegate_discovery_up_to_date", &labels, 0.0).await;
    gateway.admin().until_metric("tidegate_discovery_endpoints", &labels, 1.0).await;
    let too_many: Vec<SocketAddr> = (1..=6).map(|port| ([127, 0, 0, 1], port).into()).collect();
    write(&gateway, &list(&too_many));
    until_problem(&gateway, "6 endpoints, more than max_endpoints = 5").await;
    std::fs::remove_file(gateway.directory().join("shop.toml")).expect("the file is there");
    until_problem(&gateway, "there is no such file").await;
    assert_eq!(answered_by(&gateway).await, "one");
    write(&gateway, &list(&[one.address()]));
    until_no_problem(&gateway).await;
    gateway.admin().until_metric("tidegate_discovery_up_to_date", &labels, 1.0).await;
    assert_eq!(gateway.log().matches("up to date again").count(), 1, "{}", gateway.log());
}

#[tokio::test]
async fn a_file_without_endpoints_is_an_answer_and_one_that_is_missing_is_none() {
    let one = Origin::named("one").await;
    let gateway = Setup::new(shop(FILE)).start().await;
    let answer = gateway.get("/unknown").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(gateway.access_line("/unknown").await["cause"], "endpoints-unknown");
    write(&gateway, &list(&[one.address()]));
    until_endpoints(&gateway, &[one.address()]).await;
    assert_eq!(answered_by(&gateway).await, "one");
    write(&gateway, "");
    until_endpoints(&gateway, &[]).await;
    assert_eq!(gateway.get("/empty").await.status(), 503);
    assert_eq!(gateway.access_line("/empty").await["cause"], "no-endpoints");
}

#[tokio::test]
async fn an_endpoint_that_leaves_the_list_ends_its_requests_in_peace() {
    let (one, two) = two().await;
    let latch = Latch::new();
    one.answer(Answer::after(&latch, Reply::ok("late")));
    let gateway = listing(&list(&[one.address()])).await;
    let mut client = gateway.client().await;
    let request = Request::get("/slow");
    let (answer, ()) = tokio::join!(client.call(&request), async {
        one.until("the slow request", |seen| !seen.is_empty()).await;
        write(&gateway, &list(&[two.address()]));
        until_endpoints(&gateway, &[two.address()]).await;
        assert_eq!(answered_by(&gateway).await, "two");
        latch.open();
    });
    assert_eq!((answer.status(), answer.text()), (200, "late".to_owned()));
}

#[tokio::test]
async fn endpoints_of_the_configuration_stand_first_and_a_duplicate_is_one() {
    let (one, two) = two().await;
    let keys = format!("{FILE}\nendpoint = [{{ address = \"{}\", weight = 3 }}]", one.address());
    let setup = Setup::new(shop(&keys));
    replace(&setup.directory().join("shop.toml"), list(&[two.address(), one.address()]));
    let gateway = setup.start().await;
    assert_eq!(endpoints(&gateway).await, [one.address().to_string(), two.address().to_string()]);
    let first = gateway.admin().endpoint("shop", one.address()).await.expect("the endpoint is shown");
    assert_eq!((&first["weight"], &first["source"]), (&json!(3), &json!("file")));
    gateway.until_logged("in another list already").await;
}

#[tokio::test]
async fn a_listener_of_our_own_is_left_out() {
    let (one, ours) = (Origin::named("one").await, free_port());
    let listener = format!("[[listener]]\nname = \"http\"\naddress = \"{ours}\"\n");
    let setup = Setup::new(shop(FILE)).listeners(&listener);
    replace(&setup.directory().join("shop.toml"), list(&[ours, one.address()]));
    let gateway = setup.start().await;
    assert_eq!(endpoints(&gateway).await, [one.address().to_string()]);
    until_problem(&gateway, &format!("{ours} is a listener of this gateway")).await;
}

#[tokio::test]
async fn what_was_changed_at_run_time_stays_while_the_list_changes() {
    let (one, two) = two().await;
    let three = Origin::named("three").await;
    let gateway = listing(&list(&[one.address(), two.address()])).await;
    let admin = gateway.admin();
    let path = |origin: &Origin| format!("/upstreams/shop/endpoints/{}", origin.address());
    admin.ok("DELETE", &path(&one), None).await;
    admin.ok("PATCH", &path(&two), Some(json!({ "draining": true }))).await;
    write(&gateway, &list(&[one.address(), two.address(), three.address()]));
    until_endpoints(&gateway, &[two.address(), three.address()]).await;
    assert_eq!(admin.endpoint("shop", two.address()).await.expect("it is shown")["draining"], true);
    assert_eq!(answered_by(&gateway).await, "three");
    assert_eq!(admin.get("/upstreams/shop").await["changed_at_run_time"], true);
}

#[tokio::test]
async fn a_reload_of_something_else_does_not_read_the_list_again() {
    let one = Origin::named("one").await;
    let gateway = listing(&list(&[one.address()])).await;
    let labels = [("upstream", "shop"), ("outcome", "changed")];
    gateway.take_over(shop(&format!("{FILE}\nretries = 1"))).await;
    assert_eq!(answered_by(&gateway).await, "one");
    assert_eq!(gateway.admin().metrics().await.sum("tidegate_discovery_answers_total", &labels), 1.0);
    gateway.take_over(shop("discovery = { file = \"missing.toml\" }")).await;
    until_problem(&gateway, "there is no such file").await;
    assert_eq!(answered_by(&gateway).await, "one", "until the new list is there the old one counts");
}

//! Endpoints from the DNS, asked of a server of our own.

use super::{answered_by, endpoints, shop, source, two, until_endpoints, until_no_problem, until_problem};
use crate::harness::dns::DnsServer;
use crate::harness::wait::within;
use crate::harness::{Gateway, Origin, Setup, eventually};

async fn asking(dns: &DnsServer, keys: &str) -> Gateway {
    Setup::new(shop(keys)).section(&dns.section()).start().await
}

#[tokio::test]
async fn an_endpoint_may_be_a_name_and_follows_its_records() {
    let dns = DnsServer::start().await;
    let one = Origin::named("one").await;
    let port = one.address().port();
    dns.set("shop.test", &["127.0.0.1"]);
    let gateway = asking(&dns, &format!("endpoint = [{{ address = \"Shop.test:{port}\", weight = 7 }}]")).await;
    assert_eq!(answered_by(&gateway).await, "one");
    let endpoint = gateway.admin().endpoint("shop", one.address()).await.expect("the endpoint is shown");
    assert_eq!(endpoint["weight"], 7);
    assert_eq!(source(&gateway).await["source"], format!("dns shop.test:{port}"));
    dns.set("shop.test", &["127.0.0.2", "127.0.0.1", "::1"]);
    let wanted = ["127.0.0.1", "127.0.0.2", "::1"].map(|ip| (ip.parse::<std::net::IpAddr>().unwrap(), port).into());
    until_endpoints(&gateway, &wanted).await;
}

#[tokio::test]
async fn a_name_that_is_gone_silent_or_failing_keeps_the_last_good_set() {
    let dns = DnsServer::start().await;
    let one = Origin::named("one").await;
    dns.set("shop.test", &["127.0.0.1"]);
    let gateway =
        asking(&dns, &format!("discovery = {{ dns = \"shop.test\", port = {} }}", one.address().port())).await;
    dns.forget("shop.test");
    until_problem(&gateway, "there is no name shop.test").await;
    dns.set("shop.test", &[]);
    until_problem(&gateway, "shop.test has no records").await;
    dns.fail("shop.test");
    until_problem(&gateway, "shop.test cannot be looked up").await;
    dns.silence("shop.test");
    assert_eq!(answered_by(&gateway).await, "one");
    let before = dns.asked("shop.test");
    eventually("further questions", async || (dns.asked("shop.test") > before).then_some(())).await;
    assert_eq!(answered_by(&gateway).await, "one");
    dns.set("shop.test", &["127.0.0.1"]);
    until_no_problem(&gateway).await;
    assert_eq!(endpoints(&gateway).await, [one.address().to_string()]);
}

#[tokio::test]
async fn a_name_is_not_asked_for_again_while_its_records_are_good() {
    let dns = DnsServer::start().await;
    let one = Origin::named("one").await;
    dns.set_for("slow.test", 3600, &["127.0.0.1"]);
    dns.set_for("shop.test", 0, &["127.0.0.1"]);
    let port = one.address().port();
    let keys = format!("endpoint = [{{ address = \"slow.test:{port}\" }}, {{ address = \"shop.test:{port}\" }}]");
    let gateway = asking(&dns, &keys).await;
    let asked = dns.asked("slow.test");
    eventually("many questions for the other name", async || (dns.asked("shop.test") > 10).then_some(())).await;
    assert_eq!(dns.asked("slow.test"), asked);
    assert_eq!(answered_by(&gateway).await, "one");
}

#[tokio::test]
async fn a_service_brings_hosts_ports_weights_and_priorities() {
    let dns = DnsServer::start().await;
    let (one, two) = two().await;
    let (first, second) = (one.address().port(), two.address().port());
    dns.set("a.test", &["127.0.0.1"]);
    dns.set("b.test", &["127.0.0.1"]);
    dns.set_service("_http._tcp.shop.test", &[(10, 60, first, "a.test."), (20, 0, second, "b.test.")]);
    let gateway = asking(&dns, "discovery = { srv = \"_http._tcp.shop.test\" }").await;
    until_endpoints(&gateway, &[one.address(), two.address()]).await;
    let shown = async |origin: &Origin| {
        let endpoint = gateway.admin().endpoint("shop", origin.address()).await.expect("the endpoint is shown");
        (endpoint["weight"].as_u64(), endpoint["tier"].as_u64())
    };
    assert_eq!(shown(&one).await, (Some(60), Some(0)));
    assert_eq!(shown(&two).await, (Some(1), Some(1)));
    assert_eq!(answered_by(&gateway).await, "one");
    dns.fail("a.test");
    until_problem(&gateway, "a.test. cannot be looked up").await;
    until_endpoints(&gateway, &[one.address(), two.address()]).await;
    dns.set_service("_http._tcp.shop.test", &[(20, 0, second, "b.test.")]);
    until_endpoints(&gateway, &[two.address()]).await;
    assert_eq!(answered_by(&gateway).await, "two");
}

#[tokio::test]
async fn listeners_open_without_what_is_not_known_in_time() {
    let dns = DnsServer::start().await;
    dns.silence("shop.test");
    let keys = "endpoint = [{ address = \"shop.test:80\" }]";
    let setup = Setup::new(shop(keys)).section(&dns.section()).server("discovery_wait = \"200ms\"");
    let gateway = within("the gateway to start", setup.start()).await;
    assert_eq!(gateway.get("/early").await.status(), 503);
    assert_eq!(gateway.access_line("/early").await["cause"], "endpoints-unknown");
    assert!(gateway.log().contains("listeners open without them"), "{}", gateway.log());
    let one = Origin::named("one").await;
    dns.set("shop.test", &["127.0.0.1"]);
    let port = format!(":{}", one.address().port());
    gateway.take_over(dns.section() + &shop(&keys.replace(":80", &port))).await;
    until_endpoints(&gateway, &[one.address()]).await;
    assert_eq!(answered_by(&gateway).await, "one");
}

//! Active checks of endpoints that speak TLS, HTTP/2 or gRPC.

use std::net::SocketAddr;

use crate::harness::service::{Service, Speaks};
use crate::harness::tls::Authority;
use crate::harness::{Gateway, Origin, Reply, Setup, eventually, route};

/// One check at the start, whose finding is the verdict, and no other while a test runs.
const ONCE: &str = "interval = \"1h\"\ntimeout = \"10s\"\nsuccesses = 1\ntcp_failures = 1\n";
const HTTP2: &str = "protocol = \"http/2\"\n";

/// An authority, its root as `ca.pem`, and a certificate for `service.test`, in the folder of this setup.
fn trusted(setup: &Setup) -> Authority {
    let authority = Authority::new();
    authority.write(&setup.directory().join("ca.pem"));
    authority.issue(setup.directory(), "service", "service.test");
    authority
}

async fn secured(speaks: Speaks, setup: &Setup) -> Service {
    Service::secured(speaks, &trusted(setup), setup.directory(), "service").await
}

fn tls() -> String {
    "[upstream.tls]\nserver_name = \"service.test\"\nca = \"ca.pem\"\n".to_owned()
}

fn check(keys: &str) -> String {
    let bad_answers = if keys.contains("tcp") { "" } else { "http_failures = 1\n" };
    format!("[upstream.health]\n{ONCE}{bad_answers}{keys}\n")
}

async fn checked(setup: Setup, service: &Service, keys: &str) -> Gateway {
    setup.rest(service.upstream(keys) + &route("all", "service", "")).start().await
}

fn address(service: &Service) -> SocketAddr {
    service.address().parse().expect("an address with a port")
}

/// Waits for the first check, and says what it found where that was bad.
async fn verdict(gateway: &Gateway, service: &Service) -> Result<(), String> {
    let ask = async || {
        let endpoint = gateway.admin().endpoint("service", address(service)).await?;
        Some(endpoint["last_check"].clone()).filter(|check| !check.is_null())
    };
    let check = eventually("a check", ask).await;
    match check["good"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(check.to_string()),
    }
}

#[tokio::test]
async fn checks_go_over_tls_where_requests_do() {
    for (speaks, protocol, version) in [(Speaks::Http1, "", "HTTP/1.1"), (Speaks::Http2, HTTP2, "HTTP/2.0")] {
        let setup = Setup::new("");
        let service = secured(speaks, &setup).await;
        let expecting =
            format!("host = \"shop.test\"\nbody = \"{version} GET /ready for shop.test by service.test\"\n");
        let keys = format!("{protocol}{}{}", tls(), check(&format!("path = \"/ready\"\n{expecting}")));
        let gateway = checked(setup, &service, &keys).await;
        assert_eq!(verdict(&gateway, &service).await, Ok(()));
    }
}

#[tokio::test]
async fn checks_without_tls_are_asked_in_the_version_of_requests() {
    let setup = Setup::new("");
    let service = Service::plain(Speaks::Http2).await;
    let gateway = checked(setup, &service, &format!("{HTTP2}{}", check("body = \"HTTP/2.0 GET / \""))).await;
    assert_eq!(verdict(&gateway, &service).await, Ok(()));
}

#[tokio::test]
async fn an_endpoint_that_does_not_show_who_it_is_fails_its_checks() {
    for kind in ["", "kind = \"tcp\"", "kind = \"grpc\""] {
        let setup = Setup::new("");
        let service = secured(Speaks::Http2, &setup).await;
        Authority::new().write(&setup.directory().join("ca.pem"));
        let gateway = checked(setup, &service, &format!("{HTTP2}{}{}", tls(), check(kind))).await;
        let why = verdict(&gateway, &service).await.expect_err("a stranger");
        assert!(why.contains("TLS: invalid peer certificate"), "{why}");
        gateway.admin().until_healthy("service", address(&service), false).await;
    }
}

#[tokio::test]
async fn a_connection_is_checked_with_its_handshake() {
    let setup = Setup::new("");
    let service = secured(Speaks::Http1, &setup).await;
    let gateway = checked(setup, &service, &(tls() + &check("kind = \"tcp\""))).await;
    assert_eq!(verdict(&gateway, &service).await, Ok(()));
    let plain = Origin::named("plain").await;
    let rest = format!(
        "[[upstream]]\nname = \"plain\"\nendpoint = [{{ address = \"{}\" }}]\n{}{}",
        plain.address(),
        tls(),
        check("kind = \"tcp\"").replace("10s", "100ms")
    );
    gateway.take_over(rest + &route("all", "plain", "")).await;
    gateway.admin().until_healthy("plain", plain.address(), false).await;
}

#[tokio::test]
async fn a_port_for_checks_may_do_without_tls() {
    let setup = Setup::new("");
    let (service, metrics) = (secured(Speaks::Http1, &setup).await, Origin::named("metrics").await);
    metrics.answer(Reply::ok("ready"));
    let keys = format!("tls = false\nport = {}\npath = \"/ready\"\n", metrics.address().port());
    let gateway = checked(setup, &service, &(tls() + &check(&keys))).await;
    assert_eq!(verdict(&gateway, &service).await, Ok(()));
    assert_eq!(metrics.only_request().target(), "/ready");
}

#[tokio::test]
async fn a_service_of_grpc_says_whether_it_serves() {
    for is_secure in [true, false] {
        let setup = Setup::new("");
        let service = match is_secure {
            true => secured(Speaks::Http2, &setup).await,
            false => Service::plain(Speaks::Http2).await,
        };
        let keys = |host: &str| {
            let tls = if is_secure { tls() } else { String::new() };
            format!("{HTTP2}{tls}{}", check(&format!("kind = \"grpc\"\nservice = \"shop.Stock\"\n{host}")))
        };
        let gateway = checked(setup, &service, &keys("")).await;
        assert_eq!(verdict(&gateway, &service).await, Ok(()));
        gateway.take_over(service.upstream(&keys("host = \"down.test\"")) + &route("all", "service", "")).await;
        gateway.admin().until_healthy("service", address(&service), false).await;
        let endpoint = gateway.admin().endpoint("service", address(&service)).await.expect("it is known");
        assert_eq!(endpoint["last_change"]["cause"], "1 bad answer: NOT_SERVING");
    }
}

#[tokio::test]
async fn other_certificates_start_a_check_anew() {
    let setup = Setup::new("");
    let authority = trusted(&setup);
    let service = Service::secured(Speaks::Http1, &authority, setup.directory(), "service").await;
    Authority::new().write(&setup.directory().join("ca.pem"));
    let gateway = checked(setup, &service, &(tls() + &check("path = \"/ready\""))).await;
    gateway.admin().until_healthy("service", address(&service), false).await;
    authority.write(&gateway.directory().join("ca.pem"));
    gateway.taken_over().await;
    gateway.admin().until_healthy("service", address(&service), true).await;
}

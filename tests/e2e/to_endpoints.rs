//! How endpoints are spoken to: TLS, HTTP/2, Unix sockets, by clients of either protocol.

mod grpc;
mod http2;
mod streams;

use std::path::Path;

use crate::harness::h2::get;
use crate::harness::service::{Service, Speaks};
use crate::harness::tls::Authority;
use crate::harness::{Client, Gateway, Request, Setup, eventually, route};

/// An authority, its root as `ca.pem`, and a certificate for `service.test`, in the folder of this setup.
fn trusted(setup: &Setup) -> Authority {
    let authority = Authority::new();
    authority.write(&setup.directory().join("ca.pem"));
    authority.issue(setup.directory(), "service", "service.test");
    authority
}

/// `[upstream.tls]` for `service.test` with further keys.
fn tls(more: &str) -> String {
    format!("[upstream.tls]\nserver_name = \"service.test\"\nca = \"ca.pem\"\n{more}\n")
}

async fn before(setup: Setup, service: &Service, keys: &str) -> Gateway {
    setup.rest(service.upstream(keys) + &route("all", "service", "")).start().await
}

async fn h1(gateway: &Gateway) -> String {
    let answer = gateway.call(&Request::get("/one").field("host", "client.test")).await;
    format!("{} {}", answer.status(), answer.text())
}

async fn h2(gateway: &Gateway) -> String {
    let answer = gateway.h2().await.call(get("http://client.test/one"), &[]).await;
    format!("{} {}", answer.status(), answer.text())
}

#[tokio::test]
async fn endpoints_are_asked_over_tls_for_clients_of_either_protocol() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    let gateway = before(setup, &service, &tls("")).await;
    let told = "200 HTTP/1.1 GET /one for client.test by service.test\n";
    assert_eq!(h1(&gateway).await, told);
    assert_eq!(h2(&gateway).await, told);
}

#[tokio::test]
async fn a_tls_session_serves_one_request_after_another_and_large_bodies() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    let gateway = before(setup, &service, &tls("")).await;
    let mut client = gateway.client().await;
    for length in [0, 1, 5_000, 300_000] {
        let body = "x".repeat(length);
        let answer = client.call(&Request::post("/big", body.clone())).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.text().ends_with(&body) && answer.text().len() > length, "{length} octets");
    }
    assert_eq!(service.connections(), 1);
}

/// What a client is told, and the cause in the access log, where no TLS session comes about.
async fn untrusted(setup: Setup, service: &Service, keys: &str) -> String {
    let gateway = before(setup, service, &format!("retries = 0\n{keys}")).await;
    for answer in [h1(&gateway).await, h2(&gateway).await] {
        assert!(answer.starts_with("502 ") && answer.contains("no secure connection"), "{answer}");
    }
    assert_eq!(gateway.access_line("/one").await["cause"], "upstream-tls");
    let logged = async || gateway.log().lines().find(|line| line.contains("TLS")).map(str::to_owned);
    eventually("why, in the log", logged).await
}

#[tokio::test]
async fn an_endpoint_that_does_not_show_who_it_is_gets_no_request() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    let of_another = "[upstream.tls]\nserver_name = \"other.test\"\nca = \"ca.pem\"\n";
    let why = untrusted(setup, &service, of_another).await;
    assert!(why.contains("not valid for name"), "{why}");

    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    Authority::new().write(&setup.directory().join("ca.pem"));
    let why = untrusted(setup, &service, &tls("")).await;
    assert!(why.contains("invalid peer certificate"), "{why}");
}

#[tokio::test]
async fn whoever_answers_is_believed_where_the_operator_wants_it() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    let gateway = before(setup, &service, "[upstream.tls]\nverify = false\n").await;
    let told = "200 HTTP/1.1 GET /one for client.test by unnamed\n";
    assert_eq!(h1(&gateway).await, told);
    assert!(h2(&gateway).await.starts_with("200 "));
}

#[tokio::test]
async fn the_gateway_shows_a_certificate_of_its_own_where_it_has_one() {
    for (keys, status) in [("certificate = \"gateway.crt\"\nkey = \"gateway.key\"\n", "200 "), ("", "502 ")] {
        let setup = Setup::new("");
        let authority = trusted(&setup);
        authority.issue(setup.directory(), "gateway", "gateway.test");
        let service = Service::mutual(Speaks::Http1, &authority, setup.directory(), "service").await;
        let gateway = before(setup, &service, &format!("retries = 0\n{}", tls(keys))).await;
        let answers = [h1(&gateway).await, h2(&gateway).await];
        assert!(answers.iter().all(|answer| answer.starts_with(status)), "{answers:?}");
    }
}

#[tokio::test]
async fn a_new_certificate_of_the_gateways_own_needs_no_restart() {
    let setup = Setup::new("");
    let authority = trusted(&setup);
    Authority::new().issue(setup.directory(), "gateway", "gateway.test");
    let service = Service::mutual(Speaks::Http1, &authority, setup.directory(), "service").await;
    let keys = tls("certificate = \"gateway.crt\"\nkey = \"gateway.key\"\n");
    let gateway = before(setup, &service, &format!("retries = 0\n{keys}[upstream.outliers]\nenabled = false\n")).await;
    assert!(h1(&gateway).await.starts_with("502 "));
    authority.issue(gateway.directory(), "gateway", "gateway.test");
    gateway.taken_over().await;
    assert!(h1(&gateway).await.starts_with("200 "));
    assert!(h2(&gateway).await.starts_with("200 "));
}

#[tokio::test]
async fn endpoints_may_be_unix_sockets() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let setup = Setup::new("");
        let service = Service::unix(speaks, setup.directory());
        let gateway = before(setup, &service, protocol(speaks)).await;
        let version = if speaks == Speaks::Http1 { "HTTP/1.1" } else { "HTTP/2.0" };
        let told = format!("200 {version} GET /one for client.test by none\n");
        for _ in 0..2 {
            assert_eq!(h2(&gateway).await, told);
            assert_eq!(h1(&gateway).await, told);
        }
        assert_eq!(gateway.access_line("/one").await["endpoint"], service.address());
    }
}

fn protocol(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Http1 => "",
        Speaks::Http2 => "protocol = \"http/2\"\n",
    }
}

#[tokio::test]
async fn connections_of_tcp_listeners_are_secured_on_their_way_to_the_endpoint() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    let listener =
        "[[listener]]\nname = \"tcp\"\naddress = \"127.0.0.1:0\"\nprotocol = \"tcp\"\nupstream = \"service\"\n";
    let gateway = setup.rest(service.upstream(&tls(""))).listeners(listener).start().await;
    let mut client = Client::connect(gateway.listener("tcp")).await;
    let answer = client.call(&Request::get("/one").field("host", "client.test")).await;
    assert_eq!(answer.text(), "HTTP/1.1 GET /one for client.test by service.test\n");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_before_it_is_used() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    let gateway = before(setup, &service, &tls("")).await;
    let reload = async |keys: &str| {
        let rest = service.upstream(keys) + &route("all", "service", "");
        gateway.reload_with(rest).await.to_string()
    };
    write(gateway.directory(), "empty.pem", "");
    let cases = [
        ("[upstream.tls]\nca = \"none.pem\"\n", "cannot read"),
        ("[upstream.tls]\nca = \"empty.pem\"\n", "contains no certificate"),
        ("[upstream.tls]\ncertificate = \"service.crt\"\nkey = \"ca.pem\"\n", "contains no private key"),
    ];
    for (keys, what) in cases {
        let report = reload(keys).await;
        assert!(report.contains("rejected") && report.contains(what), "{report}");
    }
    assert!(h1(&gateway).await.starts_with("200 "));
}

fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).expect("a writable folder");
}

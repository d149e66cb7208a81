//! Clients that show certificates: who gets a connection, who is identified by it, and what is not believed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::{ALL_VERSIONS, ClientConfig, HandshakeKind, SupportedProtocolVersion, version};

use crate::harness::command::{Finished, finished, tidegate};
use crate::harness::h2::{H2Client, get};
use crate::harness::sections::{plugin, policy};
use crate::harness::tls::{Authority, Secured};
use crate::harness::{Client, Gateway, Origin, Request, Setup, eventually, guests, route, upstream};

/// A gateway for `edge.test` that admits alice by her certificate, and nobody else.
struct Guarded {
    gateway: Gateway,
    origin: Origin,
    /// Vouches for the gateway.
    edge: Authority,
    /// Vouches for clients: `alice`, and `eve` whom nobody knows.
    clients: Authority,
}

impl Guarded {
    /// `asked` is "required" or "optional".
    async fn start(asked: &str) -> Self {
        let (origin, edge, clients) = (Origin::start().await, Authority::new(), Authority::new());
        let sections = upstream("origin", &[&origin])
            + &plugin("client-certificate", &guests::shipped("client_certificate"), "grants = [\"consumers\"]")
            + &policy("certificates", "client-certificate", "")
            + &route("all", "origin", "policies = [\"certificates\"]")
            + "[consumers]\nfile = \"consumers.toml\"\n";
        let listener =
            |name: &str, more: &str| format!("[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\n{more}");
        let tls = format!(
            "[listener.tls]\ncertificate = \"edge.crt\"\nkey = \"edge.key\"\nclient_ca = \"clients.pem\"\n\
             client_certificate = \"{asked}\"\n"
        );
        let tcp = format!("protocol = \"tcp\"\nupstream = \"origin\"\n{tls}");
        let listeners = listener("http", "") + &listener("https", &tls) + &listener("tcp", &tcp);
        let setup = Setup::new(sections).listeners(&listeners);
        edge.issue(setup.directory(), "edge", "edge.test");
        clients.write(&setup.directory().join("clients.pem"));
        for name in ["alice", "eve"] {
            clients.issue(setup.directory(), name, "alice");
        }
        std::fs::write(setup.directory().join("consumers.toml"), "").expect("a writable folder");
        let folder = setup.directory().to_owned();
        for arguments in [&["add", "alice"][..], &["certificate", "alice", "alice.crt"]] {
            let done = consumer(&folder, arguments).await;
            assert_eq!(done.code, Some(0), "{}", done.stderr);
        }
        Self { gateway: setup.start().await, origin, edge, clients }
    }

    /// A client that shows the certificate of this name.
    fn client(&self, offered: &[&str], name: Option<&str>) -> Arc<ClientConfig> {
        Arc::new(self.client_of(ALL_VERSIONS, offered, name))
    }

    fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        offered: &[&str],
        name: Option<&str>,
    ) -> ClientConfig {
        self.edge.client(versions, offered, name.map(|name| (self.gateway.directory(), name)))
    }

    async fn open(&self, config: &Arc<ClientConfig>) -> io::Result<Secured> {
        Secured::open(config, self.gateway.listener("https"), "edge.test").await
    }

    /// The status of a request over HTTP/1.1 by such a client.
    async fn asked(&self, name: Option<&str>, request: &Request) -> io::Result<u16> {
        let secured = self.open(&self.client(&["http/1.1"], name)).await?;
        Ok(Client::over(secured.stream).try_call(request).await?.status())
    }

    async fn failures(&self, reason: &str) -> f64 {
        let labels = [("listener", "https"), ("reason", reason)];
        self.gateway.admin().metrics().await.sum("tidegate_tls_handshake_failures_total", &labels)
    }

    /// The client gets no connection, and the gateway says why.
    async fn is_turned_away(&self, name: Option<&str>, reason: &str) {
        let before = self.failures(reason).await;
        // In TLS 1.3 a client hears of it only after its own part of the handshake.
        let answer = self.asked(name, &Request::get("/")).await;
        assert!(answer.is_err(), "{name:?}: {answer:?}");
        let labels = [("listener", "https"), ("reason", reason)];
        self.gateway.admin().until_metric("tidegate_tls_handshake_failures_total", &labels, before + 1.0).await;
    }
}

/// `tidegate consumer` in this folder.
async fn consumer(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = tidegate();
    command.arg("consumer").args(arguments).current_dir(folder);
    finished("consumer", command).await
}

/// A request with all that proxies tell of certificates.
fn forged() -> Request {
    let sha256 = "0".repeat(64);
    ["x-client-cert", "x-client-cert-sha256", "client-cert", "x-forwarded-client-cert", "x-ssl-client-verify"]
        .into_iter()
        .fold(Request::get("/"), |request, name| request.field(name, &format!("SUCCESS;CN=alice;{sha256}")))
        .field("x-consumer-name", "alice")
}

#[tokio::test]
async fn a_certificate_identifies_its_consumer_over_both_protocols() {
    for asked in ["required", "optional"] {
        let guarded = Guarded::start(asked).await;
        assert_eq!(guarded.asked(Some("alice"), &Request::get("/")).await.expect("a connection"), 200);
        let secured = guarded.open(&guarded.client(&["h2"], Some("alice"))).await.expect("a connection");
        assert_eq!(secured.chosen.as_deref(), Some("h2"));
        let client = H2Client::over(secured.stream).await;
        assert_eq!(client.call(get("https://edge.test/"), &[]).await.status(), 200);
        let seen = guarded.origin.requests();
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|seen| seen.field("x-consumer-name") == Some("alice")), "{seen:?}");
    }
}

#[tokio::test]
async fn who_shows_no_certificate_or_that_of_nobody_is_refused_whatever_the_head_says() {
    let guarded = Guarded::start("optional").await;
    for name in [None, Some("eve")] {
        for request in [Request::get("/"), forged()] {
            assert_eq!(guarded.asked(name, &request).await.expect("a connection"), 401);
        }
        let secured = guarded.open(&guarded.client(&["h2"], name)).await.expect("a connection");
        let answer = H2Client::over(secured.stream).await.call(get("https://edge.test/"), &[]).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.field("www-authenticate"), Some("ClientCertificate realm=\"tidegate\""));
    }
    assert_eq!(guarded.gateway.call(&forged()).await.status(), 401, "without TLS");
    assert!(guarded.origin.requests().is_empty());
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_believed_gets_no_connection() {
    for asked in ["required", "optional"] {
        let guarded = Guarded::start(asked).await;
        let folder = guarded.gateway.directory();
        Authority::new().issue(folder, "stranger", "alice");
        guarded.edge.issue(folder, "colleague", "alice");
        guarded.clients.issue_with(folder, "expired", "alice", |params| {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        });
        guarded.clients.issue_with(folder, "server", "alice", |params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        });
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["alice".to_owned()]).expect("a certificate");
        std::fs::write(folder.join("self.crt"), cert.pem()).expect("a writable folder");
        std::fs::write(folder.join("self.key"), signing_key.serialize_pem()).expect("a writable folder");
        for name in ["stranger", "colleague", "expired", "server", "self"] {
            guarded.is_turned_away(Some(name), "bad-certificate").await;
        }
        assert!(guarded.origin.requests().is_empty());
        assert_eq!(guarded.asked(Some("alice"), &Request::get("/")).await.expect("a connection"), 200);
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_gets_no_connection_where_one_is_required() {
    let guarded = Guarded::start("required").await;
    guarded.is_turned_away(None, "no-certificate").await;
    assert_eq!(guarded.gateway.call(&Request::get("/")).await.status(), 401, "without TLS there is nothing to show");
}

#[tokio::test]
async fn connections_that_are_passed_on_are_asked_for_certificates_too() {
    let guarded = Guarded::start("required").await;
    let client = async |name| {
        let config = guarded.client(&[], name);
        let stream = Secured::open(&config, guarded.gateway.listener("tcp"), "edge.test").await?.stream;
        Client::over(stream).try_call(&Request::get("/")).await
    };
    assert_eq!(
        client(Some("eve")).await.expect("a connection").status(),
        200,
        "whom it lets in is the endpoint's business"
    );
    assert!(client(None).await.is_err());
    let labels = [("listener", "tcp"), ("reason", "no-certificate")];
    guarded.gateway.admin().until_metric("tidegate_tls_handshake_failures_total", &labels, 1.0).await;
}

#[tokio::test]
async fn a_session_that_is_resumed_keeps_its_identity() {
    let guarded = Guarded::start("optional").await;
    for version in [&version::TLS12, &version::TLS13] {
        for (name, status) in [(Some("alice"), 200), (Some("eve"), 401), (None, 401)] {
            let config = Arc::new(guarded.client_of(&[version], &["http/1.1"], name));
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let secured = guarded.open(&config).await.expect("a connection");
                assert_eq!(secured.stream.get_ref().1.handshake_kind(), Some(kind));
                assert_eq!(Client::over(secured.stream).call(&Request::get("/")).await.status(), status);
            }
        }
    }
}

#[tokio::test]
async fn those_who_vouch_for_clients_are_changed_while_the_gateway_serves() {
    let guarded = Guarded::start("required").await;
    let config = guarded.client(&["http/1.1"], Some("alice"));
    let mut before = Client::over(guarded.open(&config).await.expect("a connection").stream);
    assert_eq!(before.call(&Request::get("/")).await.status(), 200);
    let folder = guarded.gateway.directory();
    let others = Authority::new();
    others.issue(folder, "new-alice", "alice");
    others.write(&folder.join("clients.pem"));
    guarded.gateway.taken_over().await;
    assert_eq!(before.call(&Request::get("/")).await.status(), 200, "a connection that stands stays");
    let resumed = async {
        let stream = guarded.open(&config).await?.stream;
        Client::over(stream).try_call(&Request::get("/")).await
    };
    assert!(resumed.await.is_err(), "a session of before is not resumed");
    let labels = [("listener", "https"), ("reason", "bad-certificate")];
    guarded.gateway.admin().until_metric("tidegate_tls_handshake_failures_total", &labels, 1.0).await;
    assert_eq!(guarded.asked(Some("new-alice"), &Request::get("/")).await.expect("a connection"), 401);
    let added = consumer(folder, &["certificate", "alice", "new-alice.crt"]).await;
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let is_known = async || {
        let answer = guarded.asked(Some("new-alice"), &Request::get("/")).await;
        answer.is_ok_and(|status| status == 200).then_some(())
    };
    eventually("the new certificate to be known", is_known).await;
    let listed = consumer(folder, &["list"]).await;
    assert_eq!(listed.stdout.trim(), "alice: 2 certificates");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_file_is_told() {
    let guarded = Guarded::start("required").await;
    let folder = guarded.gateway.directory();
    let cases = [
        ("alice.key", "contains no certificate"),
        ("none.crt", "cannot read"),
        ("alice.crt", "this certificate is given twice"),
    ];
    for (file, what) in cases {
        let refused = consumer(folder, &["certificate", "alice", file]).await;
        assert!(refused.code != Some(0) && refused.stderr.contains(what), "{file}: {}", refused.stderr);
    }
}

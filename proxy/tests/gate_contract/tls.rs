//! TLS, terminated by the Gate.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tidegate::config::model::{Limits, ListenerTls};
use tidegate::gate::{Alpn, HandshakeFailure, Refusal, TlsTerminator};

use crate::client::{Client, get, last};
use crate::harness::{Harness, limits};

struct Tls {
    harness: Harness,
    certificate: CertificateDer<'static>,
}

impl Tls {
    fn with(limits: Limits) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let files = tempfile::tempdir().unwrap();
        let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
        fs::write(&certificate, cert.pem()).unwrap();
        fs::write(&key, signing_key.serialize_pem()).unwrap();
        let spec = ListenerTls { certificate, key, clients: None };
        let terminator = TlsTerminator::load(&spec, Alpn::Http2).unwrap();
        Self { harness: Harness::with(limits, Some(terminator)), certificate: cert.der().clone() }
    }

    fn client(&self, protocols: &[&str], trusts: bool) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        if trusts {
            roots.add(self.certificate.clone()).unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let session = ClientConnection::new(Arc::new(config), "a.test".try_into().unwrap()).unwrap();
        StreamOwned::new(session, self.harness.connect().stream)
    }

    /// Waits until the Gate has told of one failed handshake.
    fn failure(&self) -> HandshakeFailure {
        loop {
            if let Some(failure) = self.harness.book.handshakes.lock().pop() {
                return failure;
            }
            std::thread::yield_now();
        }
    }
}

#[test]
fn http1_over_tls_keeps_its_connection_and_its_hooks_know_the_server_name() {
    let tls = Tls::with(limits());
    let mut client = Client::over(tls.client(&["http/1.1"], true));
    client.send(get("/1"));
    assert_eq!(client.answer().unwrap().text(), "/1|0");
    client.send(last());
    assert_eq!(client.answer().unwrap().text(), "/last|0");
    assert_eq!(client.stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert_eq!(*tls.harness.book.server_names.lock(), [Some(Some("a.test".into())), Some(Some("a.test".into()))]);
}

#[test]
fn http2_is_agreed_on_in_the_handshake_and_its_hooks_know_the_server_name() {
    let tls = Tls::with(limits());
    let mut stream = tls.client(&["h2", "http/1.1"], true);
    // Preface, SETTINGS, and HEADERS that end stream 1: GET / https, with :authority as a literal.
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    octets.extend(b"\0\0\x0b\x01\x05\0\0\0\x01\x82\x84\x87\x41\x06a.test");
    stream.write_all(&octets).unwrap();
    let status = loop {
        let mut header = [0; 9];
        stream.read_exact(&mut header).unwrap();
        let mut payload = vec![0; usize::from(header[1]) << 8 | usize::from(header[2])];
        stream.read_exact(&mut payload).unwrap();
        if header[3] == 1 {
            break payload[0];
        }
    };
    assert_eq!(status, 0x88, "an indexed `:status: 200`");
    assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(*tls.harness.book.server_names.lock(), [Some(Some("a.test".into()))]);
}

#[test]
fn in_plain_text_there_is_no_server_name() {
    let harness = Harness::start();
    harness.expect("plain", last(), &[200]);
    assert_eq!(*harness.book.server_names.lock(), [None]);
}

#[test]
fn something_else_than_the_http2_agreed_on_is_closed() {
    let tls = Tls::with(limits());
    let mut stream = tls.client(&["h2"], true);
    stream.write_all(&last()).unwrap();
    let _ = stream.read(&mut [0; 64]);
    assert_eq!(tls.harness.book.refusals.lock()[0].0, Refusal::NotHttp2);
    assert_eq!(tls.harness.origin.heads(), 0);
}

#[test]
fn a_failed_handshake_is_told_with_its_reason() {
    let tls = Tls::with(Limits { head_timeout: Duration::from_millis(500), ..limits() });
    let mut plain = tls.harness.connect();
    plain.send(last());
    assert_eq!(tls.failure(), HandshakeFailure::NotTls);
    assert!(tls.client(&["spdy/3"], true).write_all(b"x").is_err());
    assert_eq!(tls.failure(), HandshakeFailure::Incompatible);
    assert!(tls.client(&["http/1.1"], false).write_all(b"x").is_err());
    assert_eq!(tls.failure(), HandshakeFailure::Alert);
    drop(tls.harness.connect());
    assert_eq!(tls.failure(), HandshakeFailure::Closed);
    let _silent = tls.harness.connect();
    assert_eq!(tls.failure(), HandshakeFailure::Timeout);
}

//! A certificate authority of the test's own, and clients that trust it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::tcp;
use super::wait::within;

/// Signs the certificates of one test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key pair");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are legal names");
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a certificate").der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// Writes `NAME.crt` and `NAME.key` for a host into a folder.
    pub(crate) fn issue(&self, directory: &Path, name: &str, host: &str) {
        let key = KeyPair::generate().expect("a key pair");
        let params = CertificateParams::new(vec![host.to_owned()]).expect("a legal host");
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        std::fs::write(directory.join(format!("{name}.crt")), leaf.pem()).expect("a writable folder");
        std::fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).expect("a writable folder");
    }

    /// Opens a TLS connection that offers these protocols, and says which one the gateway chose.
    pub(crate) async fn connect(&self, address: SocketAddr, host: &str, offered: &[&str]) -> Secured {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the versions of the library")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(host.to_owned()).expect("a legal host");
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, tcp(address).await);
        let stream = within("the TLS handshake", handshake).await.expect("a certificate this authority signed");
        let chosen = stream.get_ref().1.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
        Secured { stream, chosen }
    }
}

/// An open TLS connection.
pub(crate) struct Secured {
    pub(crate) stream: TlsStream<TcpStream>,
    /// By ALPN.
    pub(crate) chosen: Option<String>,
}

//! TLS towards the server of a key set.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Why a server could not be told from another.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    #[error("it is not well-formed PEM: {0}")]
    Malformed(#[from] pem::Error),
    #[error("it contains no certificate")]
    NoCertificate,
    #[error("the certificates of the system cannot be read: {0}")]
    System(#[from] io::Error),
    #[error("the system has no certificates to trust")]
    EmptySystem,
    #[error("a certificate in it cannot be trusted: {0}")]
    Unusable(#[from] rustls::Error),
    #[error("its host cannot be the name in a certificate: {0}")]
    Name(#[from] InvalidDnsNameError),
}

/// Opens connections to one server.
pub(super) struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Client {
    /// Trusts the certificates in `ca` (PEM) and no other, or those of the system.
    pub(super) fn new(host: &str, ca: Option<&[u8]>) -> Result<Self, TrustError> {
        let name = ServerName::try_from(host.to_owned())?;
        // Names its provider instead of relying on the one installed for the process.
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_root_certificates(ca.map_or_else(system_roots, roots)?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate?)?;
    }
    if roots.is_empty() { Err(TrustError::NoCertificate) } else { Ok(roots) }
}

/// A system may keep some that are not well-formed; the others are as good as before.
fn system_roots() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs()?);
    if roots.is_empty() { Err(TrustError::EmptySystem) } else { Ok(roots) }
}

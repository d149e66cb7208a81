//! TLS towards the server of a key set.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::{TrustError, roots, system_roots};

/// Why a server could not be told from another.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("its host cannot be the name in a certificate: {0}")]
    Name(#[from] InvalidDnsNameError),
    #[error("TLS cannot be set up: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Opens connections to one server.
pub(super) struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Client {
    /// Trusts the certificates in `ca` (PEM) and no other, or those of the system.
    pub(super) fn new(host: &str, ca: Option<&[u8]>) -> Result<Self, ClientError> {
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

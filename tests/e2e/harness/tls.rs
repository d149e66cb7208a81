//! A certificate authority of the test's own, and clients that trust it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::client::tcp;
use super::script::Reply;
use super::wait::within;
use super::wire::Wire;

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
        self.issue_with(directory, name, host, |_| ());
    }

    /// The same for a certificate that is different in something.
    pub(crate) fn issue_with(
        &self,
        directory: &Path,
        name: &str,
        host: &str,
        in_what: impl FnOnce(&mut CertificateParams),
    ) {
        let key = KeyPair::generate().expect("a key pair");
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a legal host");
        in_what(&mut params);
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        std::fs::write(directory.join(format!("{name}.crt")), leaf.pem()).expect("a writable folder");
        std::fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).expect("a writable folder");
    }

    /// Writes the certificate that clients trust.
    pub(crate) fn write(&self, file: &Path) {
        std::fs::write(file, self.root_pem()).expect("a writable folder");
    }

    fn root_pem(&self) -> String {
        let text = STANDARD.encode(&self.root);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    /// Answers every request over TLS with this body, as the host whose certificate has this name in the folder.
    pub(crate) async fn serve(&self, directory: &Path, name: &str, body: String) -> SocketAddr {
        let mut config = self.server(directory, name, b"", None);
        config.alpn_protocols.clear();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("the address of a bound socket");
        tokio::spawn(answer_all(listener, TlsAcceptor::from(Arc::new(config)), Reply::ok(body)));
        address
    }

    /// For servers as the host whose certificate has this name in the folder, and clients that show one where one is wanted.
    pub(crate) fn server(
        &self,
        directory: &Path,
        name: &str,
        protocol: &[u8],
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> ServerConfig {
        let (chain, key) = identity(directory, name);
        let builder = ServerConfig::builder_with_provider(Self::provider())
            .with_safe_default_protocol_versions()
            .expect("the versions of the library");
        let builder = match clients {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).expect("a certificate and its key");
        config.alpn_protocols = vec![protocol.to_vec()];
        config
    }

    pub(crate) fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::ring::default_provider())
    }

    /// Those it signed are believed.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root certificate");
        Arc::new(roots)
    }

    /// Opens a TLS connection that offers these protocols, and says which one the gateway chose.
    pub(crate) async fn connect(&self, address: SocketAddr, host: &str, offered: &[&str]) -> Secured {
        let config = Arc::new(self.client(ALL_VERSIONS, offered, None));
        Secured::open(&config, address, host).await.expect("a certificate this authority signed")
    }

    /// For clients that trust this authority, and show the certificate of this name in this folder.
    pub(crate) fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        offered: &[&str],
        shown: Option<(&Path, &str)>,
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Self::provider())
            .with_protocol_versions(versions)
            .expect("the versions of the library")
            .with_root_certificates(self.roots());
        let mut config = match shown.map(|(directory, name)| identity(directory, name)) {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).expect("a certificate and its key"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = offered.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}

/// The certificate of this name in this folder, and its key.
fn identity(directory: &Path, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let read = |kind: &str| std::fs::read(directory.join(format!("{name}.{kind}"))).expect("what was issued");
    let chain = CertificateDer::pem_slice_iter(&read("crt")).collect::<Result<Vec<_>, _>>().expect("certificates");
    (chain, PrivateKeyDer::from_pem_slice(&read("key")).expect("a key"))
}

async fn answer_all(listener: TcpListener, acceptor: TlsAcceptor, reply: Reply) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, reply) = (acceptor.clone(), reply.clone());
        tokio::spawn(async move {
            // A client that does not trust us goes away: that is what some tests are for.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut wire = Wire::new(stream);
            while let Ok(Some(_)) = wire.head().await {
                if wire.send(&reply.bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}

impl Secured {
    /// Opens a connection; those of one configuration resume each other's sessions.
    pub(crate) async fn open(config: &Arc<ClientConfig>, address: SocketAddr, host: &str) -> std::io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).expect("a legal host");
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, tcp(address).await);
        let stream = within("the TLS handshake", handshake).await?;
        let chosen = stream.get_ref().1.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
        Ok(Self { stream, chosen })
    }
}

/// An open TLS connection.
pub(crate) struct Secured {
    pub(crate) stream: TlsStream<TcpStream>,
    /// By ALPN.
    pub(crate) chosen: Option<String>,
}

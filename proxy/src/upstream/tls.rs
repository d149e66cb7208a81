//! TLS towards endpoints.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, version};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::stream::Stream;
use crate::certificates::{self, TrustError};
use crate::config::model::{EndpointAddress, UpstreamProtocol, UpstreamTls};

/// What is offered by ALPN (RFC 7301).
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";
/// How long failed handshakes are not spoken of again.
const SILENCE: Duration = Duration::from_secs(10);

/// Why TLS towards endpoints cannot be set up, and the key of `[upstream.tls]` that is at fault.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TlsProblem {
    /// The key.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<&'static str>,
}

impl TlsProblem {
    fn new(key: &'static str, message: impl fmt::Display) -> Self {
        Self { key, message: message.to_string(), hint: None }
    }
}

/// A connection on which TLS is spoken.
pub type SecuredStream = TlsStream<Stream>;

/// The settings for one upstream: whom to believe, and as whom to appear.
pub struct TlsSettings {
    /// For requests.
    http: TlsConnector,
    /// For connections of tcp listeners, whose protocol is their clients' business.
    opaque: TlsConnector,
    server_name: Option<ServerName<'static>>,
    protocol: UpstreamProtocol,
    parts: TlsParts,
    sha256: [u8; 32],
    /// When a failure was last written to the log.
    complained: Mutex<Option<Instant>>,
}

/// The settings as parts, for whoever puts them together by himself.
#[derive(Debug)]
pub struct TlsParts {
    /// DER certificates of those who may vouch for an endpoint; `None` for those the system trusts.
    pub roots: Option<Vec<Vec<u8>>>,
    /// DER certificates of the gateway's own, leaf first, and the DER of their key.
    pub identity: Option<(Vec<Vec<u8>>, Vec<u8>)>,
    /// Whether an endpoint must show who it is.
    pub verify: bool,
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl TlsSettings {
    /// Reads what the configuration names. `host` is what stands in requests, and in certificates where nothing else is said.
    ///
    /// # Errors
    /// A file is not what it should be.
    pub fn load(spec: &UpstreamTls, host: Option<&str>, protocol: UpstreamProtocol) -> Result<Self, TlsProblem> {
        let mut sha256 = Sha256::new();
        let name = spec.server_name.as_deref().or_else(|| host.map(without_port));
        let server_name = name.map(|name| ServerName::try_from(name.to_owned()));
        let server_name = server_name.transpose().map_err(|error| TlsProblem::new("server_name", error))?;
        let verify = if spec.verify { "verified" } else { "believed" };
        sha256.update(format!("{name:?} {protocol:?} {verify}"));
        let ca = spec.ca.as_deref().map(read_ca).transpose()?;
        let roots = ca.as_ref().map(|certificates| certificates.iter().map(|der| der.to_vec()).collect::<Vec<_>>());
        roots.iter().flatten().for_each(|der| sha256.update(Sha256::digest(der)));
        let config = config(spec, ca)?;
        let (config, identity) = identified(config, spec)?;
        if let Some((chain, key)) = &identity {
            chain.iter().chain([key]).for_each(|der| sha256.update(Sha256::digest(der)));
        }
        let mut http = config.clone();
        http.alpn_protocols = vec![if protocol == UpstreamProtocol::Http2 { HTTP2.into() } else { HTTP1.into() }];
        Ok(Self {
            http: TlsConnector::from(Arc::new(http)),
            opaque: TlsConnector::from(Arc::new(config)),
            server_name,
            protocol,
            parts: TlsParts { roots, identity, verify: spec.verify },
            sha256: sha256.finalize().into(),
            complained: Mutex::default(),
        })
    }

    /// Whether it was made of the same files and settings.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }

    /// Tells connections of these settings from those of others; never 0.
    #[must_use]
    pub fn identity(&self) -> u64 {
        let mut first = [0; 8];
        first.iter_mut().zip(self.sha256).for_each(|(to, from)| *to = from);
        u64::from_le_bytes(first).max(1)
    }

    /// What they were put together of.
    #[must_use]
    pub fn parts(&self) -> &TlsParts {
        &self.parts
    }

    /// The name an endpoint must show: the one that was set, or its own address.
    #[must_use]
    pub fn name_for(&self, address: &EndpointAddress) -> Option<String> {
        match (&self.server_name, address) {
            (Some(name), _) => Some(name.to_str().into_owned()),
            (None, EndpointAddress::Ip(address)) => Some(address.ip().to_string()),
            (None, EndpointAddress::Unix(_)) => None,
        }
    }

    /// Says in the log why there is no session with an endpoint, now and then: each request may find the same.
    pub fn complain(&self, address: &EndpointAddress, why: &str) {
        let now = Instant::now();
        let mut last = self.complained.lock();
        if last.is_none_or(|last| now.duration_since(last) >= SILENCE) {
            *last = Some(now);
            tracing::warn!(endpoint = %address, why, "no TLS session with an endpoint");
        }
    }

    /// Does the handshake for requests, and sees that the endpoint speaks the version of HTTP it is asked in.
    pub(super) async fn for_requests(&self, address: &EndpointAddress, stream: Stream) -> io::Result<SecuredStream> {
        let stream = self.http.connect(self.server_name(address)?, stream).await?;
        let agreed = stream.get_ref().1.alpn_protocol();
        if self.protocol == UpstreamProtocol::Http2 && agreed != Some(HTTP2) {
            return Err(io::Error::other("it does not speak HTTP/2"));
        }
        Ok(stream)
    }

    /// Does the handshake for a connection that carries anything.
    pub(super) async fn for_octets(&self, address: &EndpointAddress, stream: Stream) -> io::Result<SecuredStream> {
        self.opaque.connect(self.server_name(address)?, stream).await
    }

    fn server_name(&self, address: &EndpointAddress) -> io::Result<ServerName<'static>> {
        match (&self.server_name, address) {
            (Some(name), _) => Ok(name.clone()),
            (None, EndpointAddress::Ip(address)) => Ok(ServerName::from(address.ip())),
            // Only where nothing is verified, so that any name will do.
            (None, EndpointAddress::Unix(_)) => {
                ServerName::try_from("localhost").map_err(|error| io::Error::other(error.to_string()))
            }
        }
    }
}

/// `host:port` without its port, `[::1]` without its brackets.
fn without_port(host: &str) -> &str {
    let bare = host.trim_start_matches('[');
    match (bare.split_once(']'), host.rsplit_once(':')) {
        (Some((address, _)), _) => address,
        (None, Some((name, _))) if host.parse::<IpAddr>().is_err() => name,
        _ => host,
    }
}

fn read_ca(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    read_chain("ca", path)
}

/// Both TLS libraries that use them want to be sure of what they get.
fn read_chain(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let chain = certificates::read_chain(path).map_err(|error| TlsProblem::new(key, error))?;
    match chain.iter().all(|certificate| X509Certificate::from_der(certificate).is_ok()) {
        true => Ok(chain),
        false => Err(TlsProblem::new(key, format!("a certificate in {} cannot be understood", path.display()))),
    }
}

fn config(
    spec: &UpstreamTls,
    ca: Option<Vec<CertificateDer<'static>>>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, TlsProblem> {
    // Names its provider instead of relying on the one installed for the process.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| TlsProblem::new("verify", error))?;
    if !spec.verify {
        return Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))));
    }
    let roots = match ca {
        Some(ca) => certificates::trusted(ca).map_err(|error| TlsProblem::new("ca", error))?,
        None => certificates::system_roots().map_err(|error: TrustError| TlsProblem {
            hint: Some("`ca` names a PEM file with those who may vouch for the endpoints"),
            ..TlsProblem::new("verify", error)
        })?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|error| TlsProblem::new("ca", error))?;
    Ok(builder.with_webpki_verifier(verifier))
}

type Identity = (Vec<Vec<u8>>, Vec<u8>);

fn identified(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    spec: &UpstreamTls,
) -> Result<(ClientConfig, Option<Identity>), TlsProblem> {
    let Some(identity) = &spec.identity else { return Ok((builder.with_no_client_auth(), None)) };
    let chain = read_chain("certificate", &identity.certificate)?;
    let key = certificates::read_key(&identity.key).map_err(|error| TlsProblem::new("key", error))?;
    let parts = (chain.iter().map(|der| der.to_vec()).collect(), key.secret_der().to_vec());
    let config = builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsProblem::new("key", "the key does not fit the certificate"),
        error => TlsProblem::new("certificate", error),
    })?;
    Ok((config, Some(parts)))
}

/// Believes whoever answers, as the operator wants it; what is signed must still be signed by that key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

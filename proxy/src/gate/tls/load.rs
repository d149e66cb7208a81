//! From files to a TLS configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, version};
use sha2::{Digest, Sha256};

use super::client;
use crate::certificates::{PemError, read_chain, read_key};
use crate::config::model::{ClientAuthorities, ListenerTls};

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not what was expected of it.
    #[error(transparent)]
    File(#[from] PemError),
    /// The two do not belong together.
    #[error("the key in {} does not fit the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The TLS library will not have them.
    #[error("cannot use the certificate in {} with the key in {}: {source}", certificate.display(), key.display())]
    Unusable {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What it says.
        source: rustls::Error,
    },
    /// Those who are to vouch for clients are not as they should be.
    #[error("{0}")]
    Authorities(String),
}

impl TlsError {
    /// The configuration key that names the file at fault.
    #[must_use]
    pub fn key(&self, spec: &ListenerTls) -> &'static str {
        let of = |path: &Path| if path == spec.key { "key" } else { "certificate" };
        match self {
            Self::Authorities(_) => "client_ca",
            Self::File(PemError::Unreadable { path, .. } | PemError::Malformed { path, .. }) => of(path),
            Self::File(PemError::NoCertificate { .. }) | Self::Unusable { .. } => "certificate",
            Self::File(PemError::NoKey { .. }) | Self::Mismatch { .. } => "key",
        }
    }
}

/// Tells certificates, key and settings from others; nothing of the key can be read from it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    sha256: [u8; 32],
    /// Of those who may vouch for clients, and whether one must.
    clients: Option<([u8; 32], bool)>,
    alpn: Alpn,
}

/// What is offered by ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// `h2`, then `http/1.1`.
    Http2,
    /// `http/1.1`.
    Http1,
    /// Nothing, so that a client may ask for whatever the endpoint speaks.
    Nothing,
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Nothing => Vec::new(),
        }
    }
}

pub(super) fn server_config(spec: &ListenerTls, alpn: Alpn) -> Result<(ServerConfig, Fingerprint), TlsError> {
    let ListenerTls { certificate, key, clients } = spec;
    let (chain, private_key) = (read_chain(certificate)?, read_key(key)?);
    let clients = clients.as_ref().map(client_verifier).transpose()?;
    let (verifier, clients) = clients.map_or((None, None), |(verifier, digest)| (Some(verifier), Some(digest)));
    let mut sha256 = Sha256::new();
    chain.iter().for_each(|certificate| sha256.update(certificate));
    sha256.update(private_key.secret_der());
    let fingerprint = Fingerprint { sha256: sha256.finalize().into(), clients, alpn };
    let config = build(chain, private_key, alpn, verifier).map_err(|source| {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        match source {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { certificate, key },
            source => TlsError::Unusable { certificate, key, source },
        }
    })?;
    Ok((config, fingerprint))
}

type ClientVerifier = Arc<dyn ClientCertVerifier>;

/// Who says whether clients are to be believed, and what tells it from others.
fn client_verifier(spec: &ClientAuthorities) -> Result<(ClientVerifier, ([u8; 32], bool)), TlsError> {
    let authorities = read_chain(&spec.ca).map_err(|error| TlsError::Authorities(error.to_string()))?;
    let mut sha256 = Sha256::new();
    authorities.iter().for_each(|certificate| sha256.update(Sha256::digest(certificate)));
    let unusable = |why| TlsError::Authorities(format!("nobody in {} can vouch for clients: {why}", spec.ca.display()));
    let verifier = client::verifier(authorities, spec.is_required).map_err(unusable)?;
    Ok((verifier, (sha256.finalize().into(), spec.is_required)))
}

/// Names its provider instead of relying on the one installed for the process, which anybody may have set first.
fn build(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    alpn: Alpn,
    verifier: Option<ClientVerifier>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = alpn.protocols();
    // Stateless resumption: it costs no memory per client, and its keys rotate.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

    use super::*;

    /// A directory with a certificate, its key, another key, and files that are neither.
    fn files() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write("cert.pem", &cert.pem());
        write("key.pem", &signing_key.serialize_pem());
        write("other.pem", &KeyPair::generate().unwrap().serialize_pem());
        write("text.pem", "no PEM at all");
        write("cut.pem", &cert.pem()[..100]);
        write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        directory
    }

    fn spec(files: &tempfile::TempDir, certificate: &str, key: &str) -> ListenerTls {
        ListenerTls { certificate: files.path().join(certificate), key: files.path().join(key), clients: None }
    }

    fn with_clients(files: &tempfile::TempDir, ca: &str, is_required: bool) -> ListenerTls {
        let clients = Some(ClientAuthorities { ca: files.path().join(ca), is_required });
        ListenerTls { clients, ..spec(files, "cert.pem", "key.pem") }
    }

    #[test]
    fn whoever_vouches_for_clients_makes_a_difference() {
        let files = files();
        fs::write(
            files.path().join("more.pem"),
            generate_simple_self_signed(["b.test".to_owned()]).unwrap().cert.pem(),
        )
        .unwrap();
        let specs = [
            spec(&files, "cert.pem", "key.pem"),
            with_clients(&files, "cert.pem", true),
            with_clients(&files, "cert.pem", false),
            with_clients(&files, "more.pem", true),
        ];
        let fingerprints: Vec<_> = specs.iter().map(|spec| server_config(spec, Alpn::Http2).unwrap().1).collect();
        for (index, one) in fingerprints.iter().enumerate() {
            assert!(fingerprints[index + 1..].iter().all(|other| one != other));
        }
    }

    #[test]
    fn an_error_with_authorities_names_their_file() {
        let files = files();
        for (ca, what) in [
            ("none.pem", "cannot read"),
            ("text.pem", "contains no certificate"),
            ("key.pem", "contains no certificate"),
            ("garbage.pem", "nobody in"),
        ] {
            let spec = with_clients(&files, ca, true);
            let error = server_config(&spec, Alpn::Http2).err().unwrap();
            assert_eq!(error.key(&spec), "client_ca");
            assert!(error.to_string().contains(what) && error.to_string().contains(ca), "{error}");
        }
    }

    #[test]
    fn a_certificate_with_its_key_offers_the_protocols_asked_for() {
        let files = files();
        let load = |alpn| server_config(&spec(&files, "cert.pem", "key.pem"), alpn).unwrap().0;
        assert_eq!(load(Alpn::Http2).alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(load(Alpn::Http1).alpn_protocols, [b"http/1.1".to_vec()]);
        assert!(load(Alpn::Nothing).alpn_protocols.is_empty());
    }

    #[test]
    fn an_error_names_the_file_and_what_is_wrong_with_it() {
        let files = files();
        let cases = [
            ("none.pem", "key.pem", "cannot read", "none.pem"),
            ("cert.pem", "none.pem", "cannot read", "none.pem"),
            ("text.pem", "key.pem", "contains no certificate", "text.pem"),
            ("key.pem", "key.pem", "contains no certificate", "key.pem"),
            ("cut.pem", "key.pem", "not well-formed PEM", "cut.pem"),
            ("cert.pem", "cert.pem", "contains no private key", "cert.pem"),
            ("cert.pem", "text.pem", "contains no private key", "text.pem"),
            ("cert.pem", "other.pem", "does not fit", "other.pem"),
            ("garbage.pem", "key.pem", "cannot use the certificate", "garbage.pem"),
        ];
        for (certificate, key, what, which) in cases {
            let error = server_config(&spec(&files, certificate, key), Alpn::Http2).err().unwrap();
            let text = error.to_string();
            assert!(text.contains(what) && text.contains(which), "{certificate} {key}: {text}");
        }
    }
}

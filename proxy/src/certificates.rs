//! Certificates and keys in files, and whom to believe: what every side that speaks TLS needs.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file is not what was expected of it.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It cannot be read.
    #[error("cannot read {}: {source}; hint: the gateway reads certificates as the user it runs as", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not PEM.
    #[error("{} is not well-formed PEM: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// It has no certificate.
    #[error("{} contains no certificate; hint: it must have a `BEGIN CERTIFICATE` section, leaf first", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// It has no key.
    #[error("{} contains no private key; hint: an unencrypted `BEGIN PRIVATE KEY` section is wanted", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a file of certificates, leaf first.
///
/// # Errors
/// It cannot be read, is no PEM or has none.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let chain = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| PemError::Malformed { path: path.to_owned(), source })?;
    if chain.is_empty() {
        return Err(PemError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

/// Reads a file with a private key.
///
/// # Errors
/// It cannot be read, is no PEM or has none.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|source| match source {
        pem::Error::NoItemsFound => PemError::NoKey { path: path.to_owned() },
        source => PemError::Malformed { path: path.to_owned(), source },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    fs::read(path).map_err(|source| PemError::Unreadable { path: path.to_owned(), source })
}

/// Why nobody could be believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The text is no PEM.
    #[error("it is not well-formed PEM: {0}")]
    Malformed(#[from] pem::Error),
    /// It names nobody.
    #[error("it contains no certificate")]
    NoCertificate,
    /// What the system trusts is not to be had.
    #[error("the certificates of the system cannot be read: {0}")]
    System(#[from] io::Error),
    /// The system trusts nobody.
    #[error("the system has no certificates to trust")]
    EmptySystem,
    /// The TLS library will not have one.
    #[error("a certificate in it cannot be trusted: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Those in this text (PEM) and nobody else.
///
/// # Errors
/// It is no PEM, or names nobody who can be believed.
pub fn roots(pem: &[u8]) -> Result<RootCertStore, TrustError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err(TrustError::NoCertificate) } else { Ok(trusted(certificates)?) }
}

/// Those who have these certificates and nobody else.
///
/// # Errors
/// The TLS library will not have one of them.
pub fn trusted(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    certificates.into_iter().try_for_each(|certificate| roots.add(certificate))?;
    Ok(roots)
}

/// Those the system believes. It may keep some that are not well-formed; the others are as good as before.
///
/// # Errors
/// They cannot be read, or there are none.
pub fn system_roots() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs()?);
    if roots.is_empty() { Err(TrustError::EmptySystem) } else { Ok(roots) }
}

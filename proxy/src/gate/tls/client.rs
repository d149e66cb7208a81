//! Certificates of clients: who may vouch for them, and what is read from them.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::HandshakeFailure;
use crate::certificates::trusted;
use crate::policy::facts::ClientCertificate;

/// Believes clients for whom one of these vouches; others are turned away, whether one must show a certificate or may.
pub(super) fn verifier(
    authorities: Vec<CertificateDer<'static>>,
    is_required: bool,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let roots = trusted(authorities).map_err(|error| error.to_string())?;
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if is_required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| error.to_string())
}

/// What is known by a certificate that was verified.
///
/// A session that is resumed is not verified again, and tickets may outlive a certificate.
pub(super) fn certificate(der: &[u8]) -> Result<ClientCertificate, HandshakeFailure> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| HandshakeFailure::BadCertificate)?;
    if !certificate.validity().is_valid() {
        return Err(HandshakeFailure::BadCertificate);
    }
    let common_name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase().into()),
        _ => None,
    });
    Ok(ClientCertificate {
        sha256: Sha256::digest(der).into(),
        common_name: common_name.map(Into::into),
        dns_names: names.collect(),
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn der(adjust: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["Orders.Test".to_owned(), "192.0.2.7".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "orders");
        adjust(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_known_by_its_digest_and_tells_its_names() {
        let der = der(|_| ());
        let read = certificate(&der).unwrap();
        assert_eq!(read.sha256, <[u8; 32]>::from(Sha256::digest(&der)));
        assert_eq!((read.common_name.as_deref(), read.dns_names), (Some("orders"), vec!["orders.test".into()]));
    }

    #[test]
    fn a_certificate_need_not_have_names() {
        let nameless = der(|params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.subject_alt_names.clear();
        });
        let read = certificate(&nameless).unwrap();
        assert_eq!((read.common_name, read.dns_names), (None, Vec::new()));
    }

    #[test]
    fn a_session_that_is_resumed_is_no_better_than_its_certificate() {
        let ended = der(|params| params.not_after = date_time_ymd(2020, 1, 1));
        assert_eq!(certificate(&ended), Err(HandshakeFailure::BadCertificate));
        let early = der(|params| params.not_before = date_time_ymd(4000, 1, 1));
        assert_eq!(certificate(&early), Err(HandshakeFailure::BadCertificate));
        assert_eq!(certificate(b"no certificate"), Err(HandshakeFailure::BadCertificate));
    }
}

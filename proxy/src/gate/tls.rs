//! TLS towards clients.

mod client;
mod failure;
mod load;
mod server_name;

use std::sync::Arc;

use http::StatusCode;
use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::TlsRef;
use pingora_core::protocols::{Digest, Ssl, Stream, l4};
use pingora_http::ResponseHeader;

pub use failure::HandshakeFailure;
use load::Fingerprint;
pub use load::{Alpn, TlsError};
pub(super) use server_name::server_name_of;

use crate::config::model::ListenerTls;
use crate::policy::facts::TlsFacts;

/// Certificate, key and settings that turn a connection into a TLS session.
///
/// Session tickets are sealed with a key of its own, so make a new one only when certificate or key have changed: clients
/// of the old one then need a full handshake.
pub struct TlsTerminator {
    acceptor: Acceptor,
    fingerprint: Fingerprint,
}

impl std::fmt::Debug for TlsTerminator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsTerminator").finish_non_exhaustive()
    }
}

impl TlsTerminator {
    /// Reads and checks a PEM certificate chain and its key, and who may vouch for clients.
    ///
    /// TLS 1.2 and 1.3 with the ring provider; no early data.
    ///
    /// # Errors
    ///
    /// Says which file is at fault and why.
    pub fn load(spec: &ListenerTls, alpn: Alpn) -> Result<Self, TlsError> {
        let (config, fingerprint) = load::server_config(spec, alpn)?;
        Ok(Self { acceptor: Acceptor::from_server_config(Arc::new(config)), fingerprint })
    }

    /// Whether it was made of the same certificates, key and settings.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// Does the handshake; the caller sets the deadline.
    pub(super) async fn terminate(&self, stream: Stream) -> Result<(Stream, Arc<ProxyDigest>), HandshakeFailure> {
        let stream = stream.into_any().downcast::<l4::stream::Stream>().map_err(|_| HandshakeFailure::Other)?;
        let session =
            self.acceptor.tls_handshake(*stream).await.map_err(|error| HandshakeFailure::of(&error.to_string()))?;
        let facts = session.get_ssl().map(facts).ok_or(HandshakeFailure::Other)??;
        let facts = as_digest(facts).ok_or(HandshakeFailure::Other)?;
        Ok((Box::new(session), facts))
    }
}

fn facts(session: &TlsRef) -> Result<TlsFacts, HandshakeFailure> {
    let version = match session.version() {
        Some(version) if version.ends_with('2') => "TLSv1.2",
        _ => "TLSv1.3",
    };
    // rustls writes which protocol a suite belongs to into its name, IANA does not.
    let cipher = session.current_cipher_name().unwrap_or_default().replacen("TLS13_", "TLS_", 1).into();
    let server_name = session.server_name().map(Into::into);
    let client_certificate = session.peer_certificate_der().map(client::certificate).transpose()?;
    Ok(TlsFacts { version, cipher, server_name, client_certificate })
}

/// Downstream, Pingora leaves the proxy digest to the application; it gives it to the hooks of HTTP/2 streams, which its TLS
/// digest, closed to others, does not.
fn as_digest(facts: TlsFacts) -> Option<Arc<ProxyDigest>> {
    let response = ResponseHeader::build_no_case(StatusCode::OK, Some(0)).ok()?;
    Some(Arc::new(ProxyDigest::new(Box::new(response), Some(Box::new(Arc::new(facts))))))
}

/// What the TLS handshake of a request's connection said; `None` where it came in plain text.
///
/// Hooks call it with `session.digest()`.
#[must_use]
pub fn tls_facts(digest: Option<&Digest>) -> Option<&Arc<TlsFacts>> {
    facts_of(digest?.proxy_digest.as_deref())
}

/// The facts in a digest that [`TlsTerminator::terminate`] made.
pub(super) fn facts_of(digest: Option<&ProxyDigest>) -> Option<&Arc<TlsFacts>> {
    digest?.user_data.as_ref()?.downcast_ref()
}

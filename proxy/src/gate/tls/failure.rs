//! Why a handshake came to nothing.

/// A reason for which a client got no TLS session. Closed: it is a label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeFailure {
    /// It did not finish in time.
    Timeout,
    /// The client speaks something else; mostly plain HTTP.
    NotTls,
    /// The client went away.
    Closed,
    /// No version, cipher or protocol that both sides know.
    Incompatible,
    /// The client did not like what it was shown; mostly the certificate.
    Alert,
    /// The client showed no certificate where one is required.
    NoCertificate,
    /// The client showed a certificate that is not to be believed.
    BadCertificate,
    /// Anything else.
    Other,
}

impl HandshakeFailure {
    /// Its label in metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NotTls => "not-tls",
            Self::Closed => "closed",
            Self::Incompatible => "incompatible",
            Self::Alert => "alert",
            Self::NoCertificate => "no-certificate",
            Self::BadCertificate => "bad-certificate",
            Self::Other => "other",
        }
    }

    /// Pingora keeps the text of the error and drops its value, so the text is what there is to tell reasons apart by; the
    /// contract tests notice when it changes.
    pub(super) fn of(error: &str) -> Self {
        let reasons = [
            ("InvalidContentType", Self::NotTls),
            ("corrupt message", Self::NotTls),
            ("peer is incompatible", Self::Incompatible),
            ("support any known protocol", Self::Incompatible),
            ("received fatal alert", Self::Alert),
            ("peer sent no certificates", Self::NoCertificate),
            ("invalid peer certificate", Self::BadCertificate),
            ("eof", Self::Closed),
            ("reset by peer", Self::Closed),
            ("Broken pipe", Self::Closed),
        ];
        reasons.into_iter().find(|(text, _)| error.contains(text)).map_or(Self::Other, |(_, failure)| failure)
    }
}

//! `[[keyset]]`: which keys sign tokens, and by which algorithms.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

/// Keys that tokens are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyset {
    /// Unique.
    pub name: String,
    /// What signatures may be made with; never empty, and never secrets together with public keys.
    pub algorithms: Algorithms,
    /// Where the keys are.
    pub source: KeysetSource,
}

impl Keyset {
    /// The files it is made of.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let (of_set, keys) = match &self.source {
            KeysetSource::File(path) => (Some(path), [].as_slice()),
            KeysetSource::Url(remote) => (remote.ca.as_ref(), [].as_slice()),
            KeysetSource::Keys(keys) => (None, keys.as_slice()),
        };
        let of_keys = keys.iter().filter_map(|key| match &key.material {
            KeyMaterial::PemFile(path) | KeyMaterial::SecretFile(path) => Some(path),
            KeyMaterial::Pem(_) | KeyMaterial::Secret(_) => None,
        });
        of_set.into_iter().chain(of_keys).cloned()
    }
}

/// Where the keys of a set are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysetSource {
    /// A JWK set (RFC 7517) in a file.
    File(PathBuf),
    /// A JWK set that is fetched.
    Url(RemoteKeyset),
    /// In the configuration; at least one.
    Keys(Vec<StaticKey>),
}

/// A JWK set that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteKeyset {
    /// `http` or `https`, with a host, without credentials.
    pub url: Uri,
    /// From one fetch to the next.
    pub refresh: Duration,
    /// From one fetch to the next that a token with an unknown key asks for.
    pub min_interval: Duration,
    /// For a whole fetch.
    pub timeout: Duration,
    /// Bytes of the set.
    pub max_bytes: usize,
    /// PEM certificates of those who may vouch for the server; the system's where there is none.
    pub ca: Option<PathBuf>,
}

/// A key in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticKey {
    /// What tokens call it by; one without a name fits every token.
    pub kid: Option<String>,
    /// What it signs with.
    pub algorithm: TokenAlgorithm,
    /// The key.
    pub material: KeyMaterial,
}

/// A public key or a shared secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMaterial {
    /// A public key in PEM.
    Pem(String),
    /// A file with one.
    PemFile(PathBuf),
    /// A secret.
    Secret(SharedSecret),
    /// A file with one; a line end behind it is not part of it.
    SecretFile(PathBuf),
}

/// A secret that signs and verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(Arc<[u8]>);

impl SharedSecret {
    /// The secret of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Its bytes; not to be shown.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret")
    }
}

/// How a token is signed: RFC 7518 section 3, and RFC 8037 with Ed25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl TokenAlgorithm {
    /// All there are. `none` is not one of them.
    pub const ALL: [Self; 12] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// Its word in a token's header and in `algorithms`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// The algorithm of this name, in exactly this case (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether who verifies could sign as well.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

/// Some of the algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithms {
    /// Whether this is one of them.
    #[must_use]
    pub fn has(self, algorithm: TokenAlgorithm) -> bool {
        self.0 & Self::bit(algorithm) != 0
    }

    /// In the order of [`TokenAlgorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = TokenAlgorithm> {
        TokenAlgorithm::ALL.into_iter().filter(move |algorithm| self.has(*algorithm))
    }

    /// Those in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(algorithm: TokenAlgorithm) -> u16 {
        1 << algorithm as u16
    }
}

impl FromIterator<TokenAlgorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = TokenAlgorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |bits, algorithm| bits | Self::bit(algorithm)))
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(TokenAlgorithm::name).collect();
        f.write_str(&names.join(", "))
    }
}

//! `Content-Digest` (RFC 9530), by SHA-256.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

pub(crate) const CONTENT_DIGEST: &str = "content-digest";

/// What a body has to hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyDigest([u8; 32]);

impl BodyDigest {
    /// The member `sha-256`, of which there is one; others may stand beside it.
    pub(crate) fn parse(field: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(field).ok()?;
        let mut named = text.split(',').filter_map(|member| member.trim_ascii().strip_prefix("sha-256="));
        let (value, None) = (named.next()?, named.next()) else { return None };
        let bytes = STANDARD.decode(value.strip_prefix(':')?.strip_suffix(':')?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }
}

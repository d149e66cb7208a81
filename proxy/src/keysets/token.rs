//! Takes a token apart: compact JWS (RFC 7515 section 7.1), strictly.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::TokenError;
use crate::config::model::TokenAlgorithm;

/// Far above what fits into a request head.
const LARGEST: usize = 64 << 10;
/// Of the header's encoding; room for a chain of certificates, which some issuers send along.
const LARGEST_HEADER: usize = 16 << 10;

/// A token whose parts are decoded and whose signature nobody has checked yet.
pub(super) struct Token<'t> {
    /// `None` where the header names one that is not known here.
    pub(super) algorithm: Option<TokenAlgorithm>,
    pub(super) kid: Option<String>,
    /// What was signed: the first two parts as they stand.
    pub(super) signed: &'t [u8],
    pub(super) signature: Vec<u8>,
    payload: Vec<u8>,
}

/// What of a header is looked at. A member given twice is refused (RFC 7515 section 4), and so is `null`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "given")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "given")]
    crit: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "given")]
    b64: Option<bool>,
}

/// A member that is given; `null` is no way of leaving it out.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(source: D) -> Result<Option<T>, D::Error> {
    T::deserialize(source).map(Some)
}

/// A JSON object, read into a record: a list would do for the reader of one.
pub(super) fn record<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(json).ok()?;
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

impl<'t> Token<'t> {
    /// Takes it apart.
    ///
    /// # Errors
    /// [`TokenError::Malformed`]
    pub(super) fn parse(token: &'t [u8]) -> Result<Self, TokenError> {
        let parts = split(token).ok_or(TokenError::Malformed)?;
        let header = header(parts.header).ok_or(TokenError::Malformed)?;
        let signature = decode(parts.signature).ok_or(TokenError::Malformed)?;
        let payload = decode(parts.payload).ok_or(TokenError::Malformed)?;
        let algorithm = TokenAlgorithm::named(&header.alg);
        Ok(Self { algorithm, kid: header.kid, signed: parts.signed, signature, payload })
    }

    /// What it says; believe it only once its signature has been checked.
    pub(super) fn into_payload(self) -> Vec<u8> {
        self.payload
    }
}

struct Parts<'t> {
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
    signed: &'t [u8],
}

/// Three parts: five would be encrypted, two unsigned.
fn split(token: &[u8]) -> Option<Parts<'_>> {
    if token.len() > LARGEST {
        return None;
    }
    let mut dots = memchr::memchr_iter(b'.', token);
    let (first, second) = (dots.next()?, dots.next()?);
    let parts = Parts {
        header: token.get(..first)?,
        payload: token.get(first + 1..second)?,
        signature: token.get(second + 1..)?,
        signed: token.get(..second)?,
    };
    (dots.next().is_none() && parts.header.len() <= LARGEST_HEADER && !parts.signature.is_empty()).then_some(parts)
}

fn header(encoded: &[u8]) -> Option<Header> {
    let header: Header = record(&decode(encoded)?)?;
    // `b64` may only be used together with `crit` (RFC 7797 section 6); that it changes nothing may be said.
    let is_extended = header.crit.is_some() || header.b64 == Some(false);
    (!is_extended && !header.alg.eq_ignore_ascii_case("none")).then_some(header)
}

/// Without padding, line ends, or bits that mean nothing: one value has one encoding.
fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(encoded).ok()
}

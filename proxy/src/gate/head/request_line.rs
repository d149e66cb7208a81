//! The request line, and what it and `Host` say about the server asked.

use pingora_http::authority::{RawTargetAuthority, raw_target_authority};

use crate::config::model::Limits;
use crate::gate::octets::{is_authority, is_target, is_token};
use crate::gate::refusal::Refusal;

/// The longest registered method has 17 letters.
const LONGEST_METHOD: usize = 32;

/// What the first line of a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) struct RequestLine<'a> {
    /// The host a target in absolute form names.
    pub(in crate::gate) authority: Option<&'a [u8]>,
    /// HTTP/1.1, else HTTP/1.0.
    pub(in crate::gate) is_http11: bool,
}

impl<'a> RequestLine<'a> {
    pub(super) fn parse(line: &'a [u8], limits: &Limits) -> Result<Self, Refusal> {
        let mut words = line.split(|&octet| octet == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Refusal::RequestLine);
        };
        if !is_token(method) || method.len() > LONGEST_METHOD {
            return Err(Refusal::RequestLine);
        }
        let is_http11 = is_http11(version)?;
        let authority = Self::check_target(method, target, limits)?;
        Ok(Self { authority, is_http11 })
    }

    /// Whether `target` may be asked for with `method` (RFC 9112 section 3.2); returns the host it names.
    pub(in crate::gate) fn check_target(
        method: &[u8],
        target: &'a [u8],
        limits: &Limits,
    ) -> Result<Option<&'a [u8]>, Refusal> {
        if method == b"CONNECT" {
            return Err(Refusal::Connect);
        }
        if target.len() > limits.target_bytes {
            return Err(Refusal::TargetTooLong);
        }
        if !is_target(target) {
            return Err(Refusal::Target);
        }
        match target {
            [b'/', ..] => Ok(None),
            b"*" if method == b"OPTIONS" => Ok(None),
            _ => match raw_target_authority(target) {
                RawTargetAuthority::Absolute { scheme, authority, .. } if is_http(scheme) => Ok(Some(authority)),
                _ => Err(Refusal::Target),
            },
        }
    }
}

fn is_http(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
}

fn is_http11(version: &[u8]) -> Result<bool, Refusal> {
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Refusal::UnsupportedVersion),
        _ => Err(Refusal::Version),
    }
}

/// Whether the server asked is named, well-formed, and the same in target and `Host`.
///
/// RFC 9112 section 3.2.2 would let the target win; a policy and an origin that look at different ones is how requests
/// are smuggled, so they must agree.
pub(in crate::gate) fn check_authority(
    target: Option<&[u8]>,
    host: Option<&[u8]>,
    required: bool,
) -> Result<(), Refusal> {
    match (target, host) {
        (_, None) if required => Err(Refusal::NoHost),
        (Some(target), Some(host)) if target != host => Err(Refusal::Host),
        (Some(authority), _) | (None, Some(authority)) if !is_authority(authority) => Err(Refusal::Host),
        _ => Ok(()),
    }
}

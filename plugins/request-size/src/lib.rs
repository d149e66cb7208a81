//! Refuses requests that are too large: by their body, their header fields, their target.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

mod body;
pub mod config;

use tidegate_plugin_sdk::{Decision, Field, Policy, Problem, Request, RequestPolicy, export};

use config::Config;

/// A body is larger than allowed (RFC 9110 section 15.5.14).
const CONTENT_TOO_LARGE: u16 = 413;
/// A body does not announce its length (RFC 9110 section 15.5.12).
const LENGTH_REQUIRED: u16 = 411;
/// Path and query are longer than allowed (RFC 9110 section 15.5.15).
const URI_TOO_LONG: u16 = 414;
/// Header fields are more, or larger, than allowed (RFC 6585 section 5).
const HEADERS_TOO_LARGE: u16 = 431;

/// The policy: limits in bytes and fields.
#[derive(Debug)]
pub struct RequestSize {
    body: Option<u64>,
    require_length: bool,
    headers: Option<u32>,
    header_bytes: Option<u64>,
    target: Option<u64>,
}

/// What the head says of the length of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announced {
    /// So many bytes; the gateway sees to it that there are no more (RFC 9112 section 6.3).
    Length(u64),
    /// No length, as chunks and some HTTP/2 requests have none; or no body at all.
    Nothing,
    /// Something that is no length.
    Nonsense,
}

impl Policy for RequestSize {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self {
            body: config.body.map(|size| size.bytes()),
            require_length: config.require_length,
            headers: config.headers,
            header_bytes: config.header_bytes.map(|size| size.bytes()),
            target: config.target.map(|size| size.bytes()),
        })
    }
}

impl RequestPolicy for RequestSize {
    fn on_request(&self, request: &Request) -> Decision {
        match self.target_fault(request).or_else(|| self.header_fault(request)).or_else(|| self.length_fault(request)) {
            Some(status) => Decision::respond(status).into(),
            None => Decision::forward().into(),
        }
    }
}

impl RequestSize {
    fn target_fault(&self, request: &Request) -> Option<u16> {
        let limit = self.target?;
        let query = request.query().map_or(0, |query| query.len() + 1);
        exceeds(request.path().len() + query, limit).then_some(URI_TOO_LONG)
    }

    fn header_fault(&self, request: &Request) -> Option<u16> {
        if self.headers.is_none() && self.header_bytes.is_none() {
            return None;
        }
        let fields = request.headers();
        let too_many = self.headers.is_some_and(|limit| exceeds(fields.len(), limit.into()));
        let too_large = self.header_bytes.is_some_and(|limit| exceeds(fields.iter().map(weight).sum(), limit));
        (too_many || too_large).then_some(HEADERS_TOO_LARGE)
    }

    fn length_fault(&self, request: &Request) -> Option<u16> {
        if self.body.is_none() && !self.require_length {
            return None;
        }
        match announced(request) {
            Announced::Length(length) => self.body.is_some_and(|limit| length > limit).then_some(CONTENT_TOO_LARGE),
            Announced::Nothing => {
                (self.require_length && request.header("transfer-encoding").is_some()).then_some(LENGTH_REQUIRED)
            }
            Announced::Nonsense => Some(400),
        }
    }
}

fn weight(field: &Field) -> usize {
    field.name.len() + field.value.len()
}

fn exceeds(length: usize, limit: u64) -> bool {
    u64::try_from(length).unwrap_or(u64::MAX) > limit
}

/// A field with two values announces nothing that could be relied on.
fn announced(request: &Request) -> Announced {
    let values = request.header_values("content-length");
    match values.as_slice() {
        [] => Announced::Nothing,
        [value] => length(value).map_or(Announced::Nonsense, Announced::Length),
        _ => Announced::Nonsense,
    }
}

/// Digits and nothing else: `parse` would take a sign as well.
fn length(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

export!(RequestSize: request, body);

#[cfg(test)]
mod tests;

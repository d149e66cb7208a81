//! The head of an HTTP/1 request: where it ends, and whether it may pass.
//!
//! Pure functions over octets, without allocation. What they let through has one meaning only: whoever reads it next,
//! an engine or an origin, finds the same message in it.

mod end;
mod fields;
mod request_line;

pub(super) use end::HeadEnd;
use fields::Fields;
pub(super) use fields::{imitates_framing, number};
pub(super) use request_line::{RequestLine, check_authority};

use super::refusal::Refusal;
use crate::config::model::Limits;

/// What the loop must know of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How long the body is.
    pub(super) framing: Framing,
    /// Whether the answer may turn the connection into a tunnel.
    pub(super) upgrade: bool,
}

/// How long a request body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No body.
    None,
    /// This many octets, at least one.
    Length(u64),
    /// As long as the chunks say.
    Chunked,
}

/// Vets a whole head, from the request line to the empty line, as [`HeadEnd`] found it.
pub(super) fn check(head: &[u8], limits: &Limits) -> Result<Head, Refusal> {
    let mut lines = Lines(head);
    let line = RequestLine::parse(lines.next().unwrap_or_default(), limits)?;
    let mut fields = Fields::default();
    for field in lines.take_while(|line| !line.is_empty()) {
        fields.take(field)?;
    }
    check_authority(line.authority, fields.host, line.is_http11)?;
    let framing = fields.framing(line.is_http11, limits)?;
    let upgrade = fields.asks_for_upgrade() && line.is_http11;
    if upgrade && framing != Framing::None {
        return Err(Refusal::UpgradeWithBody);
    }
    Ok(Head { framing, upgrade })
}

/// The lines of a head, without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\n', self.0)?;
        let (line, rest) = self.0.split_at_checked(end + 1)?;
        self.0 = rest;
        line.strip_suffix(b"\r\n")
    }
}

#[cfg(test)]
mod tests;

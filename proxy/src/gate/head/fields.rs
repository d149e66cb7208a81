//! The fields that decide where a request goes and where it ends.

use super::Framing;
use crate::config::model::Limits;
use crate::gate::octets::{is_token, is_value, trim};
use crate::gate::refusal::Refusal;

/// Digits of a `Content-Length`: what fits into 64 bits whatever they are.
const MOST_DIGITS: usize = 18;

/// What the fields of a head say, taken one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::gate) struct Fields<'a> {
    /// Value of `Host`.
    pub(in crate::gate) host: Option<&'a [u8]>,
    content_length: Option<u64>,
    is_chunked: bool,
    has_upgrade: bool,
    connection_upgrade: bool,
}

impl<'a> Fields<'a> {
    /// Takes one field line.
    pub(super) fn take(&mut self, line: &'a [u8]) -> Result<(), Refusal> {
        if let [b' ' | b'\t', ..] = line {
            return Err(Refusal::ObsFold);
        }
        let colon = memchr::memchr(b':', line).ok_or(Refusal::FieldName)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Refusal::FieldName)?;
        let value = value.get(1..).unwrap_or_default();
        if !is_token(name) {
            return Err(Refusal::FieldName);
        }
        if !is_value(value) {
            return Err(Refusal::FieldValue);
        }
        self.note(name, trim(value))
    }

    /// Lengths are told apart first: most fields are none of these.
    fn note(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Refusal> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => set_once(&mut self.host, value, Refusal::TwoHosts),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                // An upgrade to h2c would take the connection out of sight of every policy.
                self.has_upgrade |= !value.eq_ignore_ascii_case(b"h2c");
                Ok(())
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.connection_upgrade |=
                    value.split(|&octet| octet == b',').any(|option| trim(option).eq_ignore_ascii_case(b"upgrade"));
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                set_once(&mut self.content_length, number(value)?, Refusal::TwoContentLengths)
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.note_transfer_coding(value),
            14 | 17 if imitates_framing(name) => Err(Refusal::FramingLookAlike),
            _ => Ok(()),
        }
    }

    fn note_transfer_coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.is_chunked {
            return Err(Refusal::TwoTransferEncodings);
        }
        self.is_chunked = value.eq_ignore_ascii_case(b"chunked");
        if self.is_chunked { Ok(()) } else { Err(Refusal::TransferCoding) }
    }

    /// How long the body is; exactly one field may say so.
    pub(super) fn framing(&self, is_http11: bool, limits: &Limits) -> Result<Framing, Refusal> {
        match (self.is_chunked, self.content_length) {
            (true, Some(_)) => Err(Refusal::BothFramings),
            (true, None) if !is_http11 => Err(Refusal::ChunkedInHttp10),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) if limits.body_bytes.is_some_and(|most| length > most) => Err(Refusal::BodyTooLarge),
            (false, Some(length)) if length > 0 => Ok(Framing::Length(length)),
            (false, _) => Ok(Framing::None),
        }
    }

    pub(super) fn asks_for_upgrade(&self) -> bool {
        self.has_upgrade && self.connection_upgrade
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, refusal: Refusal) -> Result<(), Refusal> {
    if slot.replace(value).is_some() { Err(refusal) } else { Ok(()) }
}

/// Digits only: no sign, no list, no space (RFC 9110 section 8.6).
pub(in crate::gate) fn number(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || value.len() > MOST_DIGITS || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::ContentLength);
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Whether an origin that folds `_` onto `-`, as CGI does, would take this name for a framing field.
pub(in crate::gate) fn imitates_framing(name: &[u8]) -> bool {
    let is_like = |framing: &[u8]| {
        name.len() == framing.len()
            && name.iter().zip(framing).all(|(have, want)| match have {
                b'_' => *want == b'-',
                have => have.eq_ignore_ascii_case(want),
            })
    };
    name.contains(&b'_') && (is_like(b"content-length") || is_like(b"transfer-encoding"))
}

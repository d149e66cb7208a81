//! gRPC as far as a gateway has a word in it: who speaks it, how long a call may take, and how one is refused.
//!
//! See "gRPC over HTTP2" and "HTTP to gRPC Status Code Mapping" among the documents of the gRPC project.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};

/// How long a call may take, as its client has it.
pub static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// How a call ended.
pub static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// Why it ended so, for a person.
pub static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The media type of a call and its answer.
pub const CONTENT_TYPE: &str = "application/grpc";

/// The most that `grpc-timeout` can say in milliseconds.
const MOST_MILLISECONDS: u128 = 99_999_999;

/// How a call ended that the gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody can say.
    Unknown,
    /// It took longer than it may.
    DeadlineExceeded,
    /// The client may not.
    PermissionDenied,
    /// There is no such method.
    Unimplemented,
    /// The call breaks a rule of the protocol.
    Internal,
    /// Nobody is there to serve it now.
    Unavailable,
    /// Nobody knows who the client is.
    Unauthenticated,
}

impl Status {
    /// What stands for an answer of HTTP, by the mapping of the gRPC project.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// As it is sent.
    #[must_use]
    pub fn field(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Unknown => "2",
            Self::DeadlineExceeded => "4",
            Self::PermissionDenied => "7",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
            Self::Unauthenticated => "16",
        })
    }
}

/// Whether this is a call.
#[must_use]
pub fn is_call(head: &Parts) -> bool {
    head.method == Method::POST && says_grpc(&head.headers)
}

/// Whether the media type is that of gRPC, with or without a message format; gRPC-Web is another.
#[must_use]
pub fn says_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(is_type)
}

/// The same of the value of a `Content-Type`.
#[must_use]
pub fn is_type(value: &HeaderValue) -> bool {
    let Some((name, rest)) = value.as_bytes().split_at_checked(CONTENT_TYPE.len()) else { return false };
    name.eq_ignore_ascii_case(CONTENT_TYPE.as_bytes())
        && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
}

/// A field that says how long a call may take, and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedTimeout;

/// How long a call may take; `None` where its client does not say.
///
/// # Errors
/// It says so twice, or in another form than one to eight digits and a unit.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, MalformedTimeout> {
    let mut values = headers.get_all(&GRPC_TIMEOUT).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => parsed(value.as_bytes()).map(Some).ok_or(MalformedTimeout),
        _ => Err(MalformedTimeout),
    }
}

fn parsed(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0, |count, digit| count * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Some(Duration::from_secs(count * 3600)),
        b'M' => Some(Duration::from_secs(count * 60)),
        b'S' => Some(Duration::from_secs(count)),
        b'm' => Some(Duration::from_millis(count)),
        b'u' => Some(Duration::from_micros(count)),
        b'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// What is left of a call, as `grpc-timeout` says it: in milliseconds, and where those are too many in seconds.
#[must_use]
pub fn remaining(left: Duration) -> HeaderValue {
    let milliseconds = left.as_millis();
    let text = match milliseconds {
        0..=MOST_MILLISECONDS => format!("{milliseconds}m"),
        _ => format!("{}S", (milliseconds / 1000).min(MOST_MILLISECONDS)),
    };
    // Digits and a letter.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0m"))
}

/// A message as `grpc-message` carries it: what is no printable ASCII, and `%`, by its octets.
#[must_use]
pub fn message(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'%' | ..b' ' | 0x7f.. => {
                let _ = write!(encoded, "%{octet:02X}");
            }
            _ => encoded.push(char::from(octet)),
        }
    }
    HeaderValue::try_from(encoded).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let named = |value: &&'static str| (HeaderName::from_static(name), HeaderValue::from_static(value));
        values.iter().map(named).collect()
    }

    #[test]
    fn grpc_is_known_by_its_media_type() {
        for (value, is) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/GRPC; charset=x", true),
            ("application/grpc-web", false),
            ("application/grpcx", false),
            ("application/json", false),
        ] {
            assert_eq!(says_grpc(&with("content-type", &[value])), is, "{value}");
        }
        assert!(!says_grpc(&HeaderMap::new()));
    }

    #[test]
    fn a_timeout_is_one_to_eight_digits_and_a_unit() {
        let read = |value| timeout(&with("grpc-timeout", &[value]));
        for (value, want) in [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("250m", Duration::from_millis(250)),
            ("99999999u", Duration::from_micros(99_999_999)),
            ("7n", Duration::from_nanos(7)),
            ("0m", Duration::ZERO),
        ] {
            assert_eq!(read(value), Ok(Some(want)), "{value}");
        }
        for value in ["", "m", "1", "1s", "1h", "+1m", "-1m", "1.5S", " 1m", "1 m", "100000000m", "0x1m"] {
            assert_eq!(read(value), Err(MalformedTimeout), "{value:?}");
        }
        assert_eq!(timeout(&with("grpc-timeout", &["1S", "1S"])), Err(MalformedTimeout));
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn what_is_left_is_said_so_that_it_can_be_read_again() {
        for (left, text) in [
            (Duration::from_micros(1999), "1m"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::MAX, "99999999S"),
        ] {
            assert_eq!(remaining(left), text);
            assert!(parsed(text.as_bytes()).is_some());
        }
    }

    #[test]
    fn a_status_of_http_has_one_of_grpc() {
        for (status, code) in [(400, "13"), (401, "16"), (403, "7"), (404, "12"), (429, "14"), (503, "14"), (418, "2")]
        {
            assert_eq!(Status::of(StatusCode::from_u16(status).unwrap()).field(), code, "{status}");
        }
    }

    #[test]
    fn a_message_is_printable_whatever_it_says() {
        assert_eq!(message("all is well ~"), "all is well ~");
        assert_eq!(message("100 % \u{fc}\n"), "100 %25 %C3%BC%0A");
    }
}

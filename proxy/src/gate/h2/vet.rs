//! What the h2 library and Pingora let through and HTTP/1 would not.

use http::header;
use pingora_http::RequestHeader;

use crate::config::model::Limits;
use crate::gate::head::{RequestLine, check_authority, imitates_framing, number};
use crate::gate::refusal::Refusal;

/// Vets the head of a stream by the rules of an HTTP/1 head, as far as they have a meaning here.
///
/// It may go on as HTTP/1 to an endpoint. Pseudo-fields, connection-specific fields, names and values are checked before.
pub(super) fn check(head: &RequestHeader, limits: &Limits) -> Result<(), Refusal> {
    RequestLine::check_target(head.method.as_str().as_bytes(), head.raw_path(), limits)?;
    if head.headers.len() > limits.headers {
        return Err(Refusal::TooManyFields);
    }
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = head.headers.get(header::HOST).map(|host| host.as_bytes());
    check_authority(authority, host, false)?;
    if head.headers.keys().any(|name| imitates_framing(name.as_str().as_bytes())) {
        return Err(Refusal::FramingLookAlike);
    }
    check_length(head, limits)
}

fn check_length(head: &RequestHeader, limits: &Limits) -> Result<(), Refusal> {
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(()) };
    if lengths.next().is_some() {
        return Err(Refusal::TwoContentLengths);
    }
    let length = number(length.as_bytes())?;
    if limits.body_bytes.is_some_and(|most| length > most) { Err(Refusal::BodyTooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::test_limits;

    fn verdict(method: &str, target: &str, fields: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let mut head = RequestHeader::build_no_case(method, target.as_bytes(), None).unwrap();
        for (name, value) in fields {
            head.append_header(*name, *value).unwrap();
        }
        check(&head, &Limits { headers: 4, body_bytes: Some(10), ..test_limits() })
    }

    #[test]
    fn an_ordinary_stream_passes() {
        assert_eq!(verdict("GET", "/x?y=z", &[("host", "a.test")]), Ok(()));
        assert_eq!(verdict("POST", "/", &[("host", "a.test"), ("content-length", "10")]), Ok(()));
    }

    #[test]
    fn the_rules_of_http1_hold_for_a_stream() {
        let host = ("host", "a.test");
        assert_eq!(verdict("CONNECT", "a.test:443", &[]), Err(Refusal::Connect));
        assert_eq!(verdict("GET", "/x\"y", &[host]), Err(Refusal::Target));
        assert_eq!(verdict("GET", &format!("/{}", "a".repeat(9000)), &[host]), Err(Refusal::TargetTooLong));
        assert_eq!(verdict("GET", "/", &[("host", "a/b")]), Err(Refusal::Host));
        assert_eq!(
            verdict("GET", "/", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), host]),
            Err(Refusal::TooManyFields)
        );
        assert_eq!(verdict("POST", "/", &[host, ("content_length", "3")]), Err(Refusal::FramingLookAlike));
        assert_eq!(verdict("POST", "/", &[host, ("content-length", "11")]), Err(Refusal::BodyTooLarge));
        let twice = [host, ("content-length", "3"), ("content-length", "3")];
        assert_eq!(verdict("POST", "/", &twice), Err(Refusal::TwoContentLengths));
    }
}

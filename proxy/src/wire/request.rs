//! The request head as it leaves for the upstream.
//!
//! Pingora calls its last hook once per try with a fresh copy of the client's head, and looks at the framing no more
//! after it. So this is where the head is sealed: everything that belongs to the client's connection goes, exactly one
//! framing stays (the one the Gate vetted), and what the gateway itself has to say is added.

use http::header::{self, HeaderValue};
use http::{HeaderMap, Version};
use pingora_core::Result;
use pingora_http::RequestHeader;

use super::forwarded::{Origin, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use super::hop_by_hop;
use super::request_id::X_REQUEST_ID;

/// RFC 7239; from a stranger it is hearsay.
static FORWARDED: header::HeaderName = header::HeaderName::from_static("forwarded");

/// What the gateway says about a request, beside what the client said.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Who the client is.
    pub origin: &'a Origin,
    /// The request's id.
    pub request_id: &'a str,
    /// Host the client asked for.
    pub authority: &'a str,
    /// Replaces the client's Host.
    pub host: Option<&'a HeaderValue>,
    /// Replaces path and query.
    pub target: Option<&'a str>,
}

/// How the body is framed, as the Gate (HTTP/1) or the framing layer (HTTP/2) established it.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    /// No field: no body, or an HTTP/2 body of unknown length, which Pingora will frame as chunked.
    Unstated,
    Length(HeaderValue),
    Chunked,
}

/// Seals `head`, a fresh copy of the client's.
///
/// # Errors
/// The framing contradicts itself (HTTP/2 only: the Gate refuses such HTTP/1 heads), or Pingora refuses a target.
pub fn seal(head: &mut RequestHeader, client_version: Version, outgoing: &Outgoing<'_>) -> Result<()> {
    let framing = framing(&head.headers)?;
    let upgrade = is_websocket(head, client_version);
    for name in hop_by_hop::connection_bound(&head.headers) {
        head.remove_header(&name);
    }
    match framing {
        Framing::Chunked => {
            head.remove_header(&header::CONTENT_LENGTH);
            head.insert_header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
        }
        Framing::Length(length) if head.headers.get(header::CONTENT_LENGTH) != Some(&length) => {
            head.insert_header(header::CONTENT_LENGTH, length)?;
        }
        Framing::Length(_) | Framing::Unstated => {}
    }
    if upgrade {
        head.insert_header(header::CONNECTION, HeaderValue::from_static("Upgrade"))?;
        head.insert_header(header::UPGRADE, HeaderValue::from_static("websocket"))?;
    }
    join_cookies(head)?;
    introduce(head, outgoing)
}

fn framing(headers: &HeaderMap) -> Result<Framing> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(Framing::Chunked);
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(Framing::Unstated),
        (Some(length), None) if !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit) => {
            Ok(Framing::Length(length.clone()))
        }
        _ => pingora_core::Error::e_explain(pingora_core::ErrorType::HTTPStatus(400), "contradictory content-length"),
    }
}

/// Only WebSocket (RFC 6455 section 4.1) is let through an HTTP/1.1 upgrade; h2c upgrades would bypass every policy.
fn is_websocket(head: &RequestHeader, client_version: Version) -> bool {
    let Some(upgrade) = head.headers.get(header::UPGRADE) else { return false };
    client_version == Version::HTTP_11
        && head.method == http::Method::GET
        && upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")
        && head
            .headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// HTTP/2 clients send cookies in crumbs; HTTP/1.1 has one field (RFC 9113 section 8.2.3).
fn join_cookies(head: &mut RequestHeader) -> Result<()> {
    let mut crumbs = head.headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return Ok(()) };
    let mut joined = Vec::with_capacity(256);
    joined.extend_from_slice(first.as_bytes());
    for crumb in std::iter::once(second).chain(crumbs) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(crumb.as_bytes());
    }
    head.insert_header(header::COOKIE, joined)
}

fn introduce(head: &mut RequestHeader, outgoing: &Outgoing<'_>) -> Result<()> {
    let origin = outgoing.origin;
    if let Some(list) = origin.forwarded_for(&head.headers) {
        head.insert_header(X_FORWARDED_FOR.clone(), list)?;
    }
    if let Some(host) = origin.forwarded_host(&head.headers, outgoing.authority) {
        head.insert_header(X_FORWARDED_HOST.clone(), host)?;
    }
    head.insert_header(X_FORWARDED_PROTO.clone(), origin.forwarded_proto())?;
    if !origin.peer_is_trusted {
        head.remove_header(&FORWARDED);
    }
    head.insert_header(X_REQUEST_ID.clone(), outgoing.request_id)?;
    if let Some(host) = outgoing.host {
        head.insert_header(header::HOST, host.clone())?;
    }
    if let Some(target) = outgoing.target {
        head.set_raw_path(target.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::policy::facts::Scheme;

    fn head(fields: &[(&'static str, &'static str)]) -> RequestHeader {
        let mut head = RequestHeader::build("GET", b"/x?y=1", None).unwrap();
        for (name, value) in fields {
            head.append_header(*name, *value).unwrap();
        }
        head
    }

    fn sealed(mut head: RequestHeader, target: Option<&str>) -> RequestHeader {
        let client = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
        let origin = Origin { client, peer: client, peer_is_trusted: false, scheme: Scheme::Https };
        let outgoing = Outgoing { origin: &origin, request_id: "id-1", authority: "shop.example", host: None, target };
        seal(&mut head, Version::HTTP_11, &outgoing).unwrap();
        head
    }

    fn get<'h>(head: &'h RequestHeader, name: &str) -> Vec<&'h str> {
        head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn what_belongs_to_the_clients_connection_goes() {
        let head = sealed(
            head(&[("Host", "a"), ("Connection", "x-hop"), ("X-Hop", "1"), ("TE", "gzip"), ("Keep-Alive", "1")]),
            None,
        );
        for name in ["connection", "x-hop", "te", "keep-alive"] {
            assert!(get(&head, name).is_empty(), "{name} stayed");
        }
    }

    #[test]
    fn chunked_wins_and_stands_alone() {
        let head = sealed(head(&[("Host", "a"), ("Content-Length", "3"), ("Transfer-Encoding", "identity")]), None);
        assert_eq!(get(&head, "transfer-encoding"), ["chunked"]);
        assert!(get(&head, "content-length").is_empty());
    }

    #[test]
    fn two_lengths_are_refused() {
        let mut head = head(&[("Host", "a"), ("Content-Length", "3"), ("Content-Length", "3")]);
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let origin = Origin { client, peer: client, peer_is_trusted: false, scheme: Scheme::Http };
        let outgoing = Outgoing { origin: &origin, request_id: "id", authority: "a", host: None, target: None };
        assert!(seal(&mut head, Version::HTTP_2, &outgoing).is_err());
    }

    #[test]
    fn a_websocket_upgrade_passes_and_no_other() {
        let ws = sealed(head(&[("Host", "a"), ("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")]), None);
        assert_eq!((get(&ws, "connection"), get(&ws, "upgrade")), (vec!["Upgrade"], vec!["websocket"]));
        let h2c = sealed(
            head(&[
                ("Host", "a"),
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", "h2c"),
                ("HTTP2-Settings", "A"),
            ]),
            None,
        );
        for name in ["connection", "upgrade", "http2-settings"] {
            assert!(get(&h2c, name).is_empty(), "{name} stayed");
        }
    }

    #[test]
    fn cookie_crumbs_become_one_field() {
        let head = sealed(head(&[("Host", "a"), ("Cookie", "a=1"), ("Cookie", "b=2"), ("Cookie", "c=3")]), None);
        assert_eq!(get(&head, "cookie"), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn the_upstream_learns_who_asks() {
        let head = sealed(
            head(&[
                ("Host", "shop.example"),
                ("X-Forwarded-For", "6.6.6.6"),
                ("X-Forwarded-Host", "evil"),
                ("Forwarded", "for=6.6.6.6"),
            ]),
            Some("/v1?y=1"),
        );
        assert_eq!(get(&head, "x-forwarded-for"), ["203.0.113.5"]);
        assert_eq!(get(&head, "x-forwarded-host"), ["shop.example"]);
        assert_eq!(get(&head, "x-forwarded-proto"), ["https"]);
        assert_eq!(get(&head, "x-request-id"), ["id-1"]);
        assert!(get(&head, "forwarded").is_empty());
        assert_eq!(head.raw_path(), b"/v1?y=1");
    }
}

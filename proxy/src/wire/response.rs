//! The response head as it leaves for the client.

use http::header::{self, HeaderValue};
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, Version};

use super::hop_by_hop;
use super::request::Contradiction;
use super::request_id::X_REQUEST_ID;
use crate::policy::facts::RequestId;

/// Leaves one framing and nothing of the upstream's connection, and names the request.
///
/// `chunked` stays: it tells the engine how the body comes, which frames it anew. An upgrade keeps the two fields that
/// make it one. Where there can be no body, nothing frames one (RFC 9110 section 8.6).
///
/// # Errors
/// The upstream contradicts itself about the length of the body.
pub fn seal(head: &mut Parts, request_id: &RequestId) -> Result<(), Contradiction> {
    // Room for what follows: an engine adds two fields of its own.
    head.headers.reserve(3);
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        remove_framing(&mut head.headers);
    } else {
        strip(&mut head.headers);
        settle_framing(head)?;
    }
    head.headers.insert(X_REQUEST_ID.clone(), request_id.as_field().clone());
    Ok(())
}

/// Whether a body follows the head (RFC 9112 section 6.3); a tunnel is none.
#[must_use]
pub fn has_body(method: &Method, head: &Parts) -> bool {
    let never = head.status.is_informational()
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || *method == Method::HEAD;
    let is_empty = || {
        !head.headers.contains_key(header::TRANSFER_ENCODING)
            && head.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() == b"0")
    };
    !never && !is_empty()
}

/// Takes the length out of a sealed head, since policies may change the body on its way.
///
/// A client of HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
pub fn forget_length(head: &mut Parts, client_version: Version) {
    head.headers.remove(header::CONTENT_LENGTH);
    if client_version != Version::HTTP_10 {
        head.version = Version::HTTP_11;
        head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// How a sealed head's body goes to an HTTP/1 client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// As it is: there is none, or its length is known.
    Plain,
    /// In chunks.
    Chunked,
    /// Up to the end of the connection, for clients that know no chunks.
    UntilClose,
}

/// Settles how the body of a sealed head goes to an HTTP/1 client, and says so in the head.
pub fn frame(head: &mut Parts, client_version: Version, has_body: bool) -> Framed {
    if !has_body || head.headers.contains_key(header::CONTENT_LENGTH) {
        head.headers.remove(header::TRANSFER_ENCODING);
        return Framed::Plain;
    }
    if client_version == Version::HTTP_10 {
        head.headers.remove(header::TRANSFER_ENCODING);
        return Framed::UntilClose;
    }
    head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    Framed::Chunked
}

/// Takes out of the head of an interim answer what belongs to the upstream's connection, and any framing: it has no body.
pub fn seal_interim(headers: &mut HeaderMap) {
    strip(headers);
    remove_framing(headers);
}

fn remove_framing(headers: &mut HeaderMap) {
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
}

/// Takes away what belongs to the upstream's connection, but for the framing.
fn strip(headers: &mut HeaderMap) {
    let mut names = hop_by_hop::standard(headers);
    if names.contains(&header::CONNECTION) {
        names.extend(hop_by_hop::nominated(headers));
    }
    for name in names {
        if name != header::TRANSFER_ENCODING {
            headers.remove(&name);
        }
    }
}

fn settle_framing(head: &mut Parts) -> Result<(), Contradiction> {
    match head.status {
        StatusCode::NO_CONTENT => remove_framing(&mut head.headers),
        StatusCode::NOT_MODIFIED => drop(head.headers.remove(header::TRANSFER_ENCODING)),
        _ => {}
    }
    if let Some(length) = one_length(&head.headers)? {
        head.headers.insert(header::CONTENT_LENGTH, length);
    }
    Ok(())
}

/// The length that `Content-Length` says, however often; `None` where there is no such field.
///
/// # Errors
/// It says different things, or no number.
pub fn sole_length(headers: &HeaderMap) -> Result<Option<u64>, Contradiction> {
    let values =
        headers.get_all(header::CONTENT_LENGTH).iter().flat_map(|value| value.as_bytes().split(|o| *o == b','));
    let mut sole = None;
    for value in values.map(<[u8]>::trim_ascii) {
        let digits =
            std::str::from_utf8(value).ok().filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
        let length = digits.and_then(|digits| digits.parse().ok()).ok_or(Contradiction)?;
        if sole.replace(length).is_some_and(|before: u64| before != length) {
            return Err(Contradiction);
        }
    }
    Ok(sole)
}

/// The length to put in the place of several equal ones; `None` where there is at most one, and that a number.
fn one_length(headers: &HeaderMap) -> Result<Option<HeaderValue>, Contradiction> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let is_number = !first.is_empty() && first.as_bytes().iter().all(u8::is_ascii_digit);
    if values.next().is_none() && is_number {
        return Ok(None);
    }
    Ok(sole_length(headers)?.map(HeaderValue::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(status: u16, fields: &[(&'static str, &'static str)]) -> Result<Parts, Contradiction> {
        let mut head = http::Response::builder().status(status).body(()).unwrap().into_parts().0;
        for (name, value) in fields {
            head.headers.append(*name, HeaderValue::from_static(value));
        }
        seal(&mut head, &RequestId::new("id-1").unwrap()).map(|()| head)
    }

    #[test]
    fn the_upstreams_connection_stays_behind() {
        let fields = [("Connection", "close, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("Server", "x")];
        let head = sealed(200, &fields).unwrap();
        assert_eq!(head.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["server", "x-request-id"]);
    }

    #[test]
    fn chunked_still_tells_how_the_body_comes_where_there_is_one() {
        let chunked = [("Transfer-Encoding", "chunked")];
        assert!(sealed(200, &chunked).unwrap().headers.contains_key("transfer-encoding"));
        assert!(!sealed(204, &chunked).unwrap().headers.contains_key("transfer-encoding"));
    }

    #[test]
    fn where_no_body_may_follow_nothing_frames_one() {
        for status in [101, 204] {
            let head = sealed(status, &[("Content-Length", "5"), ("X", "1")]).unwrap();
            assert_eq!(head.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["x", "x-request-id"]);
        }
        assert_eq!(sealed(304, &[("Content-Length", "5")]).unwrap().headers["content-length"], "5");
        let mut interim = sealed(200, &[("Content-Length", "5"), ("Link", "</a>")]).unwrap().headers;
        interim.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        seal_interim(&mut interim);
        assert_eq!(interim.len(), 2, "{interim:?}");
    }

    #[test]
    fn equal_lengths_become_one_and_others_are_the_upstreams_fault() {
        for twice in [&[("Content-Length", "5"), ("Content-Length", "5")][..], &[("Content-Length", "5, 5")]] {
            let head = sealed(200, twice).unwrap();
            let lengths: Vec<_> = head.headers.get_all("content-length").iter().collect();
            assert_eq!(lengths, ["5"]);
        }
        assert!(sealed(200, &[("Content-Length", "5"), ("Content-Length", "6")]).is_err());
        assert!(sealed(200, &[("Content-Length", "-1")]).is_err());
    }

    #[test]
    fn a_body_follows_where_it_may() {
        let head = |status: u16, fields: &[(&'static str, &'static str)]| sealed(status, fields).unwrap();
        let with_body = [head(200, &[]), head(200, &[("Content-Length", "1")]), head(500, &[])];
        assert!(with_body.iter().all(|head| has_body(&Method::GET, head)));
        assert!(!has_body(&Method::HEAD, &head(200, &[("Content-Length", "1")])));
        let without = [head(101, &[]), head(204, &[]), head(304, &[]), head(200, &[("Content-Length", "0")])];
        assert!(without.iter().all(|head| !has_body(&Method::GET, head)));
        assert!(has_body(&Method::GET, &head(200, &[("Content-Length", "0"), ("Transfer-Encoding", "chunked")])));
    }

    #[test]
    fn a_body_that_may_change_has_no_length() {
        let mut told = sealed(200, &[("Content-Length", "5")]).unwrap();
        forget_length(&mut told, Version::HTTP_2);
        assert!(!told.headers.contains_key("content-length") && told.headers["transfer-encoding"] == "chunked");
        let mut old = sealed(200, &[("Content-Length", "5")]).unwrap();
        forget_length(&mut old, Version::HTTP_10);
        assert!(!old.headers.contains_key("content-length") && !old.headers.contains_key("transfer-encoding"));
    }

    #[test]
    fn an_upgrade_keeps_its_fields_and_is_named() {
        let head = sealed(101, &[("Connection", "Upgrade"), ("Upgrade", "websocket")]).unwrap();
        for name in ["connection", "upgrade", "x-request-id"] {
            assert!(head.headers.contains_key(name), "{name}");
        }
    }
}

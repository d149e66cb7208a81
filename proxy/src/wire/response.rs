//! The response head as it leaves for the client.

use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;

use super::hop_by_hop;
use super::request_id::X_REQUEST_ID;

/// Leaves one framing and nothing of the upstream's connection, and names the request.
///
/// `chunked` stays: it tells Pingora how the body comes, and Pingora frames it anew. An upgrade keeps the two fields that
/// make it one.
///
/// # Errors
/// The upstream contradicts itself about the length of the body.
pub fn seal(head: &mut ResponseHeader, request_id: &str) -> Result<()> {
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        for name in hop_by_hop::nominated(&head.headers).into_iter().chain(hop_by_hop::standard(&head.headers)) {
            if name != header::TRANSFER_ENCODING {
                head.remove_header(&name);
            }
        }
        settle_framing(head)?;
    }
    head.insert_header(X_REQUEST_ID.clone(), request_id)
}

fn settle_framing(head: &mut ResponseHeader) -> Result<()> {
    if matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        head.remove_header(&header::TRANSFER_ENCODING);
    }
    match one_length(&head.headers) {
        Ok(None) => Ok(()),
        Ok(Some(length)) => head.insert_header(header::CONTENT_LENGTH, length),
        Err(()) => {
            let mut error = Error::explain(ErrorType::InvalidHTTPHeader, "contradictory content-length");
            error.as_up();
            Err(error)
        }
    }
}

/// The length to put in the place of several equal ones; `None` where there is at most one, and that a number.
fn one_length(headers: &HeaderMap) -> std::result::Result<Option<HeaderValue>, ()> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let is_number = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if values.next().is_none() && is_number(first.as_bytes()) {
        return Ok(None);
    }
    let mut lengths = headers
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|octet| *octet == b','))
        .map(<[u8]>::trim_ascii);
    let length = lengths.next().filter(|length| is_number(length)).ok_or(())?;
    if lengths.any(|other| other != length) {
        return Err(());
    }
    HeaderValue::from_bytes(length).map(Some).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(status: u16, fields: &[(&'static str, &'static str)]) -> Result<ResponseHeader> {
        let mut head = ResponseHeader::build(status, None).unwrap();
        for (name, value) in fields {
            head.append_header(*name, *value).unwrap();
        }
        seal(&mut head, "id-1").map(|()| head)
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
    fn equal_lengths_become_one_and_others_are_the_upstreams_fault() {
        for twice in [&[("Content-Length", "5"), ("Content-Length", "5")][..], &[("Content-Length", "5, 5")]] {
            let head = sealed(200, twice).unwrap();
            let lengths: Vec<_> = head.headers.get_all("content-length").iter().collect();
            assert_eq!(lengths, ["5"]);
        }
        let error = sealed(200, &[("Content-Length", "5"), ("Content-Length", "6")]).unwrap_err();
        assert_eq!(*error.esource(), pingora_core::ErrorSource::Upstream);
        assert!(sealed(200, &[("Content-Length", "-1")]).is_err());
    }

    #[test]
    fn an_upgrade_keeps_its_fields_and_is_named() {
        let head = sealed(101, &[("Connection", "Upgrade"), ("Upgrade", "websocket")]).unwrap();
        for name in ["connection", "upgrade", "x-request-id"] {
            assert!(head.headers.contains_key(name), "{name}");
        }
    }
}

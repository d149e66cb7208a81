//! Fields that belong to one connection and never travel further (RFC 9110 section 7.6.1).

use http::HeaderMap;
use http::header::{self, HeaderName};
use smallvec::SmallVec;

/// Names found, on the stack in every ordinary case.
pub type Names = SmallVec<[HeaderName; 8]>;

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Whether a field of this name always belongs to one connection, framing included.
#[must_use]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    // Compared by length first: most names of a request fall through without a comparison.
    match name.as_str().len() {
        2 => *name == header::TE,
        7 => *name == header::TRAILER || *name == header::UPGRADE,
        10 => *name == header::CONNECTION || *name == KEEP_ALIVE,
        14 => *name == HTTP2_SETTINGS,
        16 => *name == PROXY_CONNECTION,
        17 => *name == header::TRANSFER_ENCODING,
        19 => *name == header::PROXY_AUTHORIZATION,
        _ => false,
    }
}

/// The names in `headers` that must not travel further: those above and those that `Connection` nominates.
///
/// `Content-Length` and `Host` are never removed on a client's word: a nomination of them is ignored.
#[must_use]
pub fn connection_bound(headers: &HeaderMap) -> Names {
    let mut names = Names::new();
    for name in headers.keys() {
        if is_hop_by_hop(name) {
            names.push(name.clone());
        }
    }
    if names.contains(&header::CONNECTION) {
        nominated(headers, &mut names);
    }
    names
}

fn nominated(headers: &HeaderMap, names: &mut Names) {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    for token in values.flat_map(|value| value.split(',')).map(str::trim) {
        if token.eq_ignore_ascii_case("close") || token.eq_ignore_ascii_case("keep-alive") {
            continue;
        }
        if let Ok(name) = HeaderName::from_bytes(token.as_bytes())
            && name != header::HOST
            && name != header::CONTENT_LENGTH
            && headers.contains_key(&name)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn end_to_end_fields_stay() {
        let found = connection_bound(&headers(&[("host", "a"), ("accept", "*/*"), ("cookie", "a=b"), ("x-te", "1")]));
        assert!(found.is_empty());
    }

    #[test]
    fn every_standard_field_is_found() {
        let found = connection_bound(&headers(&[
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AA"),
            ("proxy-authorization", "Basic x"),
        ]));
        assert_eq!(found.len(), 9);
    }

    #[test]
    fn a_nominated_field_goes_with_its_connection() {
        let found =
            connection_bound(&headers(&[("connection", "close, X-Secret"), ("x-secret", "1"), ("x-other", "2")]));
        assert_eq!(found.as_slice(), [header::CONNECTION, HeaderName::from_static("x-secret")]);
    }

    #[test]
    fn a_nomination_cannot_remove_host_or_framing() {
        let found = connection_bound(&headers(&[
            ("connection", "host, content-length"),
            ("host", "a"),
            ("content-length", "1"),
        ]));
        assert_eq!(found.as_slice(), [header::CONNECTION]);
    }
}

//! The head of a request that the Gate has vetted, as the `http` crate's parts.

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};

/// Fields that the gateway adds on the way.
const ADDED: usize = 8;

/// Reads a head, from the request line to the empty line. Values share the memory of `head`.
///
/// `None` where it is none, which the Gate lets nobody see. A target in absolute form is in origin form afterwards
/// (RFC 9112 section 3.2): its host is that of the `Host` field, as the Gate has made sure.
pub(super) fn parse(head: &Bytes) -> Option<Parts> {
    let mut lines = Lines(head);
    let mut words = lines.next()?.split(|octet| *octet == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let mut parts = Request::new(()).into_parts().0;
    parts.method = Method::from_bytes(method).ok()?;
    parts.uri = in_origin_form(Uri::from_maybe_shared(head.slice_ref(target)).ok()?);
    parts.version = if version == b"HTTP/1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    parts.headers = HeaderMap::with_capacity(memchr::memchr_iter(b'\n', lines.0).count() + ADDED);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        let value = head.slice_ref(value.get(1..)?.trim_ascii());
        parts.headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(parts)
}

fn in_origin_form(uri: Uri) -> Uri {
    if uri.authority().is_none() {
        return uri;
    }
    match uri.into_parts().path_and_query {
        Some(target) if target.as_str().starts_with('/') => Uri::from(target),
        // A query may stand right behind the authority; as text it has the slash that it lacks as octets.
        Some(target) => Uri::try_from(target.to_string()).unwrap_or_default(),
        None => Uri::from(PathAndQuery::from_static("/")),
    }
}

/// Whether the client wants to bring another request (RFC 9112 section 9.3).
pub(super) fn wants_more(head: &Parts) -> bool {
    match head.version {
        Version::HTTP_10 => connection_says(&head.headers, "keep-alive"),
        _ => !connection_says(&head.headers, "close"),
    }
}

/// Whether `Connection` holds this option.
pub(super) fn connection_says(headers: &HeaderMap, option: &str) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(option))
}

/// Whether the client waits to be told before it sends its body (RFC 9110 section 10.1.1).
pub(super) fn waits_for_continue(head: &Parts) -> bool {
    head.headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The lines of a head, without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (line, rest) = self.0.split_at_checked(memchr::memchr(b'\n', self.0)? + 1)?;
        self.0 = rest;
        line.strip_suffix(b"\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &'static str) -> Parts {
        parse(&Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_head_is_read_as_it_was_sent() {
        let head = head("PUT /a?b=c HTTP/1.0\r\nHost: a.test\r\nX-Twice:1\r\nx-twice: \t2 \r\nX-None:\r\n\r\n");
        assert_eq!((head.method, head.version), (Method::PUT, Version::HTTP_10));
        assert_eq!(head.uri, "/a?b=c");
        let twice: Vec<_> = head.headers.get_all("x-twice").iter().collect();
        assert_eq!(twice, ["1", "2"]);
        assert_eq!(head.headers["x-none"], "");
    }

    #[test]
    fn an_absolute_target_becomes_a_path() {
        assert_eq!(head("GET http://a.test/x?y=1 HTTP/1.1\r\nHost: a.test\r\n\r\n").uri, "/x?y=1");
        assert_eq!(head("GET http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n").uri, "/");
        assert_eq!(head("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n").uri, "*");
        let bare = head("GET http://a.test?y=1 HTTP/1.1\r\nHost: a.test\r\n\r\n").uri;
        assert_eq!(bare.path_and_query().map(PathAndQuery::as_str), Some("/?y=1"));
    }

    #[test]
    fn what_is_no_head_is_none() {
        for text in ["", "\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n", "G T / HTTP/1.1 x\r\n: a\r\n\r\n"] {
            assert!(parse(&Bytes::from_static(text.as_bytes())).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_connection_goes_on_as_its_version_has_it() {
        for (text, more) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(wants_more(&head(text)), more, "{text:?}");
        }
    }
}

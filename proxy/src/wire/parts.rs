//! Pingora's heads opened as the `http` crate's, and closed again.
//!
//! Pingora keeps each field in two maps, one for its value and one for the case of its name, and every change through its
//! own methods parses the name anew. What the gateway does to a head it does on plain parts: an insertion is one hash. The
//! case of names is not kept; it means nothing (RFC 9110 section 5.1).

use http::{request, response};
use pingora_http::{RequestHeader, ResponseHeader};

/// Opens a request head for `work`. A target in absolute form is in origin form afterwards (RFC 9112 section 3.2).
pub fn of_request<R>(head: &mut RequestHeader, work: impl FnOnce(&mut request::Parts) -> R) -> R {
    let mut parts = open_request(head);
    let result = work(&mut parts);
    close_request(head, parts);
    result
}

/// Opens a request head; until it is closed again with [`close_request`], an empty one stands in its place.
#[must_use]
pub fn open_request(head: &mut RequestHeader) -> request::Parts {
    let placeholder = RequestHeader::from(http::Request::new(()).into_parts().0);
    request::Parts::from(std::mem::replace(head, placeholder))
}

/// Puts a head that was open back in its place.
pub fn close_request(head: &mut RequestHeader, parts: request::Parts) {
    *head = RequestHeader::from(parts);
}

/// A response head while it is open.
#[derive(Debug)]
pub struct OpenResponse {
    /// The head.
    pub parts: response::Parts,
    /// A reason phrase of the upstream's own.
    phrase: Option<String>,
}

/// Opens a response head; until it is closed again with [`close_response`], an empty one stands in its place.
#[must_use]
pub fn open_response(head: &mut ResponseHeader) -> OpenResponse {
    let phrase = head.get_reason_phrase().filter(|phrase| Some(*phrase) != head.status.canonical_reason());
    let phrase = phrase.map(str::to_owned);
    let placeholder = ResponseHeader::from(http::Response::new(()).into_parts().0);
    OpenResponse { parts: response::Parts::from(std::mem::replace(head, placeholder)), phrase }
}

/// Puts a head that was open back in its place.
pub fn close_response(head: &mut ResponseHeader, open: OpenResponse) {
    *head = ResponseHeader::from(open.parts);
    if open.phrase.is_some() {
        // Taken from a head that had it: it is legal.
        let _ = head.set_reason_phrase(open.phrase.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_the_same_after_it_was_open() {
        let mut head = RequestHeader::build("PUT", b"/a?b=c", None).unwrap();
        head.append_header("Host", "a.test").unwrap();
        head.append_header("X-Twice", "1").unwrap();
        head.append_header("X-Twice", "2").unwrap();
        of_request(&mut head, |_| ());
        assert_eq!((head.method.as_str(), head.raw_path()), ("PUT", &b"/a?b=c"[..]));
        assert_eq!(head.headers.get_all("x-twice").iter().count(), 2);
    }

    #[test]
    fn an_absolute_target_becomes_a_path() {
        let mut head = RequestHeader::build("GET", b"http://a.test/x?y=1", None).unwrap();
        of_request(&mut head, |_| ());
        assert_eq!(head.raw_path(), b"/x?y=1");
    }

    #[test]
    fn a_reason_phrase_of_the_upstreams_own_is_kept() {
        let mut head = ResponseHeader::build(200, None).unwrap();
        head.set_reason_phrase(Some("Fine")).unwrap();
        let open = open_response(&mut head);
        close_response(&mut head, open);
        assert_eq!(head.get_reason_phrase(), Some("Fine"));
    }
}

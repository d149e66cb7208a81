//! Pingora's heads opened as the `http` crate's, and closed again.
//!
//! Pingora keeps each field in two maps, one for its value and one for the case of its name, and every change through its
//! own methods parses the name anew. What the gateway does to a head it does on plain parts: an insertion is one hash. The
//! case of names is not kept; it means nothing (RFC 9110 section 5.1).

use http::{request, response};
use pingora_http::{RequestHeader, ResponseHeader};

/// Opens a request head for `work`. A target in absolute form is in origin form afterwards (RFC 9112 section 3.2).
pub fn of_request<R>(head: &mut RequestHeader, work: impl FnOnce(&mut request::Parts) -> R) -> R {
    let placeholder = RequestHeader::from(http::Request::new(()).into_parts().0);
    let mut parts = request::Parts::from(std::mem::replace(head, placeholder));
    let result = work(&mut parts);
    *head = RequestHeader::from(parts);
    result
}

/// Opens a response head for `work`; a reason phrase of the upstream's own is kept.
pub fn of_response<R>(head: &mut ResponseHeader, work: impl FnOnce(&mut response::Parts) -> R) -> R {
    let phrase = head.get_reason_phrase().filter(|phrase| Some(*phrase) != head.status.canonical_reason());
    let phrase = phrase.map(str::to_owned);
    let placeholder = ResponseHeader::from(http::Response::new(()).into_parts().0);
    let mut parts = response::Parts::from(std::mem::replace(head, placeholder));
    let result = work(&mut parts);
    *head = ResponseHeader::from(parts);
    if phrase.is_some() {
        // Taken from a head that had it: it is legal.
        let _ = head.set_reason_phrase(phrase.as_deref());
    }
    result
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
        of_response(&mut head, |_| ());
        assert_eq!(head.get_reason_phrase(), Some("Fine"));
    }
}

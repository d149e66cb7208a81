//! Heads as octets.

use std::time::SystemTime;

use bytes::{BufMut, BytesMut};
use http::header::HeaderMap;
use http::{StatusCode, Version, header, request, response};

/// Room for an ordinary head.
const ROOM: usize = 1024;

/// What a client is told of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Nothing: it goes on, as is usual.
    Usual,
    /// It goes on although the client's version does not expect that.
    KeptAlive,
    /// It ends with this answer.
    Closes,
}

impl Connection {
    /// What to say to a client of this version whose connection goes on or not.
    pub(super) fn of(version: Version, goes_on: bool) -> Self {
        match (goes_on, version) {
            (false, _) => Self::Closes,
            (true, Version::HTTP_10) => Self::KeptAlive,
            (true, _) => Self::Usual,
        }
    }
}

/// Writes the head of a request, for an endpoint.
pub(crate) fn request(out: &mut BytesMut, head: &request::Parts) {
    out.reserve(ROOM);
    out.put_slice(head.method.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(head.uri.path_and_query().map_or("/", |target| target.as_str()).as_bytes());
    out.put_slice(b" HTTP/1.1\r\n");
    fields(out, &head.headers);
    out.put_slice(b"\r\n");
}

/// Writes the head of an answer, for a client; a final one is given a date where it has none (RFC 9110 section 6.6.1).
pub(super) fn response(out: &mut BytesMut, head: &response::Parts, phrase: Option<&[u8]>, connection: Connection) {
    out.reserve(ROOM);
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(head.status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(phrase.unwrap_or_else(|| usual_phrase(head.status)));
    out.put_slice(b"\r\n");
    fields(out, &head.headers);
    if !head.status.is_informational() {
        if !head.headers.contains_key(header::DATE) {
            out.put_slice(b"date: ");
            out.put_slice(httpdate::fmt_http_date(SystemTime::now()).as_bytes());
            out.put_slice(b"\r\n");
        }
        match connection {
            Connection::Usual => {}
            Connection::KeptAlive => out.put_slice(b"connection: keep-alive\r\n"),
            Connection::Closes => out.put_slice(b"connection: close\r\n"),
        }
    }
    out.put_slice(b"\r\n");
}

fn usual_phrase(status: StatusCode) -> &'static [u8] {
    status.canonical_reason().unwrap_or_default().as_bytes()
}

fn fields(out: &mut BytesMut, headers: &HeaderMap) {
    for (name, value) in headers {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        out.reserve(name.len() + value.len() + 4);
        out.put_slice(name);
        out.put_slice(b": ");
        out.put_slice(value);
        out.put_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};

    use super::*;

    fn answer(status: u16, phrase: Option<&[u8]>, connection: Connection) -> String {
        let head = Response::builder().status(status).header("Date", "now").header("X", "1").body(()).unwrap();
        let mut out = BytesMut::new();
        response(&mut out, &head.into_parts().0, phrase, connection);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_request_is_written_in_origin_form() {
        let head = Request::put("/a?b=c").header("Host", "a.test").header("X", "1").header("X", "2").body(()).unwrap();
        let mut out = BytesMut::new();
        request(&mut out, &head.into_parts().0);
        assert_eq!(out, "PUT /a?b=c HTTP/1.1\r\nhost: a.test\r\nx: 1\r\nx: 2\r\n\r\n");
    }

    #[test]
    fn an_answer_tells_what_becomes_of_its_connection() {
        assert_eq!(answer(200, None, Connection::Usual), "HTTP/1.1 200 OK\r\ndate: now\r\nx: 1\r\n\r\n");
        assert!(answer(200, None, Connection::Closes).contains("connection: close\r\n"));
        assert!(answer(200, None, Connection::KeptAlive).contains("connection: keep-alive\r\n"));
        assert_eq!(answer(100, None, Connection::Closes), "HTTP/1.1 100 Continue\r\ndate: now\r\nx: 1\r\n\r\n");
    }

    #[test]
    fn a_phrase_of_its_own_is_kept() {
        assert!(answer(299, Some(b"Fine"), Connection::Usual).starts_with("HTTP/1.1 299 Fine\r\n"));
        assert!(answer(299, None, Connection::Usual).starts_with("HTTP/1.1 299 \r\n"));
    }

    #[test]
    fn a_final_answer_has_a_date() {
        let mut out = BytesMut::new();
        response(&mut out, &Response::new(()).into_parts().0, None, Connection::Usual);
        assert!(String::from_utf8_lossy(&out).contains("\r\ndate: "), "{out:?}");
    }
}

//! The head of an endpoint's answer, and how long its body is.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header};
use httparse::{Error, ParserConfig, Status};
use smallvec::SmallVec;

use super::request::connection_says;
use crate::wire::response::{has_body, sole_length};

/// Octets of a head, over which it is none.
const MOST_OCTETS: usize = 64 * 1024;
/// Fields of a head, over which it is none.
const MOST_FIELDS: usize = 192;
/// Fields that the gateway adds on the way.
const ADDED: usize = 4;

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    /// Status and fields.
    pub(crate) parts: Parts,
    /// A reason phrase of the endpoint's own.
    pub(super) phrase: Option<Bytes>,
    /// How long the body is.
    pub(crate) framing: Framing,
    /// Whether its connection may serve on.
    pub(crate) keeps_connection: bool,
}

/// How long the body of an answer is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// This many octets.
    Length(u64),
    /// As long as the chunks say.
    Chunked,
    /// Until the endpoint closes.
    UntilClose,
}

/// What was sent is no answer, or one that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbage;

type Range = std::ops::Range<usize>;

/// Where the parts of a head are.
struct Found {
    status: u16,
    version: Version,
    phrase: Range,
    fields: SmallVec<[(Range, Range); 32]>,
    end: usize,
}

/// Whether `held` may hold a whole head, or what is none, of which the first `looked_at` octets alone were no whole one.
pub(super) fn may_be_whole(held: &[u8], looked_at: usize) -> bool {
    let new = held.get(looked_at..).unwrap_or_default();
    !new.is_empty() && (looked_at == 0 || held.len() > MOST_OCTETS || memchr::memchr(b'\n', new).is_some())
}

/// Takes a head out of `held`, once all of it is there. Values share its memory.
pub(super) fn take(held: &mut BytesMut, method: &Method) -> Result<Option<ResponseHead>, Garbage> {
    let Some(found) = find(held)? else {
        return if held.len() > MOST_OCTETS { Err(Garbage) } else { Ok(None) };
    };
    if found.end > MOST_OCTETS {
        return Err(Garbage);
    }
    let octets = held.split_to(found.end).freeze();
    let mut parts = Response::new(()).into_parts().0;
    parts.status = StatusCode::from_u16(found.status).map_err(|_| Garbage)?;
    parts.version = found.version;
    parts.headers = HeaderMap::with_capacity(found.fields.len() + ADDED);
    for (name, value) in found.fields {
        let name = octets.get(name).and_then(|name| HeaderName::from_bytes(name).ok()).ok_or(Garbage)?;
        let value = HeaderValue::from_maybe_shared(octets.slice(value)).map_err(|_| Garbage)?;
        parts.headers.append(name, value);
    }
    let phrase = octets.slice(found.phrase);
    let is_own = !phrase.is_empty() && parts.status.canonical_reason().is_none_or(|usual| usual.as_bytes() != phrase);
    let framing = framing(method, &parts)?;
    Ok(Some(ResponseHead {
        phrase: is_own.then_some(phrase),
        keeps_connection: framing != Framing::UntilClose && keeps_connection(&parts),
        framing,
        parts,
    }))
}

fn find(held: &[u8]) -> Result<Option<Found>, Garbage> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut head = httparse::Response::new(&mut []);
    let end = match ParserConfig::default().parse_response_with_uninit_headers(&mut head, held, &mut fields) {
        Ok(Status::Complete(end)) => end,
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders | _) => return Err(Garbage),
    };
    let base = held.as_ptr() as usize;
    let range = |part: &[u8]| {
        let start = (part.as_ptr() as usize).wrapping_sub(base);
        if part.is_empty() { 0..0 } else { start..start + part.len() }
    };
    Ok(Some(Found {
        status: head.code.ok_or(Garbage)?,
        version: if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 },
        phrase: range(head.reason.unwrap_or_default().as_bytes()),
        fields: head.headers.iter().map(|field| (range(field.name.as_bytes()), range(field.value))).collect(),
        end,
    }))
}

fn framing(method: &Method, head: &Parts) -> Result<Framing, Garbage> {
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => true,
        _ => return Err(Garbage),
    };
    let length = sole_length(&head.headers).map_err(|_| Garbage)?;
    match (chunked, length) {
        // Whoever reads the other of the two finds another message.
        (true, Some(_)) => Err(Garbage),
        _ if !has_body(method, head) => Ok(Framing::None),
        (true, None) => Ok(Framing::Chunked),
        (false, Some(length)) => Ok(Framing::Length(length)),
        (false, None) => Ok(Framing::UntilClose),
    }
}

fn keeps_connection(head: &Parts) -> bool {
    match head.version {
        // One that knows no chunks and sends some is not trusted with another request (RFC 9112 section 6.1).
        Version::HTTP_10 => {
            connection_says(&head.headers, "keep-alive") && !head.headers.contains_key(header::TRANSFER_ENCODING)
        }
        _ => !connection_says(&head.headers, "close"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(text: &str, method: Method) -> Result<Option<ResponseHead>, Garbage> {
        take(&mut BytesMut::from(text), &method)
    }

    fn framing_of(fields: &str) -> Result<Framing, Garbage> {
        taken(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), Method::GET).map(|head| head.unwrap().framing)
    }

    #[test]
    fn a_head_is_taken_and_what_follows_stays() {
        let mut held = BytesMut::from("HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nX: \r\n\r\nabc");
        let head = take(&mut held, &Method::GET).unwrap().unwrap();
        assert_eq!((head.parts.status.as_u16(), head.framing), (200, Framing::Length(3)));
        assert_eq!(head.phrase.as_deref(), Some(&b"Fine"[..]));
        assert_eq!(head.parts.headers["x"], "");
        assert!(head.keeps_connection);
        assert_eq!(held, "abc");
    }

    #[test]
    fn a_head_that_is_not_whole_is_waited_for_within_its_limits() {
        assert!(taken("HTTP/1.1 200 OK\r\nA: b\r\n", Method::GET).unwrap().is_none());
        assert_eq!(
            taken(&format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(MOST_OCTETS)), Method::GET).err(),
            Some(Garbage)
        );
        let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(MOST_OCTETS));
        assert_eq!(taken(&long, Method::GET).err(), Some(Garbage), "also where it comes at once");
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MOST_FIELDS + 1));
        assert_eq!(taken(&many, Method::GET).err(), Some(Garbage));
    }

    #[test]
    fn the_length_of_a_body_has_one_reading() {
        assert_eq!(framing_of("Content-Length: 7\r\n"), Ok(Framing::Length(7)));
        assert_eq!(framing_of("Content-Length: 7\r\nContent-Length: 7\r\n"), Ok(Framing::Length(7)));
        assert_eq!(framing_of("Content-Length: 0\r\n"), Ok(Framing::None));
        assert_eq!(framing_of("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(framing_of(""), Ok(Framing::UntilClose));
        for contradiction in [
            "Content-Length: 7\r\nContent-Length: 8\r\n",
            "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(framing_of(contradiction), Err(Garbage), "{contradiction:?}");
        }
    }

    #[test]
    fn some_answers_have_no_body_whatever_they_say() {
        for (status, method) in [(204, Method::GET), (304, Method::GET), (101, Method::GET), (200, Method::HEAD)] {
            let text = format!("HTTP/1.1 {status} x\r\nContent-Length: 9\r\n\r\n");
            assert_eq!(taken(&text, method).unwrap().unwrap().framing, Framing::None, "{status}");
        }
    }

    #[test]
    fn a_head_in_drops_is_looked_at_once_a_line() {
        let head = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        let looks = (1..=head.len()).filter(|end| may_be_whole(&head[..*end], end - 1)).count();
        assert_eq!(looks, 4, "at its first octet and at each line end");
        assert!(!may_be_whole(head, head.len()) && !may_be_whole(b"", 0), "nothing is new");
        assert!(may_be_whole(&[b'a'; MOST_OCTETS + 1], MOST_OCTETS), "its end is not waited for any longer");
    }

    #[test]
    fn what_is_no_http_is_garbage() {
        for text in [
            "SSH-2.0-x\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        ] {
            assert_eq!(taken(text, Method::GET).err(), Some(Garbage), "{text:?}");
        }
    }

    #[test]
    fn a_connection_serves_on_unless_the_endpoint_says_otherwise() {
        for (text, keeps) in [
            ("HTTP/1.1 204 x\r\n\r\n", true),
            ("HTTP/1.1 204 x\r\nConnection: close\r\n\r\n", false),
            ("HTTP/1.0 204 x\r\n\r\n", false),
            ("HTTP/1.0 204 x\r\nConnection: keep-alive\r\n\r\n", true),
            ("HTTP/1.0 200 x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("HTTP/1.1 200 x\r\n\r\n", false),
        ] {
            assert_eq!(taken(text, Method::GET).unwrap().unwrap().keeps_connection, keeps, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_cut_changes_what_a_head_is(
            octets in prop::collection::vec(prop::sample::select(b"HTP/1.10 234OK\r\n\r\n:aT-\0\xff,".to_vec()), 0..80),
            whole in any::<bool>(),
            cut in 0usize..120,
        ) {
            let start: &[u8] = if whole { b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" } else { b"HTTP/1.1 2" };
            let octets = [start, octets.as_slice()].concat();
            let at_once = take(&mut BytesMut::from(octets.as_slice()), &Method::GET);
            let mut held = BytesMut::from(&octets[..cut.min(octets.len())]);
            let first = take(&mut held, &Method::GET);
            match first {
                Ok(None) => {
                    held.extend_from_slice(&octets[cut.min(octets.len())..]);
                    let then = take(&mut held, &Method::GET);
                    prop_assert_eq!(summary(&at_once), summary(&then));
                }
                decided => prop_assert_eq!(summary(&decided), summary(&at_once)),
            }
        }
    }

    fn summary(taken: &Result<Option<ResponseHead>, Garbage>) -> Result<Option<(u16, Framing, usize)>, Garbage> {
        match taken {
            Ok(head) => {
                Ok(head.as_ref().map(|head| (head.parts.status.as_u16(), head.framing, head.parts.headers.len())))
            }
            Err(Garbage) => Err(Garbage),
        }
    }
}

//! Why the Gate does not take a request, and how it says so.

use std::io;

use pingora_core::{Error, ErrorType};

/// A reason for which a request is refused before any policy sees it.
///
/// Closed: each one has its own label in metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A line feed without a carriage return before it.
    BareLf,
    /// The request line is not `method target version`.
    RequestLine,
    /// The target holds an octet that must be percent-encoded, or has a form its method does not allow.
    Target,
    /// The target is longer than the limit.
    TargetTooLong,
    /// A version that is no HTTP version.
    Version,
    /// An HTTP version that does not travel in this form.
    UnsupportedVersion,
    /// `CONNECT`: the gateway is no forward proxy.
    Connect,
    /// A field continued on a second line (RFC 9112 section 5.2).
    ObsFold,
    /// A field line without a legal name and a colon right after it.
    FieldName,
    /// A control octet in a field value.
    FieldValue,
    /// More fields than the limit.
    TooManyFields,
    /// A head, or a line of it, longer than the limit.
    HeadTooLarge,
    /// No `Host`.
    NoHost,
    /// Two `Host` fields.
    TwoHosts,
    /// A `Host` that is no host, or one that is not the host of the target.
    Host,
    /// A `Content-Length` that is no number.
    ContentLength,
    /// Two `Content-Length` fields.
    TwoContentLengths,
    /// `Content-Length` and `Transfer-Encoding` together.
    BothFramings,
    /// A transfer coding other than `chunked` alone.
    TransferCoding,
    /// `Transfer-Encoding` twice.
    TwoTransferEncodings,
    /// `Transfer-Encoding` in HTTP/1.0.
    ChunkedInHttp10,
    /// A field that some origins take for a framing field, such as `Content_Length`.
    FramingLookAlike,
    /// `Upgrade` on a request with a body: who reads the body is not defined.
    UpgradeWithBody,
    /// The chunked coding is broken.
    ChunkFraming,
    /// Chunk extensions or trailers longer than anybody needs.
    ChunkOverhead,
    /// The body is longer than the limit.
    BodyTooLarge,
    /// The head did not arrive in time.
    HeadTimeout,
    /// The body stood still for too long.
    BodyTimeout,
    /// The client stopped sending in the middle of a head.
    TruncatedHead,
    /// HTTP/2 was agreed on in the handshake, something else was sent.
    NotHttp2,
}

impl Refusal {
    /// The status code it is answered with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::HeadTimeout | Self::BodyTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::TooManyFields | Self::HeadTooLarge => 431,
            Self::TransferCoding | Self::Connect => 501,
            Self::UnsupportedVersion => 505,
            _ => 400,
        }
    }

    /// Its label in metrics and logs. Stable: dashboards name it.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BareLf => "bare-lf",
            Self::RequestLine => "request-line",
            Self::Target => "target",
            Self::TargetTooLong => "target-too-long",
            Self::Version => "version",
            Self::UnsupportedVersion => "unsupported-version",
            Self::Connect => "connect",
            Self::ObsFold => "obs-fold",
            Self::FieldName => "field-name",
            Self::FieldValue => "field-value",
            Self::TooManyFields => "too-many-fields",
            Self::HeadTooLarge => "head-too-large",
            Self::NoHost => "no-host",
            Self::TwoHosts => "two-hosts",
            Self::Host => "host",
            Self::ContentLength => "content-length",
            Self::TwoContentLengths => "two-content-lengths",
            Self::BothFramings => "both-framings",
            Self::TransferCoding => "transfer-coding",
            Self::TwoTransferEncodings => "two-transfer-encodings",
            Self::ChunkedInHttp10 => "chunked-in-http10",
            Self::FramingLookAlike => "framing-look-alike",
            Self::UpgradeWithBody => "upgrade-with-body",
            Self::ChunkFraming => "chunk-framing",
            Self::ChunkOverhead => "chunk-overhead",
            Self::BodyTooLarge => "body-too-large",
            Self::HeadTimeout => "head-timeout",
            Self::BodyTimeout => "body-timeout",
            Self::TruncatedHead => "truncated-head",
            Self::NotHttp2 => "not-http2",
        }
    }

    /// What the client is told, as a sentence. It never quotes what the client sent.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::BareLf => "A line of the request head ends in a line feed without a carriage return.",
            Self::RequestLine => {
                "The request line is not a method, a target and a version, each separated by one space."
            }
            Self::Target => "The request target is malformed, or its form does not suit the method.",
            Self::TargetTooLong => "The request target is longer than this server accepts.",
            Self::Version => "The request line names no HTTP version.",
            Self::UnsupportedVersion => "This version of HTTP is not supported in this form.",
            Self::Connect => "CONNECT is not supported here.",
            Self::ObsFold => "A header field is continued on a second line.",
            Self::FieldName => "A header field does not begin with a legal name and a colon.",
            Self::FieldValue => "A header field value contains a control character.",
            Self::TooManyFields => "The request has more header fields than this server accepts.",
            Self::HeadTooLarge => "The request head is larger than this server accepts.",
            Self::NoHost => "The request has no Host header field.",
            Self::TwoHosts => "The request has more than one Host header field.",
            Self::Host => "The Host header field is malformed, or it differs from the host in the request target.",
            Self::ContentLength => "The Content-Length header field is not a number.",
            Self::TwoContentLengths => "The request has more than one Content-Length header field.",
            Self::BothFramings => "The request has both Content-Length and Transfer-Encoding.",
            Self::TransferCoding => "The only transfer coding supported is chunked.",
            Self::TwoTransferEncodings => "The request has more than one Transfer-Encoding header field.",
            Self::ChunkedInHttp10 => "HTTP/1.0 has no Transfer-Encoding.",
            Self::FramingLookAlike => "A header field imitates Content-Length or Transfer-Encoding.",
            Self::UpgradeWithBody => "A request to upgrade the connection must not have a body.",
            Self::ChunkFraming => "The chunked coding of the request body is malformed.",
            Self::ChunkOverhead => "Chunk extensions or trailers are larger than this server accepts.",
            Self::BodyTooLarge => "The request body is larger than this server accepts.",
            Self::HeadTimeout => "The request head did not arrive in time.",
            Self::BodyTimeout => "The request body did not arrive in time.",
            Self::TruncatedHead => "The request ended in the middle of its head.",
            Self::NotHttp2 => "The connection was to carry HTTP/2.",
        }
    }

    /// The body of its answer, `application/problem+json` (RFC 9457).
    #[must_use]
    pub fn problem(self) -> String {
        let (title, status, detail) = (self.title(), self.status(), self.sentence());
        format!(r#"{{"title":"{title}","status":{status},"detail":"{detail}"}}"#)
    }

    /// The whole HTTP/1.1 answer; an answer to HEAD describes the body and leaves it out.
    pub(super) fn answer(self, to_head: bool) -> Vec<u8> {
        let body = self.problem();
        let mut answer = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.status(),
            self.title(),
            body.len()
        );
        if !to_head {
            answer.push_str(&body);
        }
        answer.into_bytes()
    }

    const fn title(self) -> &'static str {
        match self.status() {
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            505 => "HTTP Version Not Supported",
            _ => "Bad Request",
        }
    }
}

/// A refusal that comes to light while an HTTP/2 body is read, on its way through Pingora as an I/O error.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("request body refused: {}", .0.reason())]
struct Violation(Refusal);

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::BodyTimeout => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, Violation(refusal))
    }
}

impl From<Refusal> for Box<Error> {
    fn from(refusal: Refusal) -> Self {
        Error::because(ErrorType::ReadError, "request body", io::Error::from(refusal)).into_down()
    }
}

/// The refusal behind an error that the proxy reports, where the Gate caused it.
///
/// `ProxyHttp::fail_to_proxy` asks this first: such an error is the client's, is answered with
/// [`Refusal::status`], and says nothing about the upstream.
#[must_use]
pub fn violation_of(error: &Error) -> Option<Refusal> {
    let cause = error.root_cause().downcast_ref::<io::Error>()?;
    cause.get_ref()?.downcast_ref::<Violation>().map(|violation| violation.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_way_through_pingora() {
        let error: Box<Error> = Refusal::BodyTooLarge.into();
        let wrapped = error.more_context("while proxying");
        assert_eq!(violation_of(&wrapped), Some(Refusal::BodyTooLarge));
        assert_eq!(violation_of(&Error::new_str("another error")), None);
    }

    #[test]
    fn an_answer_says_how_long_its_body_is_and_that_the_connection_ends() {
        let answer = String::from_utf8(Refusal::TwoHosts.answer(false)).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(head.ends_with("connection: close"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], 400);
        assert_eq!(problem["detail"], "The request has more than one Host header field.");
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        assert!(Refusal::NoHost.answer(true).ends_with(b"\r\n\r\n"));
    }
}

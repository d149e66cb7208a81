//! What a policy decided, after the host has checked it.
//!
//! The types carry the invariant: an [`Edit`] that exists has a legal name, a legal value, and touches nothing that
//! frames or routes a message (shared with `wire`, which checks the finished head once more).

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;

use super::limits::Standing;
use crate::consumers::Consumer;
use crate::counters::Held;
use crate::route::target::suspicious;

/// Enough of a refused name to find it in the plugin's source.
const EXCERPT_CHARS: usize = 64;

/// The decision on a request.
#[derive(Debug)]
pub enum RequestDecision {
    /// Let it pass, changed as told.
    Forward(Forward),
    /// Answer it here.
    Respond(Answer),
}

/// What a request is answered with instead of being passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The answer itself.
    pub response: LocalResponse,
    /// Where the client stands with the limit it is over, told beside the limits of the policies that the request passed.
    pub standing: Option<Standing>,
}

impl From<LocalResponse> for Answer {
    fn from(response: LocalResponse) -> Self {
        Self { response, standing: None }
    }
}

impl Default for RequestDecision {
    /// It passes as it is.
    fn default() -> Self {
        Self::Forward(Forward::default())
    }
}

/// What comes of a request that passes.
#[derive(Debug, Default)]
pub struct Forward {
    /// What changes, where anything does; shared by all requests of which that was decided.
    pub changes: Option<Arc<Changes>>,
    /// Told to the client by the response, after what changes about that.
    pub standing: Option<Standing>,
    /// Places that the exchange holds until it is over.
    pub held: Vec<Held>,
}

/// What changes about a request that passes, and about its response.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Applied before the next policy sees the request.
    pub request: Vec<Edit>,
    /// Applied to the response on its way back, whoever makes it.
    pub response: Vec<Edit>,
    /// Who the client turned out to be.
    pub consumer: Option<Arc<Consumer>>,
    /// Path and query to ask the upstream for.
    pub target: Option<PathAndQuery>,
}

/// The decision on a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseDecision {
    /// Let it pass with these edits.
    Forward(Vec<Edit>),
    /// Send this instead.
    Replace(LocalResponse),
}

/// A legal change to the header fields of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replace all values of the field by this one.
    Set(HeaderName, HeaderValue),
    /// Add a value beside those that are there.
    Append(HeaderName, HeaderValue),
    /// Remove all values of the field.
    Remove(HeaderName),
}

/// An answer made by a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse {
    /// 200 to 599.
    pub status: StatusCode,
    /// Fields beside those the gateway makes itself.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Empty: the gateway writes a problem document where the status is 400 or above.
    pub body: Bytes,
}

/// Why a returned value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalDecision {
    /// Not a header name, or one with upper-case letters that no canonical form fits.
    #[error("illegal header name {0:?}")]
    Name(String),
    /// The name frames, routes or belongs to one connection.
    #[error("header {0:?} is the gateway's own")]
    Reserved(String),
    /// CR, LF, NUL or another byte that no field value may hold (RFC 9110 section 5.5).
    #[error("illegal value for header {0:?}")]
    Value(String),
    /// Not 200 to 599.
    #[error("illegal status {0}")]
    Status(u16),
    /// More bytes than the plugin's limit.
    #[error("output of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// What the plugin returned.
        bytes: usize,
        /// `plugin.limits.output`.
        limit: usize,
    },
    /// More header fields and edits than the plugin's limit.
    #[error("{fields} header fields and edits are over the limit of {limit}")]
    TooManyFields {
        /// What the plugin returned.
        fields: usize,
        /// `plugin.limits.output_fields`.
        limit: usize,
    },
    /// More to remember between two pieces of a body than there is room for.
    #[error("memory of {bytes} bytes is over the limit of {limit}")]
    Memory {
        /// What the plugin returned.
        bytes: usize,
        /// What the contract allows.
        limit: usize,
    },
    /// A consumer that does not exist, or no grant to name one.
    #[error("unknown consumer {0:#x}")]
    Consumer(u64),
    /// No path and query in origin form, or a path that servers read differently.
    #[error("illegal target {0:?}")]
    Target(String),
    /// More limits than a request may be held to.
    #[error("{limits} limits are over the limit of {most}")]
    TooManyLimits {
        /// What the plugin returned.
        limits: usize,
        /// What the contract allows.
        most: usize,
    },
    /// A name that cannot stand in the fields that tell clients of a limit, or is too long for them.
    #[error("illegal name of a limit {0:?}")]
    LimitName(String),
    /// A longer key than the contract allows.
    #[error("key of a limit has {bytes} bytes, more than {most}")]
    LimitKey {
        /// What the plugin returned.
        bytes: usize,
        /// What the contract allows.
        most: usize,
    },
    /// No units, in no time, or none that can be saved up: nothing could ever pass.
    #[error("limit {0:?} is one of nothing")]
    LimitOfNothing(String),
    /// An index past the candidates.
    #[error("pick {index} of {candidates} candidates")]
    Pick {
        /// What the plugin returned.
        index: u32,
        /// How many there were.
        candidates: usize,
    },
}

impl From<Changes> for Forward {
    fn from(changes: Changes) -> Self {
        Self { changes: (changes != Changes::default()).then(|| Arc::new(changes)), standing: None, held: Vec::new() }
    }
}

impl Changes {
    /// Bytes of what is written.
    #[must_use]
    pub fn size(&self) -> usize {
        let target = self.target.as_ref().map_or(0, |target| target.as_str().len());
        self.request.iter().chain(&self.response).map(Edit::size).sum::<usize>() + target
    }
}

impl Edit {
    /// Bytes of its name and value.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Set(name, value) | Self::Append(name, value) => name.as_str().len() + value.len(),
            Self::Remove(name) => name.as_str().len(),
        }
    }
}

impl LocalResponse {
    /// Bytes of its fields and its body.
    #[must_use]
    pub fn size(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() + self.body.len()
    }
}

/// A message head that edits can be applied to; heads of the `http` crate are such.
pub trait EditableHead {
    /// Applies one edit.
    fn apply(&mut self, edit: &Edit);
}

impl EditableHead for HeaderMap {
    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Set(name, value) => drop(self.insert(name, value.clone())),
            Edit::Append(name, value) => drop(self.append(name, value.clone())),
            Edit::Remove(name) => drop(self.remove(name)),
        }
    }
}

/// Whether a field frames a message, routes it or belongs to one connection: the gateway alone writes it.
///
/// The one list of these names; `wit/types.wit` states it to plugin authors.
#[must_use]
pub fn is_reserved(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "content-length"
            | "transfer-encoding"
            | "connection"
            | "upgrade"
            | "te"
            | "trailer"
            | "keep-alive"
            | "proxy-connection"
            | "http2-settings"
            | "host"
    )
}

/// A field name that a policy may write.
///
/// # Errors
/// It is no field name, or reserved; a pseudo-header of HTTP/2 (`:path`) counts as reserved.
pub fn field_name(name: &str) -> Result<HeaderName, IllegalDecision> {
    if name.starts_with(':') {
        return Err(IllegalDecision::Reserved(excerpt(name)));
    }
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| IllegalDecision::Name(excerpt(name)))?;
    if is_reserved(&name) { Err(IllegalDecision::Reserved(name.as_str().to_owned())) } else { Ok(name) }
}

/// A field that a policy may write.
///
/// # Errors
/// The name may not be written, or the value may not stand in a field.
pub fn field(name: &str, value: Vec<u8>) -> Result<(HeaderName, HeaderValue), IllegalDecision> {
    let name = field_name(name)?;
    match HeaderValue::try_from(value) {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(IllegalDecision::Value(name.as_str().to_owned())),
    }
}

/// A status that a policy may answer with.
///
/// # Errors
/// It is not between 200 and 599.
pub fn final_status(status: u16) -> Result<StatusCode, IllegalDecision> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|code| (200..600).contains(&code.as_u16()))
        .ok_or(IllegalDecision::Status(status))
}

/// Path and query that a policy may ask an upstream for.
///
/// # Errors
/// It is not in origin form (RFC 9112 section 3.2.1), or its path is one that servers read differently.
pub fn target(text: String) -> Result<PathAndQuery, IllegalDecision> {
    let refuse = |text: &str| IllegalDecision::Target(excerpt(text));
    if !text.starts_with('/') || text.contains('#') {
        return Err(refuse(&text));
    }
    let target = PathAndQuery::try_from(text.as_str()).map_err(|_| refuse(&text))?;
    if suspicious(target.path()).is_some() { Err(refuse(&text)) } else { Ok(target) }
}

/// The start of a text that a plugin made, short enough for a log line.
#[must_use]
pub fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_accepted_field_can_break_out_of_its_line(name in ".{0,12}", value in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Ok((name, value)) = field(&name, value) {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_graphic() && b != b':'));
                prop_assert!(value.as_bytes().iter().all(|b| *b == b'\t' || (*b >= 32 && *b != 127)));
                prop_assert!(!is_reserved(&name));
            }
        }
    }

    #[test]
    fn every_name_that_frames_or_routes_is_reserved_in_any_case() {
        for name in ["Content-Length", "transfer-encoding", "HOST", "Connection", "te", ":path", "http2-settings"] {
            assert!(matches!(field_name(name), Err(IllegalDecision::Reserved(_))), "{name}");
        }
    }

    #[test]
    fn a_name_with_a_line_break_is_illegal() {
        assert_eq!(field_name("x-a\r\nx-b"), Err(IllegalDecision::Name("x-a\r\nx-b".into())));
        assert!(matches!(field_name(""), Err(IllegalDecision::Name(_))));
    }

    #[test]
    fn a_value_with_a_line_break_is_illegal() {
        for value in ["a\r\nb: c", "a\nb", "a\0b"] {
            assert_eq!(field("x-a", value.into()), Err(IllegalDecision::Value("x-a".into())));
        }
        assert!(field("x-a", vec![0xff, b' ', b'\t', b'a']).is_ok());
    }

    #[test]
    fn only_final_statuses_may_be_answered() {
        for status in [0, 99, 100, 101, 199, 600, 999, 1000, u16::MAX] {
            assert_eq!(final_status(status), Err(IllegalDecision::Status(status)));
        }
        assert!(final_status(200).is_ok() && final_status(599).is_ok());
    }

    #[test]
    fn edits_apply_to_all_values_of_a_field() {
        let mut head = HeaderMap::new();
        let edit = |name, value: &str| field(name, value.into()).unwrap();
        let (name, one) = edit("x-a", "1");
        let (_, two) = edit("x-a", "2");
        head.apply(&Edit::Append(name.clone(), one.clone()));
        head.apply(&Edit::Append(name.clone(), two.clone()));
        assert_eq!(head.get_all(&name).iter().collect::<Vec<_>>(), [&one, &two]);
        head.apply(&Edit::Set(name.clone(), two.clone()));
        assert_eq!(head.get_all(&name).iter().collect::<Vec<_>>(), [&two]);
        head.apply(&Edit::Remove(name.clone()));
        assert!(head.is_empty());
    }
}

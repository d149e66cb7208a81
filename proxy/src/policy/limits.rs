//! Limits that requests are held to, and what clients are told of them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use smallvec::SmallVec;

use super::decision::{Answer, LocalResponse};
use crate::counters::{Admission, Limit, Quota};

/// The limits there are, and where the client stands (draft-ietf-httpapi-ratelimit-headers-10).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// The limits of a request, in the order in which they are taken from; a clone shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits(Arc<Said>);

/// What a policy said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    all: Vec<NamedLimit>,
    /// What `ratelimit-policy` says; none where clients are not told.
    policy: Option<HeaderValue>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedLimit {
    /// Of whom.
    pub limit: Limit,
    /// Units that the request takes.
    pub cost: u32,
    /// Its name in quotes, which is how its items begin.
    quoted: Box<str>,
}

/// A request on its way through its limits.
#[derive(Debug)]
pub struct Taking {
    limits: Limits,
    told: Told,
    refused: Option<Admission>,
}

/// What each limit had to give, as far as they were asked.
type Told = SmallVec<[Left; 2]>;

/// What a limit has left, of which a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    remaining: u32,
    reset_ms: u32,
}

/// Where a client stands with limits of which it is to be told: in numbers, until there is a response to write them to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    limits: Limits,
    told: Told,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It keeps all limits; the client is told where it stands, if it is to be.
    Admitted(Option<Standing>),
    /// It is over one, and is answered with this.
    Refused(Answer),
}

impl NamedLimit {
    /// A limit of a name that can stand between quotes; `None` where it cannot (RFC 9651 section 3.3.3).
    #[must_use]
    pub fn new(limit: Limit, cost: u32, name: &str) -> Option<Self> {
        let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let quoted = format!("\"{name}\"").into_boxed_str();
        name.bytes().all(is_plain).then_some(Self { limit, cost, quoted })
    }

    /// The draft counts windows in whole seconds and lets the length be left out.
    fn policy_item(&self) -> String {
        let (quoted, Quota { limit, window_ms }) = (&self.quoted, self.limit.quota());
        match (window_ms / 1000, window_ms % 1000) {
            (seconds, 0) => format!("{quoted};q={limit};w={seconds}"),
            _ => format!("{quoted};q={limit}"),
        }
    }
}

impl Limits {
    /// These limits; `advertise` says whether clients are told of them.
    #[must_use]
    pub fn new(all: Vec<NamedLimit>, advertise: bool) -> Self {
        let told = || all.iter().map(NamedLimit::policy_item).collect::<Vec<_>>().join(", ");
        // Names are plain ASCII, so that this cannot fail.
        let policy = (advertise && !all.is_empty()).then(told).and_then(|told| HeaderValue::try_from(told).ok());
        Self(Arc::new(Said { all, policy }))
    }

    /// Bytes that they take, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let Said { all, policy } = &*self.0;
        all.iter().map(|named| size_of::<NamedLimit>() + named.quoted.len() + named.limit.size()).sum::<usize>()
            + policy.as_ref().map_or(0, HeaderValue::len)
    }

    /// Begins to take from them.
    #[must_use]
    pub fn take(self) -> Taking {
        Taking { limits: self, told: Told::new(), refused: None }
    }
}

impl Taking {
    /// The limit to be taken from next; `None` once it is known what becomes of the request.
    #[must_use]
    pub fn due(&self) -> Option<&NamedLimit> {
        self.limits.0.all.get(self.told.len()).filter(|_| self.refused.is_none())
    }

    /// Tells what the limit that was due had to give.
    pub fn tell(&mut self, admission: Admission) {
        if self.due().is_none() {
            return;
        }
        let Admission { allowed, remaining, reset_ms, .. } = admission;
        self.told.push(Left { remaining, reset_ms });
        self.refused = (!allowed).then_some(admission);
    }

    /// What becomes of the request.
    #[must_use]
    pub fn end(self) -> Taken {
        let Self { limits, told, refused } = self;
        let standing = limits.0.policy.is_some().then_some(Standing { limits, told });
        let Some(Admission { retry_after_ms, .. }) = refused else { return Taken::Admitted(standing) };
        // A client that comes back within the second it is told to wait would only be refused again. One that asks for more than there
        // ever is need not come back.
        let seconds = (retry_after_ms < u32::MAX).then(|| HeaderValue::from(retry_after_ms.div_ceil(1000).max(1)));
        let headers = seconds.map(|seconds| (RETRY_AFTER, seconds)).into_iter().collect();
        let response = LocalResponse { status: StatusCode::TOO_MANY_REQUESTS, headers, body: Bytes::new() };
        Taken::Refused(Answer { response, standing })
    }
}

impl Standing {
    /// The fields that tell a client.
    pub fn fields(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
        let policy = self.limits.0.policy.clone();
        let fields = policy.zip(self.value()).map(|(policy, standing)| [(POLICY, policy), (STANDING, standing)]);
        fields.into_iter().flatten()
    }

    fn value(&self) -> Option<HeaderValue> {
        let mut text = SmallVec::<[u8; 96]>::new();
        for (named, Left { remaining, reset_ms }) in self.limits.0.all.iter().zip(&self.told) {
            let (mut units, mut seconds) = (itoa::Buffer::new(), itoa::Buffer::new());
            let separator = if text.is_empty() { "" } else { ", " };
            let seconds = seconds.format(reset_ms.div_ceil(1000));
            let parts = [separator, &named.quoted, ";r=", units.format(*remaining), ";t=", seconds];
            parts.iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
        }
        let mut value = HeaderValue::from_bytes(&text).ok()?;
        // Seldom the same twice: not for the table of fields that HTTP/2 keeps.
        value.set_sensitive(true);
        Some(value)
    }
}

//! Limits that requests are held to, and what clients are told of them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use smallvec::SmallVec;

use super::decision::{Edit, LocalResponse};
use crate::counters::{Admission, Limit, Quota};

/// The limits there are, and where the client stands (draft-ietf-httpapi-ratelimit-headers-10).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// The limits of a request, in the order in which they are taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    all: Arc<[NamedLimit]>,
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
pub struct Taking<'l> {
    limits: &'l Limits,
    asked: usize,
    /// What `ratelimit` says so far.
    standing: SmallVec<[u8; 96]>,
    refused: Option<Admission>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It keeps all limits; these are to be made to its response.
    Admitted(Option<[Edit; 2]>),
    /// It is over one, and is answered with this.
    Refused(LocalResponse),
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
        Self { all: all.into(), policy }
    }

    /// Bytes that they take, about.
    #[must_use]
    pub fn size(&self) -> usize {
        self.all.iter().map(|named| size_of::<NamedLimit>() + named.quoted.len() + named.limit.size()).sum::<usize>()
            + self.policy.as_ref().map_or(0, HeaderValue::len)
    }

    /// Begins to take from them.
    #[must_use]
    pub fn take(&self) -> Taking<'_> {
        Taking { limits: self, asked: 0, standing: SmallVec::new(), refused: None }
    }
}

impl<'l> Taking<'l> {
    /// The limit to be taken from next; `None` once it is known what becomes of the request.
    #[must_use]
    pub fn due(&self) -> Option<&'l NamedLimit> {
        self.limits.all.get(self.asked).filter(|_| self.refused.is_none())
    }

    /// Tells what the limit that was due had to give.
    pub fn tell(&mut self, admission: Admission) {
        let Some(named) = self.due() else { return };
        if self.limits.policy.is_some() {
            self.show(named, admission);
        }
        self.asked += 1;
        self.refused = (!admission.allowed).then_some(admission);
    }

    fn show(&mut self, named: &NamedLimit, admission: Admission) {
        let (mut remaining, mut reset) = (itoa::Buffer::new(), itoa::Buffer::new());
        let separator = if self.asked == 0 { "" } else { ", " };
        let reset = reset.format(admission.reset_ms.div_ceil(1000));
        let parts = [separator, &named.quoted, ";r=", remaining.format(admission.remaining), ";t=", reset];
        parts.iter().for_each(|part| self.standing.extend_from_slice(part.as_bytes()));
    }

    /// What becomes of the request.
    #[must_use]
    pub fn end(self) -> Taken {
        let Some(Admission { retry_after_ms, .. }) = self.refused else {
            return Taken::Admitted(self.fields().map(|fields| fields.map(|(name, value)| Edit::Set(name, value))));
        };
        // A client that comes back within the second it is told to wait would only be refused again. One that asks for more than there
        // ever is need not come back.
        let seconds = (retry_after_ms < u32::MAX).then(|| HeaderValue::from(retry_after_ms.div_ceil(1000).max(1)));
        Taken::Refused(LocalResponse {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers: seconds
                .map(|seconds| (RETRY_AFTER, seconds))
                .into_iter()
                .chain(self.fields().into_iter().flatten())
                .collect(),
            body: Bytes::new(),
        })
    }

    fn fields(&self) -> Option<[(HeaderName, HeaderValue); 2]> {
        let policy = self.limits.policy.clone()?;
        let mut standing = HeaderValue::from_bytes(&self.standing).ok()?;
        // Seldom the same twice: not for the table of fields that HTTP/2 keeps.
        standing.set_sensitive(true);
        Some([(POLICY, policy), (STANDING, standing)])
    }
}

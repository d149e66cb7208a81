//! A limit of one subject, made ready to be taken from often.

use super::gcra::Interval;
use super::shard::{CellId, Kind};
use super::{Algorithm, Quota};

/// A quota of one subject.
///
/// What it is found by is worked out once. The text of its key is not kept: that may be what a client sent as its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub(super) id: CellId,
    pub(super) quota: Quota,
    pub(super) algorithm: Algorithm,
    /// In which a unit comes back to a bucket; none where none ever does, and where it is no bucket.
    pub(super) interval: Option<Interval>,
    /// What it is called where gateways count together.
    pub(super) shared_name: Option<Box<str>>,
}

impl Limit {
    pub(super) fn new(id: CellId, quota: Quota, algorithm: Algorithm) -> Self {
        let interval = match algorithm {
            Algorithm::Gcra { .. } => Interval::of(quota),
            Algorithm::Window | Algorithm::Sliding => None,
        };
        Self { id, quota, algorithm, interval, shared_name: None }
    }

    /// The units in each window.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Bytes it takes beside its own.
    #[must_use]
    pub fn size(&self) -> usize {
        self.shared_name.as_ref().map_or(0, |name| name.len())
    }
}

impl Algorithm {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Gcra { .. } => Kind::Gcra,
            Self::Window => Kind::Window,
            Self::Sliding => Kind::Sliding,
        }
    }
}

//! What a policy said about limits.

use super::Rules;
use crate::counters::{Algorithm, Limit, Quota};
use crate::policy::decision::{IllegalDecision, excerpt};
use crate::policy::limits::{Limits, NamedLimit};

/// Limits of one request; each is a counter to be taken from.
const MOST: usize = 16;
/// Bytes of a key.
const LONGEST_KEY: usize = 1024;
/// Characters of a name.
const LONGEST_NAME: usize = 64;

/// A limit as a guest named it.
pub(in crate::plugin) struct NamedByGuest {
    pub(in crate::plugin) key: Vec<u8>,
    pub(in crate::plugin) quota: Quota,
    pub(in crate::plugin) algorithm: Algorithm,
    pub(in crate::plugin) cost: u32,
    pub(in crate::plugin) name: String,
}

impl Rules<'_> {
    /// Limits that may be taken from, each made by `limit` of its key.
    pub(in crate::plugin) fn limits(
        self,
        said: impl ExactSizeIterator<Item = NamedByGuest>,
        advertise: bool,
        limit: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Limits, IllegalDecision> {
        if said.len() > MOST {
            return Err(IllegalDecision::TooManyLimits { limits: said.len(), most: MOST });
        }
        let named = |NamedByGuest { key, quota, algorithm, cost, name }| {
            if key.len() > LONGEST_KEY {
                return Err(IllegalDecision::LimitKey { bytes: key.len(), most: LONGEST_KEY });
            }
            if quota.limit == 0 || quota.window_ms == 0 || matches!(algorithm, Algorithm::Gcra { burst: 0 }) {
                return Err(IllegalDecision::LimitOfNothing(excerpt(&name)));
            }
            let limit = limit(&key, quota, algorithm);
            let named = NamedLimit::new(limit, cost, &name).filter(|_| (1..=LONGEST_NAME).contains(&name.len()));
            named.ok_or_else(|| IllegalDecision::LimitName(excerpt(&name)))
        };
        Ok(Limits::new(said.map(named).collect::<Result<_, _>>()?, advertise))
    }
}

//! What a policy said about limits.

use super::Rules;
use crate::counters::{Algorithm, Limit, Quota};
use crate::plugin::bindings::limit_policy;
use crate::policy::decision::{IllegalDecision, excerpt};
use crate::policy::limits::{Limits, NamedLimit};

/// Limits of one request; each is a counter to be taken from.
const MOST: usize = 16;
/// Bytes of a key.
const LONGEST_KEY: usize = 1024;
/// Characters of a name.
const LONGEST_NAME: usize = 64;

impl Rules<'_> {
    /// Limits that may be taken from, each made by `limit` of its key.
    pub(in crate::plugin) fn limits(
        self,
        said: limit_policy::Limits,
        limit: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Limits, IllegalDecision> {
        if said.all.len() > MOST {
            return Err(IllegalDecision::TooManyLimits { limits: said.all.len(), most: MOST });
        }
        let named = |limit_policy::Limit { key, units, window_ms, algorithm, cost, name }| {
            if key.len() > LONGEST_KEY {
                return Err(IllegalDecision::LimitKey { bytes: key.len(), most: LONGEST_KEY });
            }
            if units == 0 || window_ms == 0 || matches!(algorithm, limit_policy::Algorithm::Gcra(0)) {
                return Err(IllegalDecision::LimitOfNothing(excerpt(&name)));
            }
            let limit = limit(&key, Quota { limit: units, window_ms }, algorithm.into());
            let named = NamedLimit::new(limit, cost, &name).filter(|_| (1..=LONGEST_NAME).contains(&name.len()));
            named.ok_or_else(|| IllegalDecision::LimitName(excerpt(&name)))
        };
        let all = said.all.into_iter().map(named).collect::<Result<_, _>>()?;
        Ok(Limits::new(all, said.advertise))
    }
}

impl From<limit_policy::Algorithm> for Algorithm {
    fn from(algorithm: limit_policy::Algorithm) -> Self {
        match algorithm {
            limit_policy::Algorithm::Gcra(burst) => Self::Gcra { burst },
            limit_policy::Algorithm::Window => Self::Window,
            limit_policy::Algorithm::Sliding => Self::Sliding,
        }
    }
}

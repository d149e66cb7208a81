//! Who lists endpoints, as the admin listener and the metrics are told.

use crate::admin::{DiscoveryProblem, DiscoveryStatus};
use crate::discovery::SourceFacts;
use crate::observe::metrics::DiscoveryGauges;

pub(super) fn status(facts: &SourceFacts) -> DiscoveryStatus {
    DiscoveryStatus {
        source: facts.label.clone(),
        endpoints: facts.endpoints,
        last_success: facts.last_success.map(Into::into),
        problem: facts
            .problem
            .as_ref()
            .map(|problem| DiscoveryProblem { since: problem.since.into(), why: problem.why.clone() }),
    }
}

pub(super) fn gauges(facts: &SourceFacts) -> DiscoveryGauges {
    let up_to_date = facts.endpoints.is_some() && facts.problem.is_none();
    DiscoveryGauges { endpoints: facts.endpoints.unwrap_or(0), up_to_date }
}

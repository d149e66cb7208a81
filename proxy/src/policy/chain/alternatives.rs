//! Policies of which one is enough: a key or a token.

use std::ops::Range;

use bytes::Bytes;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use super::{Chain, ChainOutcome, RequestHead, answered, apply};
use crate::policy::decision::{Answer, LocalResponse, RequestDecision};
use crate::policy::facts::RequestFacts;

/// The answers of those that did not let a request pass.
#[derive(Default)]
struct Refusals(Vec<(String, Answer)>);

impl Chain {
    /// Asks the links of one step in turn until one lets the request pass; the others take no part in what follows.
    ///
    /// One that fails ends the request: whether it would have refused is not known.
    pub(super) async fn run_alternatives(
        &self,
        step: Range<usize>,
        head: &mut dyn RequestHead,
        facts: &mut RequestFacts,
    ) -> ChainOutcome {
        let mut refusals = Refusals::default();
        for (place, link) in self.links.iter().enumerate().take(step.end).skip(step.start) {
            match link.on_request(head, facts).await {
                Ok(Some(RequestDecision::Forward(forward))) => {
                    apply(forward, head, facts);
                    facts.links_left_out.extend(step.clone().filter(|other| *other != place));
                    facts.links_passed = step.end;
                    return ChainOutcome::Forward;
                }
                Ok(Some(RequestDecision::Respond(answer))) => refusals.0.push((link.policy.name.clone(), answer)),
                // It has nothing to say, so it cannot have said that the request may pass.
                Ok(None) => {}
                Err(failure) => return ChainOutcome::Failed(failure),
            }
        }
        refusals.into_outcome(facts)
    }
}

impl Refusals {
    /// The first answer that is more than a challenge: it came from a policy whose credential was there (a token without the
    /// scope). Where there is none, the first challenge, with all the others.
    fn into_outcome(mut self, facts: &mut RequestFacts) -> ChainOutcome {
        let is_challenge = |answer: &Answer| answer.response.status == StatusCode::UNAUTHORIZED;
        if let Some(place) = self.0.iter().position(|(_, answer)| !is_challenge(answer)) {
            let (policy, answer) = self.0.swap_remove(place);
            return answered(policy, answer, facts);
        }
        let mut refusals = self.0.into_iter();
        let Some((policy, mut answer)) = refusals.next() else { return nobody_decided() };
        let others = refusals.flat_map(|(_, other)| other.response.headers);
        answer.response.headers.extend(others.filter(|(name, _)| *name == WWW_AUTHENTICATE));
        answered(policy, answer, facts)
    }
}

/// Nobody let it pass, so it does not.
fn nobody_decided() -> ChainOutcome {
    let response = LocalResponse { status: StatusCode::FORBIDDEN, headers: Vec::new(), body: Bytes::new() };
    ChainOutcome::Respond { policy: String::new(), response }
}

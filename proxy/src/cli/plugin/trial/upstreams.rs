//! Upstreams of a trial, which answer as a case says.

use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use parking_lot::Mutex;

use super::question::fields;
use crate::config::cases::{AskedUpstream, UpstreamAnswer, UpstreamFault};
use crate::plugin::outbound::{Outbound, OutboundAnswer, OutboundFailure, OutboundRequest, OutboundResponse};

/// What they answer now, and what they were asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstreams(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answers: Vec<(String, AskedUpstream)>,
    asked: Vec<String>,
}

impl Upstreams {
    /// From now on they answer like this.
    pub(super) fn answer(&self, answers: &[(String, AskedUpstream)]) {
        *self.0.lock() = State { answers: answers.to_vec(), asked: Vec::new() };
    }

    /// What they were asked since then, each as `auth GET /check`.
    pub(super) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().asked)
    }
}

impl Outbound for Upstreams {
    fn send(&self, request: OutboundRequest) -> OutboundAnswer {
        let mut state = self.0.lock();
        state.asked.push(format!("{} {} {}", request.upstream, request.method, request.target));
        let known = state.answers.iter().find(|(name, _)| *name == request.upstream);
        Box::pin(ready(match known {
            None => Err(OutboundFailure::UnknownUpstream),
            Some((_, AskedUpstream::Fails(fault))) => Err(failure(*fault)),
            Some((_, AskedUpstream::Answers(answer))) => answered(answer, request.body_limit),
        }))
    }
}

fn failure(fault: UpstreamFault) -> OutboundFailure {
    match fault {
        UpstreamFault::Unavailable => OutboundFailure::Unavailable,
        UpstreamFault::Timeout => OutboundFailure::Timeout,
        UpstreamFault::TooLarge => OutboundFailure::TooLarge,
        UpstreamFault::IllegalResponse => OutboundFailure::IllegalResponse,
    }
}

fn answered(answer: &UpstreamAnswer, limit: usize) -> Result<OutboundResponse, OutboundFailure> {
    if answer.body.len() > limit {
        return Err(OutboundFailure::TooLarge);
    }
    let status = StatusCode::from_u16(answer.status).map_err(|_| OutboundFailure::IllegalResponse)?;
    let headers = fields(&answer.headers).map_err(|_| OutboundFailure::IllegalResponse)?;
    Ok(OutboundResponse { status, headers, body: Bytes::from(answer.body.clone()) })
}

//! Upstreams that answer what the test says.

use std::collections::{HashMap, VecDeque};

use super::{TestHost, with};
use crate::http_client::{Incoming, Outgoing, SendError};

/// What was asked, and what is to be answered.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    answers: HashMap<String, VecDeque<Result<Incoming, SendError>>>,
    sent: Vec<Outgoing>,
}

impl TestHost {
    /// Declares an upstream and its answer; call again with the same name for the answers after it. The last one is given
    /// to all requests that follow.
    pub fn answer(self, upstream: &str, answer: Result<Incoming, SendError>) -> Self {
        with(|state| state.exchanges.answers.entry(upstream.to_owned()).or_default().push_back(answer));
        self
    }

    /// The requests sent since the last call, those to unknown upstreams too.
    #[must_use]
    pub fn take_sent(&self) -> Vec<Outgoing> {
        with(|state| std::mem::take(&mut state.exchanges.sent))
    }
}

pub(crate) fn send(request: &Outgoing) -> Result<Incoming, SendError> {
    with(|state| {
        state.exchanges.sent.push(request.clone());
        let answers = state.exchanges.answers.get_mut(&request.upstream);
        let answers = answers.ok_or(SendError::UnknownUpstream)?;
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.unwrap_or(Err(SendError::UnknownUpstream))
    })
}

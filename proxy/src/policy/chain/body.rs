//! Runs the body policies of a chain: over a request's body in order, over a response's body in reverse.

use bytes::Bytes;

use super::{Chain, ChainFailure, ChainLink};
use crate::policy::body::{Attention, Piece, Pipe, Stop, Stopped};
use crate::policy::facts::{HttpRequestView, HttpResponseView, RequestFacts};

/// A body on its way through the policies that attend to it.
pub type BodyPipe = Pipe<Attendant>;

/// A policy that attends to a body.
#[derive(Clone, Debug)]
pub struct Attendant {
    link: ChainLink,
    /// Its place in the chain.
    place: usize,
}

/// How an exchange ended in the middle of a body.
#[derive(Debug)]
pub struct BodyStop {
    /// Name of the policy.
    pub policy: String,
    /// Its place in the chain.
    pub place: usize,
    /// How.
    pub stop: Stop<ChainFailure>,
}

impl From<Stopped<'_, Attendant, ChainFailure>> for BodyStop {
    fn from(stopped: Stopped<'_, Attendant, ChainFailure>) -> Self {
        let Attendant { link, place } = stopped.by;
        Self { policy: link.policy.name.clone(), place: *place, stop: stopped.stop }
    }
}

impl Chain {
    /// Whether any policy may want to see a body.
    #[must_use]
    pub fn sees_bodies(&self) -> bool {
        self.sees_bodies
    }

    /// Asks who attends to the body of a request; `None` where nobody does.
    ///
    /// # Errors
    /// A policy failed, and its `on_failure` is `deny`.
    pub fn attend_request(&self, request: &HttpRequestView<'_>) -> Result<Option<BodyPipe>, ChainFailure> {
        let mut pipe = BodyPipe::default();
        for attendant in self.attendants(request.facts) {
            let policy = &attendant.link.policy;
            let attention = attendant.link.settle(policy.attend_request(request))?;
            attendant.join(&mut pipe, attention);
        }
        Ok(Some(pipe).filter(|pipe| !pipe.is_empty()))
    }

    /// The same for the body of a response.
    ///
    /// # Errors
    /// A policy failed, and its `on_failure` is `deny`.
    pub fn attend_response(
        &self,
        request: &HttpRequestView<'_>,
        response: &HttpResponseView<'_>,
    ) -> Result<Option<BodyPipe>, ChainFailure> {
        let mut pipe = BodyPipe::default();
        for attendant in self.attendants(request.facts).rev() {
            let policy = &attendant.link.policy;
            let attention = attendant.link.settle(policy.attend_response(request, response))?;
            attendant.join(&mut pipe, attention);
        }
        Ok(Some(pipe).filter(|pipe| !pipe.is_empty()))
    }

    fn attendants(&self, facts: &RequestFacts) -> impl DoubleEndedIterator<Item = Attendant> {
        let takes_part = |place, link: &ChainLink| link.policy.roles().body && facts.takes_part(place);
        let links = self.links.iter().enumerate().filter(move |(place, link)| takes_part(*place, link));
        links.map(|(place, link)| Attendant { link: link.clone(), place })
    }
}

impl Attendant {
    fn join(self, pipe: &mut BodyPipe, attention: Option<Attention>) {
        if let Some(attention) = attention {
            let limit = self.link.policy.body_limit();
            pipe.attend(self, attention, limit);
        }
    }
}

/// Sends a piece of a request's body through; what comes out goes on.
///
/// # Errors
/// The exchange ends here.
pub fn request_piece(
    pipe: &mut BodyPipe,
    request: &HttpRequestView<'_>,
    piece: Bytes,
    last: bool,
) -> Result<Bytes, BodyStop> {
    let ask = |attendant: &Attendant, piece: Piece<'_>| {
        let Attendant { link, .. } = attendant;
        link.settle(link.policy.on_request_body(request, piece))
    };
    Ok(pipe.push(piece, last, ask)?)
}

/// The same for a response's body.
///
/// # Errors
/// The exchange ends here.
pub fn response_piece(
    pipe: &mut BodyPipe,
    request: &HttpRequestView<'_>,
    response: &HttpResponseView<'_>,
    piece: Bytes,
    last: bool,
) -> Result<Bytes, BodyStop> {
    let ask = |attendant: &Attendant, piece: Piece<'_>| {
        let Attendant { link, .. } = attendant;
        link.settle(link.policy.on_response_body(request, response, piece))
    };
    Ok(pipe.push(piece, last, ask)?)
}

//! A body, piece by piece through a policy as it goes through the gateway.

use bytes::Bytes;

use super::{Counted, HttpRequestView, HttpResponseView, PluginFailure, PolicyRuntime, Verdict};
use crate::policy::body::{Action, Attention, Piece, Pipe, Step, Stop};

/// A body in the pieces it arrives in; the last one ends it.
pub(super) struct Pieces(Vec<Bytes>);

impl Pieces {
    pub(super) fn new(written: &[String]) -> Self {
        Self(written.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect())
    }

    pub(super) fn put_of_request(
        &self,
        policy: &PolicyRuntime,
        request: &Counted<'_, HttpRequestView<'_>>,
    ) -> Result<Verdict, PluginFailure> {
        self.put(policy, policy.attend_request(request)?, |piece| {
            request.add(piece.bytes);
            policy.on_request_body(request, piece)
        })
    }

    pub(super) fn put_of_response(
        &self,
        policy: &PolicyRuntime,
        request: &Counted<'_, HttpRequestView<'_>>,
        response: &Counted<'_, HttpResponseView<'_>>,
    ) -> Result<Verdict, PluginFailure> {
        self.put(policy, policy.attend_response(request, response)?, |piece| {
            response.add(piece.bytes);
            policy.on_response_body(request, response, piece)
        })
    }

    /// What came of the body as a whole. One in whose place something goes on has changed, be it the same.
    fn put(
        &self,
        policy: &PolicyRuntime,
        attention: Attention,
        ask: impl Fn(Piece<'_>) -> Result<Step, PluginFailure>,
    ) -> Result<Verdict, PluginFailure> {
        let mut pipe = Pipe::default();
        pipe.attend((), attention, policy.body_limit());
        if pipe.is_empty() {
            return Ok(Verdict::Body(None));
        }
        let (mut passed, mut has_changed) = (Vec::with_capacity(self.0.len()), false);
        for (left, piece) in (0..self.0.len()).rev().zip(&self.0) {
            let pushed = pipe.push(piece.clone(), left == 0, |(), piece| {
                let step = ask(piece)?;
                has_changed |= matches!(step.action, Action::Replace(_) | Action::Finish(_));
                Ok(Some(step))
            });
            match pushed.map_err(|stopped| stopped.stop) {
                Ok(bytes) => passed.push(bytes),
                Err(Stop::Respond(answer)) => return Ok(Verdict::Body(Some(Action::Respond(answer)))),
                Err(Stop::TooLarge) => return Ok(Verdict::TooLarge),
                Err(Stop::Failed(failure)) => return Err(failure),
            }
        }
        Ok(Verdict::Body(Some(if has_changed { Action::Replace(whole(passed)) } else { Action::Pass })))
    }
}

/// One piece is not copied: what is measured is the call.
fn whole(pieces: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(pieces) {
        Ok([only]) => only,
        Err(several) => several.concat().into(),
    }
}

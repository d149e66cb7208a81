//! The two bodies of an exchange, as far as policies attend to them.
//!
//! Only what comes from the client or from the upstream runs through body policies: what a policy or the gateway answers
//! by itself is no body on its way.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header, response};

use super::RequestContext;
use crate::cause::Cause;
use crate::policy::body::Stop;
use crate::policy::chain::ChainFailure;
use crate::policy::chain::body::{BodyPipe, BodyStop, request_piece, response_piece};
use crate::policy::decision::LocalResponse;
use crate::policy::facts::{HttpRequestView, HttpResponseView};
use crate::wire::request::is_websocket;
use crate::wire::response::{forget_length, has_body};

/// What policies attend to, of one exchange.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    request: Option<Box<BodyPipe>>,
    response: Option<Box<ResponseBody>>,
    /// What came after the response's body, where anybody may ask.
    pub(super) trailers: Option<Box<HeaderMap>>,
}

#[derive(Debug)]
struct ResponseBody {
    pipe: BodyPipe,
    /// The head as the client sees it.
    head: response::Parts,
}

/// Why a body goes no further, and its exchange neither.
#[derive(Debug)]
pub enum Interruption {
    /// A policy answers, where the response has not begun.
    Respond(LocalResponse),
    /// The gateway refuses, where the response has not begun.
    Refuse(Cause),
}

impl RequestContext {
    /// Asks who attends to the body of this request.
    ///
    /// # Errors
    /// A policy failed, and traffic is to be refused then.
    pub(super) fn attend_request(&mut self, head: &Parts) -> Result<(), Cause> {
        let Some(route) = self.route.as_ref().filter(|route| route.chain.sees_bodies()) else { return Ok(()) };
        if is_websocket(head, head.version) {
            return Ok(());
        }
        let request = HttpRequestView { parts: head, facts: &self.facts };
        match route.chain.attend_request(&request) {
            Ok(pipe) => self.bodies.request = pipe.map(Box::new),
            Err(failed) => return Err(self.body_policy_failed(failed)),
        }
        Ok(())
    }

    /// Whether policies attend to the body of the request: its length is not known before its end.
    #[must_use]
    pub fn attends_to_request(&self) -> bool {
        self.bodies.request.is_some()
    }

    /// Begins the body of the request anew, for another try.
    pub fn rewind_request(&mut self) {
        if let Some(pipe) = &mut self.bodies.request {
            pipe.rewind();
        }
    }

    /// Sends a piece of the request's body through the policies that attend to it.
    ///
    /// # Errors
    /// The exchange ends here.
    pub fn request_piece(&mut self, head: &Parts, piece: Bytes, last: bool) -> Result<Bytes, Interruption> {
        let Some(pipe) = &mut self.bodies.request else { return Ok(piece) };
        let request = HttpRequestView { parts: head, facts: &self.facts };
        let out = request_piece(pipe, &request, piece, last);
        out.map_err(|stopped| self.interrupted(stopped, Cause::BodyTooLarge))
    }

    /// Asks who attends to the body of this response, and takes the length out of its head where somebody does.
    ///
    /// # Errors
    /// A policy failed, and traffic is to be refused then.
    pub fn attend_response(&mut self, request: &Parts, head: &mut response::Parts) -> Result<(), Cause> {
        let Some(route) = self.route.as_ref().filter(|route| route.chain.sees_bodies()) else { return Ok(()) };
        if !has_body(&request.method, head) {
            if request.method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED {
                // It would be that of a body no policy has seen (RFC 9110 section 8.6).
                head.headers.remove(header::CONTENT_LENGTH);
            }
            return Ok(());
        }
        let view = HttpRequestView { parts: request, facts: &self.facts };
        match route.chain.attend_response(&view, &HttpResponseView { parts: head, trailers: None }) {
            Ok(None) => {}
            Ok(Some(pipe)) => {
                forget_length(head, request.version);
                self.bodies.response = Some(Box::new(ResponseBody { pipe, head: head.clone() }));
            }
            Err(failed) => return Err(self.body_policy_failed(failed)),
        }
        Ok(())
    }

    /// Whether policies attend to the body of the response.
    #[must_use]
    pub fn attends_to_response(&self) -> bool {
        self.bodies.response.is_some()
    }

    /// Sends a piece of the response's body through the policies that attend to it.
    ///
    /// # Errors
    /// The exchange ends here.
    pub fn response_piece(&mut self, request: &Parts, piece: Bytes, last: bool) -> Result<Bytes, Interruption> {
        let Some(body) = &mut self.bodies.response else { return Ok(piece) };
        let request = HttpRequestView { parts: request, facts: &self.facts };
        let response = HttpResponseView { parts: &body.head, trailers: self.bodies.trailers.as_deref() };
        let out = response_piece(&mut body.pipe, &request, &response, piece, last);
        out.map_err(|stopped| self.interrupted(stopped, Cause::ResponseTooLarge))
    }

    /// The response ends with these fields; returns the rest of its body.
    ///
    /// # Errors
    /// The exchange ends here.
    pub fn trailers(&mut self, request: &Parts, trailers: &HeaderMap) -> Result<Bytes, Interruption> {
        let is_observed = self.route.as_ref().is_some_and(|route| route.chain.observes());
        if is_observed || self.attends_to_response() {
            self.bodies.trailers = Some(Box::new(trailers.clone()));
        }
        self.response_piece(request, Bytes::new(), true)
    }

    fn interrupted(&mut self, stopped: BodyStop, too_large: Cause) -> Interruption {
        self.policy = Some(stopped.policy);
        match stopped.stop {
            Stop::TooLarge => Interruption::Refuse(too_large),
            Stop::Failed(_) => Interruption::Refuse(Cause::PolicyFailed),
            Stop::Respond(answer) => {
                self.cause = Some(Cause::Policy);
                // Only those outside of the policy that answers see the answer.
                self.facts.links_passed = stopped.place;
                Interruption::Respond(answer)
            }
        }
    }

    fn body_policy_failed(&mut self, failed: ChainFailure) -> Cause {
        self.policy = Some(failed.policy);
        Cause::PolicyFailed
    }
}

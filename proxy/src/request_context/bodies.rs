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
        let response = HttpResponseView { parts: head, trailers: None, endpoint: self.facts.endpoint.as_deref() };
        match route.chain.attend_response(&view, &response) {
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
        let response = HttpResponseView {
            parts: &body.head,
            trailers: self.bodies.trailers.as_deref(),
            endpoint: self.facts.endpoint.as_deref(),
        };
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::model::{FailureMode, PluginLimits};
    use crate::plugin::fixture::image::Image;
    use crate::plugin::fixture::{Fixture, LIMITS, try_bind};
    use crate::policy::chain::{Chain, ChainLink};
    use crate::request_context::tests::shop_request;

    /// A request on its way through a body policy that is known for requests only.
    fn on_its_way(step: u32, image: Image) -> (RequestContext, Parts) {
        let guest = Fixture::seeing_bodies(&format!("(i32.const {step})")).data(image);
        let policy = try_bind(&guest, PluginLimits { body: 1000, ..LIMITS }).unwrap();
        let chain = Chain::new(vec![ChainLink { policy, on_failure: FailureMode::Deny }]);
        let (mut context, parts) = shop_request();
        let request = HttpRequestView { parts: &parts, facts: &context.facts };
        let pipe = chain.attend_request(&request).unwrap();
        context.bodies.request = pipe.map(Box::new);
        (context, parts)
    }

    #[test]
    fn an_answer_is_seen_only_by_the_policies_outside_of_its_maker() {
        let mut image = Image::default();
        let step = image.respond_step(403, &[]);
        let (mut context, parts) = on_its_way(step, image);
        context.facts.links_passed = 1;
        let out = context.request_piece(&parts, Bytes::from_static(b"a"), false);
        assert!(matches!(out, Err(Interruption::Respond(answer)) if answer.status == 403));
        assert_eq!((context.facts.links_passed, context.cause), (0, Some(Cause::Policy)));
        assert_eq!(context.policy.as_deref(), Some("policy"));
    }

    #[test]
    fn over_the_limit_a_request_is_too_large_and_its_policy_is_named() {
        let mut image = Image::default();
        let hold = image.step(2, [0, 0], [0, 0]);
        let (mut context, parts) = on_its_way(hold, image);
        let out = context.request_piece(&parts, Bytes::from(vec![b'a'; 1001]), false);
        assert!(matches!(out, Err(Interruption::Refuse(Cause::BodyTooLarge))));
        assert_eq!(context.policy.as_deref(), Some("policy"));
    }

    #[test]
    fn trailers_are_kept_where_somebody_may_ask_and_end_the_body() {
        let (mut context, parts) = shop_request();
        let trailers: HeaderMap = [(header::ETAG, HeaderValue::from_static("1"))].into_iter().collect();
        assert!(context.trailers(&parts, &trailers).unwrap().is_empty());
        assert!(context.bodies.trailers.is_none(), "nobody asks");
        let (head, ()) = http::Response::new(()).into_parts();
        context.bodies.response = Some(Box::new(ResponseBody { pipe: BodyPipe::default(), head }));
        context.trailers(&parts, &trailers).unwrap();
        assert_eq!(context.bodies.trailers.as_deref(), Some(&trailers));
        let late = context.response_piece(&parts, Bytes::from_static(b"late"), false).unwrap();
        assert_eq!(late, "late", "the body has ended");
    }
}

//! Answers made here instead of by the upstream.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, response};

use super::RequestContext;
use crate::cause::Cause;
use crate::policy::decision::LocalResponse;
use crate::wire::request::Contradiction;
use crate::wire::response::seal;
use crate::wire::{grpc, problem};

/// Fields that nearly every local answer has.
const FIELDS: usize = 8;

impl RequestContext {
    /// What a request is told that is refused for this cause.
    #[must_use]
    pub fn refusal(&self, cause: Cause) -> LocalResponse {
        let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE))];
        if cause == Cause::Method {
            headers.push((header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")));
        }
        if cause.will_pass() {
            headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
        }
        let body = problem::document(cause.status(), cause.detail(), self.facts.request_id.as_str());
        LocalResponse { status: cause.status(), headers, body }
    }

    /// Shows an answer made here to the policies the request has passed; where one of them fails, it is a refusal.
    pub async fn show_answer(&mut self, request: &Parts, made: LocalResponse) -> LocalResponse {
        match self.run_local_response(request, made).await {
            Ok(answer) => answer,
            Err(cause) => {
                self.cause = Some(cause);
                self.refusal(cause)
            }
        }
    }

    /// Puts an answer together as it goes to the client: head, and the body that is to be sent.
    ///
    /// # Errors
    /// A policy made it contradict itself.
    pub fn compose(&self, method: &Method, answer: LocalResponse) -> Result<(response::Parts, Bytes), Contradiction> {
        let told = answer.status;
        let answer = if self.is_grpc { self.as_grpc(answer) } else { self.with_body(answer) };
        let LocalResponse { status, headers, body } = answer;
        let mut head = http::Response::new(()).into_parts().0;
        head.status = status;
        head.headers.reserve(headers.len() + FIELDS);
        for (name, value) in headers {
            head.headers.append(name, value);
        }
        self.facts.change_answer(&mut head.headers);
        let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if has_body {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        seal(&mut head, &self.facts.request_id)?;
        if let Some(cause) = self.cause {
            self.snapshot.metrics.local_answer(cause.label(), told.as_u16());
        }
        Ok((head, if has_body && *method != Method::HEAD { body } else { Bytes::new() }))
    }

    /// The answer as a client of gRPC reads it: a head alone, which tells how its call ended.
    fn as_grpc(&self, answer: LocalResponse) -> LocalResponse {
        let is_framing =
            |name: &HeaderName| [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING].contains(name);
        let mut headers = answer.headers;
        let is_grpc = |(name, value): &(HeaderName, HeaderValue)| *name == header::CONTENT_TYPE && grpc::is_type(value);
        if headers.iter().any(is_grpc) {
            // A policy that speaks it knows better.
            return LocalResponse { headers, ..answer };
        }
        headers.retain(|(name, _)| !is_framing(name));
        let (status, message) = match self.cause {
            Some(Cause::Deadline) => (grpc::Status::DeadlineExceeded, grpc::message(Cause::Deadline.detail())),
            None | Some(Cause::Policy) => {
                let text = format!("answered by a policy: {}", answer.status);
                (grpc::Status::of(answer.status), grpc::message(&text))
            }
            Some(cause) => (grpc::Status::of(answer.status), grpc::message(cause.detail())),
        };
        headers.push((header::CONTENT_TYPE, HeaderValue::from_static(grpc::CONTENT_TYPE)));
        headers.push((grpc::GRPC_STATUS.clone(), status.field()));
        headers.push((grpc::GRPC_MESSAGE.clone(), message));
        LocalResponse { status: StatusCode::OK, headers, body: Bytes::new() }
    }

    /// A problem document where a policy refuses without saying more.
    fn with_body(&self, answer: LocalResponse) -> LocalResponse {
        if !answer.body.is_empty() || answer.status.as_u16() < 400 {
            return answer;
        }
        let mut headers = answer.headers;
        headers.retain(|(name, _)| *name != header::CONTENT_TYPE);
        headers.push((header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE)));
        let text = "refused by a policy of this route";
        let body = problem::document(answer.status, text, self.facts.request_id.as_str());
        LocalResponse { headers, body, ..answer }
    }
}

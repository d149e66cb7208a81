//! `http-client`: requests to the upstreams a plugin was granted.

use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};

use crate::plugin::contract::v0_1::bindings::http_client::{Host, Incoming, Outgoing, SendError};
use crate::plugin::contract::v0_1::bindings::types::Field;
use crate::plugin::instance::HostState;
use crate::plugin::outbound::{OutboundFailure, OutboundRequest, OutboundResponse};
use crate::plugin::scope;
use crate::policy::decision::{field, target};

impl Host for HostState {
    async fn send(&mut self, request: Outgoing) -> wasmtime::Result<Result<Incoming, SendError>> {
        let sent = scope::see("`http-client`", |call| self.outgoing(request).map(|legal| call.outbound.send(legal)))?;
        Ok(match sent {
            Ok(answer) => answer.await.map(incoming).map_err(SendError::from),
            Err(refused) => Err(refused),
        })
    }
}

impl HostState {
    /// Holds a request against what was granted, and counts it.
    fn outgoing(&mut self, request: Outgoing) -> Result<OutboundRequest, SendError> {
        if !self.may_ask(&request.upstream) {
            return Err(SendError::UnknownUpstream);
        }
        let limits = self.limits();
        let timeout = Duration::from_millis(request.timeout_ms.into()).min(limits.http_timeout);
        let legal = legal(request, timeout, limits.http_body).ok_or(SendError::IllegalRequest)?;
        if self.take_outbound_call() { Ok(legal) } else { Err(SendError::TooManyCalls) }
    }
}

/// `None` where it is not legal HTTP, or says what only the gateway may say.
fn legal(request: Outgoing, timeout: Duration, body_limit: usize) -> Option<OutboundRequest> {
    let method = Method::from_bytes(request.method.as_bytes()).ok()?;
    let target: PathAndQuery = target(request.target).ok()?;
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 2);
    for Field { name, value } in request.headers {
        let (name, value) = match name.eq_ignore_ascii_case("host") {
            true => (http::header::HOST, http::HeaderValue::try_from(value).ok()?),
            false => field(&name, value).ok()?,
        };
        headers.append(name, value);
    }
    let refused = method == Method::CONNECT || method == Method::TRACE;
    let body = Bytes::from(request.body);
    let upstream = request.upstream;
    (!refused).then_some(OutboundRequest { upstream, method, target, headers, body, timeout, body_limit })
}

fn incoming(response: OutboundResponse) -> Incoming {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| Field {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    Incoming {
        status: response.status.as_u16(),
        headers: response.headers.iter().map(field).collect(),
        body: response.body.into(),
    }
}

impl From<OutboundFailure> for SendError {
    fn from(failure: OutboundFailure) -> Self {
        match failure {
            OutboundFailure::UnknownUpstream => Self::UnknownUpstream,
            OutboundFailure::Unavailable => Self::Unavailable,
            OutboundFailure::Timeout => Self::Timeout,
            OutboundFailure::TooLarge => Self::TooLarge,
            OutboundFailure::IllegalResponse => Self::IllegalResponse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_legal(method: &str, field: &str) -> bool {
        let headers = vec![Field { name: field.to_owned(), value: b"1".to_vec() }];
        let (upstream, method, target) = ("auth".to_owned(), method.to_owned(), "/".to_owned());
        let request = Outgoing { upstream, method, target, headers, body: Vec::new(), timeout_ms: 1 };
        legal(request, Duration::from_millis(1), 1).is_some()
    }

    #[test]
    fn a_method_that_opens_a_tunnel_or_echoes_the_request_is_refused() {
        assert!(is_legal("GET", "x-a") && is_legal("PURGE", "x-a"));
        assert!(!is_legal("CONNECT", "x-a") && !is_legal("TRACE", "x-a") && !is_legal("G T", "x-a"));
    }

    #[test]
    fn a_field_that_frames_is_refused_and_the_host_is_not() {
        assert!(is_legal("POST", "Host"));
        for name in ["content-length", "Transfer-Encoding", "connection", ":path"] {
            assert!(!is_legal("POST", name), "{name}");
        }
    }
}

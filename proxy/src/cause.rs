//! Why the gateway answered a request by itself: the status that blames the right side, the words for the client, and
//! the word for the log.

use http::StatusCode;

use crate::observe::metrics::TryFailure;

/// The cause of a local answer, or of a request that ended without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No route matches.
    NoRoute,
    /// The path could mean one thing to a policy and another to the upstream; why.
    AmbiguousTarget(&'static str),
    /// It has come back too often to the gateway that sent it on.
    Loop,
    /// `CONNECT` and `TRACE` have no business at an edge.
    Method,
    /// The head contradicts itself in a way only seen after parsing.
    BadRequest(&'static str),
    /// The body is over `limits.body`.
    BodyTooLarge,
    /// The body made no progress for `limits.body_timeout`.
    BodyStalled,
    /// More of a response was to be kept for a policy than its `limits.body`.
    ResponseTooLarge,
    /// A policy answered.
    Policy,
    /// A policy failed, and its `on_failure` is "deny".
    PolicyFailed,
    /// A policy that keeps failing was not asked, and its `on_failure` is "deny".
    Quarantined,
    /// No endpoint of the upstream may be asked.
    NoEndpoint,
    /// The upstream has no endpoint.
    NoEndpoints,
    /// Who lists the upstream's endpoints has not said anything yet.
    EndpointsUnknown,
    /// Every endpoint that could be asked has as many requests under way as it may have.
    EndpointsBusy,
    /// The upstream has as many requests under way as it may have.
    UpstreamBusy,
    /// The line of those that wait for it is as long as it may be.
    QueueFull,
    /// The request has waited for its turn for too long.
    QueueTimeout,
    /// A try towards the upstream failed, and there is none left.
    Upstream(TryFailure),
    /// It took longer than its route, or its client, allows.
    Deadline,
    /// The client went away.
    ClientGone,
    /// A fault of the gateway's own.
    Internal,
}

impl Cause {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::AmbiguousTarget(_) | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyStalled => StatusCode::REQUEST_TIMEOUT,
            Self::PolicyFailed
            | Self::Quarantined
            | Self::NoEndpoint
            | Self::NoEndpoints
            | Self::EndpointsUnknown
            | Self::EndpointsBusy
            | Self::UpstreamBusy
            | Self::QueueFull
            | Self::QueueTimeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::ResponseTooLarge => StatusCode::BAD_GATEWAY,
            Self::Upstream(TryFailure::ConnectTimeout | TryFailure::Timeout) | Self::Deadline => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Upstream(_) => StatusCode::BAD_GATEWAY,
            Self::Policy | Self::ClientGone | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether there is only too much to do: in a moment there may be room.
    #[must_use]
    pub fn will_pass(self) -> bool {
        matches!(self, Self::EndpointsBusy | Self::UpstreamBusy | Self::QueueFull | Self::QueueTimeout)
    }

    /// What the client is told.
    #[must_use]
    pub fn detail(self) -> &'static str {
        match self {
            Self::NoRoute => "no route matches this request",
            Self::AmbiguousTarget(why) | Self::BadRequest(why) => why,
            Self::Loop => "the request goes round in a circle",
            Self::Method => "this method is not supported here",
            Self::BodyTooLarge => "the request body is too large",
            Self::BodyStalled => "the request body stopped arriving",
            Self::ResponseTooLarge => "the answer of the service is too large",
            Self::Policy => "answered by a policy",
            Self::PolicyFailed | Self::Quarantined => "a policy of this route could not decide",
            Self::NoEndpoint => "no instance of the service is available",
            Self::NoEndpoints => "the service has no instances",
            Self::EndpointsUnknown => "the instances of the service are not known yet",
            Self::EndpointsBusy => "every instance of the service is busy",
            Self::UpstreamBusy => "the service is busy",
            Self::QueueFull => "too many requests wait for the service",
            Self::QueueTimeout => "the service was busy for too long",
            Self::Upstream(TryFailure::Connect) => "no connection to the service",
            Self::Upstream(TryFailure::Tls) => "no secure connection to the service",
            Self::Upstream(TryFailure::ConnectTimeout) => "no connection to the service in time",
            Self::Upstream(TryFailure::Reset) => "the service closed the connection before it answered",
            Self::Upstream(TryFailure::Timeout) => "the service did not answer in time",
            Self::Upstream(TryFailure::Garbage) => "the service gave no valid answer",
            Self::Deadline => "the request took longer than it may",
            Self::ClientGone => "the client went away",
            Self::Internal => "an internal error",
        }
    }

    /// A stable word for log and metric.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NoRoute => "no-route",
            Self::AmbiguousTarget(_) => "ambiguous-target",
            Self::BadRequest(_) => "bad-request",
            Self::Loop => "loop",
            Self::Method => "method",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyStalled => "body-stalled",
            Self::ResponseTooLarge => "response-too-large",
            Self::Policy => "policy",
            Self::PolicyFailed => "policy-failed",
            Self::Quarantined => "quarantined",
            Self::NoEndpoint => "no-endpoint",
            Self::NoEndpoints => "no-endpoints",
            Self::EndpointsUnknown => "endpoints-unknown",
            Self::EndpointsBusy => "endpoints-busy",
            Self::UpstreamBusy => "upstream-busy",
            Self::QueueFull => "queue-full",
            Self::QueueTimeout => "queue-timeout",
            Self::Upstream(TryFailure::Connect) => "upstream-connect",
            Self::Upstream(TryFailure::Tls) => "upstream-tls",
            Self::Upstream(TryFailure::ConnectTimeout) => "upstream-connect-timeout",
            Self::Upstream(TryFailure::Reset) => "upstream-reset",
            Self::Upstream(TryFailure::Timeout) => "upstream-timeout",
            Self::Upstream(TryFailure::Garbage) => "upstream-garbage",
            Self::Deadline => "deadline",
            Self::ClientGone => "client-gone",
            Self::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_blames_the_right_side() {
        assert_eq!(Cause::Upstream(TryFailure::Connect).status(), 502);
        assert_eq!(Cause::Upstream(TryFailure::Reset).status(), 502);
        assert_eq!(Cause::Upstream(TryFailure::Garbage).status(), 502);
        assert_eq!(Cause::Upstream(TryFailure::Timeout).status(), 504);
        assert_eq!(Cause::Upstream(TryFailure::ConnectTimeout).status(), 504);
        assert_eq!(Cause::Deadline.status(), 504);
        assert_eq!(Cause::NoEndpoint.status(), 503);
        assert_eq!(Cause::NoEndpoints.status(), 503);
        assert_eq!(Cause::EndpointsUnknown.status(), 503);
        assert_eq!(Cause::NoRoute.status(), 404);
        assert!(Cause::BodyTooLarge.status().is_client_error());
    }
}

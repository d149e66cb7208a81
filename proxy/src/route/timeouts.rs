//! How long a request of a route may take, and each part of it.

use std::time::Duration;

use http::header::HeaderName;

use crate::config::model::{RouteTimeouts, UpstreamTimeouts};

/// What a route says, and where it says nothing what its upstream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To an established connection.
    pub connect: Duration,
    /// Silence of an endpoint that has the whole request, up to its response head.
    pub first_byte: Duration,
    /// Silence of an endpoint within the body of its response.
    pub idle: Duration,
    /// The endpoint takes nothing of the request.
    pub write: Duration,
    /// Silence on an upgraded connection.
    pub tunnel: Duration,
    /// How long an unused connection is kept.
    pub unused: Duration,
    /// One try, from the choice of an endpoint to its response head.
    pub each_try: Option<Duration>,
    /// The whole request.
    pub total: Option<Duration>,
    /// The field that tells endpoints what is left of it, in milliseconds.
    pub deadline_header: Option<HeaderName>,
}

impl Timeouts {
    /// Those of a route whose requests go to this upstream.
    #[must_use]
    pub fn new(route: &RouteTimeouts, upstream: &UpstreamTimeouts) -> Self {
        Self {
            connect: route.connect.unwrap_or(upstream.connect),
            first_byte: route.first_byte.unwrap_or(upstream.read),
            idle: route.idle.unwrap_or(upstream.read),
            write: upstream.write,
            tunnel: upstream.tunnel,
            unused: upstream.idle,
            each_try: route.each_try,
            total: route.total,
            deadline_header: route.deadline_header.clone(),
        }
    }
}

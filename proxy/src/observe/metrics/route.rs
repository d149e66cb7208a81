//! What one route counts.

use std::sync::Arc;
use std::time::Duration;

use super::families::Families;
use super::series::{Counter, Exchange, Gauge, Held, Histogram};
use super::status_class::ByClass;

/// Handles of one route; a clone is one pointer.
#[derive(Clone, Debug)]
pub struct RouteMetrics(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    requests: ByClass,
    duration: Histogram<Exchange>,
    in_flight: Gauge,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl RouteMetrics {
    pub(super) fn new(families: &Families, route: &str) -> Self {
        Self(Arc::new(Handles {
            requests: ByClass::new(|class| families.requests.series([route, class])),
            duration: families.request_duration.series([route]),
            in_flight: families.requests_in_flight.series([route]),
            bytes_in: families.request_body_bytes.series([route]),
            bytes_out: families.response_body_bytes.series([route]),
        }))
    }

    /// One request was routed here; it is under way until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> Held {
        self.0.in_flight.hold()
    }

    /// One request ended; `status` is 0 where the client went away before it had one.
    pub fn request(&self, status: u16, taken: Duration, bytes_in: u64, bytes_out: u64) {
        self.0.requests.of(status).increment();
        self.0.duration.observe(taken);
        self.0.bytes_in.add(bytes_in);
        self.0.bytes_out.add(bytes_out);
    }
}

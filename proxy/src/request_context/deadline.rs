//! By when a request must be answered, and what endpoints are told of it.
//!
//! A route says how long its requests may take in all, and a gRPC client how long it waits; the earlier one holds. Where
//! neither does nothing is kept, and no clock is asked.

use std::time::{Duration, Instant};

use http::HeaderValue;
use http::request::Parts;

use super::RequestContext;
use crate::cause::Cause;
use crate::route::timeouts::Timeouts;
use crate::wire::grpc;

impl RequestContext {
    /// Learns by when this request of its route must be answered.
    pub(super) fn set_deadline(&mut self, head: &Parts, timeouts: &Timeouts) -> Result<(), Cause> {
        let asked = if self.is_grpc { grpc::timeout(&head.headers) } else { Ok(None) };
        let asked = asked.map_err(|_| Cause::BadRequest("malformed grpc-timeout"))?;
        let total = match (timeouts.total, asked) {
            (Some(total), Some(asked)) => Some(total.min(asked)),
            (total, asked) => total.or(asked),
        };
        // What is too far away to be told is no deadline.
        self.deadline = total.and_then(|total| self.started.checked_add(total));
        Ok(())
    }

    /// By when the request must be answered to its last octet; `None` is never.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether that time has come.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// By when the head of the answer to the current try must be here.
    #[must_use]
    pub fn head_due(&self) -> Option<Instant> {
        let each_try = self.route.as_ref().and_then(|route| route.timeouts.each_try);
        let of_try = each_try.zip(self.tries.current.as_ref()).and_then(|(most, current)| current.due(most));
        match (self.deadline, of_try) {
            (Some(deadline), Some(of_try)) => Some(deadline.min(of_try)),
            (deadline, of_try) => deadline.or(of_try),
        }
    }

    /// A time to wait within the current try that does not outlast it.
    #[must_use]
    pub fn within(&self, patience: Duration) -> Duration {
        self.head_due().map_or(patience, |due| patience.min(due.saturating_duration_since(Instant::now())))
    }

    /// Tells the endpoint how much time is left.
    pub(super) fn tell_deadline(&self, head: &mut Parts, timeouts: &Timeouts) {
        let Some(deadline) = self.deadline else { return };
        let left = deadline.saturating_duration_since(Instant::now());
        if self.is_grpc {
            head.headers.insert(grpc::GRPC_TIMEOUT.clone(), grpc::remaining(left));
        }
        if let Some(name) = &timeouts.deadline_header {
            let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            head.headers.insert(name.clone(), HeaderValue::from(left));
        }
    }
}

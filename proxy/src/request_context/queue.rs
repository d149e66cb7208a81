//! A request that waits where its upstream takes no more.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request::Parts;

use super::RequestContext;
use crate::cause::Cause;
use crate::observe::metrics::QueueOutcome;
use crate::upstream::Queue;
use crate::upstream::admission::Admission;

/// How often who waits looks by himself: an endpoint that is back tells nobody.
const LOOK: Duration = Duration::from_millis(100);

impl RequestContext {
    /// Chooses the endpoint of the first try, and waits for one where the upstream has a line.
    pub(super) async fn first_member(&mut self, head: &Parts) -> Result<usize, Cause> {
        let Some(route) = self.route.as_ref().filter(|route| route.upstream.queue.is_some()) else {
            return self.next_member(head);
        };
        let upstream = Arc::clone(&route.upstream);
        if !upstream.admission.has_line()
            && let Some(chosen) = self.member_unless_busy(head)
        {
            return chosen;
        }
        let Some(queue) = &upstream.queue else { return Err(Cause::Internal) };
        self.wait_in_line(head, queue, &upstream.admission).await
    }

    /// `None` where those that could be asked have enough to do.
    fn member_unless_busy(&mut self, head: &Parts) -> Option<Result<usize, Cause>> {
        Some(self.next_member(head)).filter(|chosen| !matches!(chosen, Err(Cause::EndpointsBusy | Cause::UpstreamBusy)))
    }

    async fn wait_in_line(&mut self, head: &Parts, queue: &Queue, admission: &Arc<Admission>) -> Result<usize, Cause> {
        let Some(place) = admission.stand_in_line(queue.most) else {
            queue.metrics.ended(QueueOutcome::Full);
            return Err(Cause::QueueFull);
        };
        let wait = queue.metrics.wait();
        let until = Instant::now() + queue.timeout;
        let until = self.deadline().map_or(until, |deadline| deadline.min(until));
        loop {
            let look = until.min(Instant::now() + LOOK);
            let turn = poll_fn(|cx| place.poll_turn(cx, || self.member_unless_busy(head)));
            if let Ok(chosen) = tokio::time::timeout_at(look.into(), turn).await {
                wait.ended(QueueOutcome::Served);
                return chosen;
            }
            if look == until {
                wait.ended(QueueOutcome::Timeout);
                return Err(if self.is_overdue() { Cause::Deadline } else { Cause::QueueTimeout });
            }
        }
    }
}

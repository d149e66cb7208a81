//! Bodies of streams: neither too large nor without end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pingora_core::Error;
use tokio::time::timeout;

use crate::config::model::Limits;
use crate::gate::refusal::Refusal;

tokio::task_local! {
    /// The body of the stream this task handles.
    static BODY: Arc<Progress>;
}

/// How far a body has come.
#[derive(Debug)]
struct Progress {
    received: AtomicU64,
    most: u64,
}

/// Marks a body that is complete; no count of octets gets here.
const COMPLETE: u64 = u64::MAX;

/// Tells the Gate that octets of a request body have come in.
///
/// `ProxyHttp::request_body_filter` calls it first thing. For an HTTP/2 stream this is what keeps its body alive and within
/// `limits.body_bytes`; for HTTP/1, where the Gate reads the body itself, it does nothing.
///
/// # Errors
///
/// An error that [`violation_of`](crate::gate::violation_of) recognises, where the body is too large.
pub fn count_body(octets: usize, is_end: bool) -> Result<(), Box<Error>> {
    BODY.try_with(|body| body.count(octets as u64, is_end)).unwrap_or(Ok(())).map_err(Into::into)
}

impl Progress {
    fn count(&self, octets: u64, is_end: bool) -> Result<(), Refusal> {
        let received = self.received.fetch_add(octets, Ordering::Relaxed).saturating_add(octets);
        if is_end {
            self.received.store(COMPLETE, Ordering::Relaxed);
        }
        if received > self.most { Err(Refusal::BodyTooLarge) } else { Ok(()) }
    }
}

/// Handles a stream with a body, and drops it when the body stands still.
///
/// Pingora has no deadline for reading an HTTP/2 body, and no way to set one from outside. So progress is looked at once
/// every `body_timeout`, and a stream without any since the last look is cancelled, between one and two of them after its last
/// octet: the client sees RST_STREAM, the endpoint a closed connection, and the request's context is dropped without
/// `logging` being called.
pub(super) async fn watch<F: Future>(process: F, limits: &Limits) -> Result<F::Output, Refusal> {
    let progress = Arc::new(Progress { received: AtomicU64::new(0), most: limits.body_bytes.unwrap_or(u64::MAX - 1) });
    let mut process = pin!(BODY.scope(Arc::clone(&progress), process));
    let mut before = 0;
    loop {
        if let Ok(output) = timeout(limits.body_timeout, process.as_mut()).await {
            return Ok(output);
        }
        let received = progress.received.load(Ordering::Relaxed);
        if received == COMPLETE {
            return Ok(process.await);
        }
        if received == before {
            return Err(Refusal::BodyTimeout);
        }
        before = received;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;
    use crate::gate::{test_limits, violation_of};

    fn timeout() -> Duration {
        test_limits().body_timeout
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_ends_its_stream() {
        let stream = async {
            count_body(5, false).unwrap();
            std::future::pending::<()>().await;
        };
        assert_eq!(watch(stream, &test_limits()).await, Err(Refusal::BodyTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_that_moves_is_waited_for() {
        let stream = async {
            for _ in 0..9 {
                sleep(timeout() * 9 / 10).await;
                count_body(1, false).unwrap();
            }
        };
        assert_eq!(watch(stream, &test_limits()).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_to_a_complete_body_is_waited_for() {
        let stream = async {
            count_body(5, true).unwrap();
            sleep(timeout() * 20).await;
        };
        assert_eq!(watch(stream, &test_limits()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_a_violation() {
        let limits = Limits { body_bytes: Some(5), ..test_limits() };
        let stream = async {
            count_body(5, false).unwrap();
            violation_of(&count_body(1, false).unwrap_err())
        };
        assert_eq!(watch(stream, &limits).await, Ok(Some(Refusal::BodyTooLarge)));
    }

    #[test]
    fn outside_a_stream_nothing_is_counted() {
        assert!(count_body(usize::MAX, false).is_ok());
    }
}

//! Deadlines: a test that waits for what never comes fails with a sentence instead of hanging.

use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

/// How long anything in a test may take. Far above what is needed, since machines may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a gateway or a command may take that compiles a language runtime of many megabytes.
pub(crate) const LONG_START: Duration = Duration::from_secs(300);

/// How often a condition is asked for.
const POLL: Duration = Duration::from_millis(10);

/// Awaits `step`, and fails the test where it takes too long.
pub(crate) async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    within_time(PATIENCE, what, step).await
}

/// The same for what is known to take longer.
pub(crate) async fn within_time<T>(patience: Duration, what: &str, step: impl Future<Output = T>) -> T {
    match timeout(patience, step).await {
        Ok(value) => value,
        Err(_) => panic!("waited {patience:?} in vain for {what}"),
    }
}

/// Asks until the answer is `Some`, and fails the test where it never is.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut poll = interval(POLL);
    loop {
        poll.tick().await;
        if let Some(value) = ask().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}");
    }
}

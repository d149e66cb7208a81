//! Opens the way to Redis again and again.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::Link;

/// From a loss to the first try.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A server that is back is noticed within this.
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// A way that was open for so long was not opened too early.
const STEADY: Duration = Duration::from_secs(10);
/// How often somebody asks where nobody else does.
const WATCH: Duration = Duration::from_secs(1);

/// Keeps the way to Redis of the running snapshot open; dropping it ends that.
pub struct LinkKeeper {
    runtime: Handle,
    task: Mutex<Option<Task>>,
}

struct Task {
    link: Arc<Link>,
    handle: AbortHandle,
}

impl LinkKeeper {
    /// Connections will live on `runtime`, which must have its timers and its network driver on.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, task: Mutex::default() }
    }

    /// Keeps open what a new snapshot uses; where that is still the same link, it goes on undisturbed.
    pub fn reconcile(&self, wanted: Option<&Arc<Link>>) {
        let mut task = self.task.lock();
        let before = task.take();
        *task = wanted.map(|link| {
            before.filter(|task| Arc::ptr_eq(&task.link, link)).unwrap_or_else(|| self.start(Arc::clone(link)))
        });
    }

    fn start(&self, link: Arc<Link>) -> Task {
        let handle = self.runtime.spawn(keep(Arc::clone(&link))).abort_handle();
        Task { link, handle }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl fmt::Debug for LinkKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkKeeper").field("runs", &self.task.lock().is_some()).finish_non_exhaustive()
    }
}

async fn keep(link: Arc<Link>) {
    let mut failures = 0;
    loop {
        let began = Instant::now();
        if link.try_to_open().await.is_ok() {
            link.watch(WATCH).await;
        }
        failures = if began.elapsed() >= STEADY { 0 } else { failures + 1 };
        sleep(pause(failures, fastrand::f64())).await;
    }
}

/// Doubled after each failure; a tenth more or less, so that gateways do not come back all at once. `random` is 0 to 1.
fn pause(failures: u32, random: f64) -> Duration {
    let even = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LAST_PAUSE);
    even.mul_f64(0.9 + 0.2 * random)
}

//! Decides when keys are fetched: at once, regularly, and when a token names a key that is not there.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::fetch::FetchError;
use super::keyset::{Keyset, Remote};
use super::{Keysets, jwk};
use crate::observe::metrics::{KeysetMetrics, Metrics};

/// The wait after a first failure; each further one doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// A server that is back is noticed within this.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Keeps every fetched key set of the running snapshot fresh, one task each; dropping it ends them.
pub struct KeysetKeeper {
    runtime: Handle,
    metrics: Arc<Metrics>,
    tasks: Mutex<HashMap<String, Task>>,
}

struct Task {
    keyset: Arc<Keyset>,
    handle: AbortHandle,
}

impl KeysetKeeper {
    /// Fetches will run on `runtime`, which must have its timers and its network driver on.
    #[must_use]
    pub fn new(runtime: Handle, metrics: Arc<Metrics>) -> Self {
        Self { runtime, metrics, tasks: Mutex::default() }
    }

    /// Makes what is kept fresh what a new snapshot uses; a key set that is still the same one goes on undisturbed.
    pub fn reconcile(&self, wanted: &Keysets) {
        let mut tasks = self.tasks.lock();
        let mut before = std::mem::take(&mut *tasks);
        for keyset in wanted.iter().filter(|keyset| keyset.remote.is_some()) {
            let same = before.remove(keyset.name()).filter(|task| Arc::ptr_eq(&task.keyset, keyset));
            let task = same.unwrap_or_else(|| self.start(keyset));
            tasks.insert(keyset.name().to_owned(), task);
        }
    }

    fn start(&self, keyset: &Arc<Keyset>) -> Task {
        let work = keep(Arc::clone(keyset), self.metrics.keyset(keyset.name()));
        Task { keyset: Arc::clone(keyset), handle: self.runtime.spawn(work).abort_handle() }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl fmt::Debug for KeysetKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeysetKeeper").field("tasks", &self.tasks.lock().len()).finish_non_exhaustive()
    }
}

/// Fetches for ever; the only one who does so for this key set.
pub(super) async fn keep(keyset: Arc<Keyset>, metrics: KeysetMetrics) {
    let Some(remote) = &keyset.remote else { return };
    if is_exposed(&remote.spec.url) {
        tracing::warn!(keyset = keyset.name(), "its keys come without TLS: whoever is on the way can replace them");
    }
    let mut failures = 0;
    loop {
        let began = Instant::now();
        let outcome = fetch(&keyset, remote).await;
        metrics.fetch(outcome.is_ok());
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        keyset.take(outcome);
        wait(remote, began, pause(remote.spec.refresh, failures, fastrand::f64())).await;
    }
}

/// Whether others are between here and the server, and nothing keeps them out.
fn is_exposed(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == Some(&Scheme::HTTP) && !is_local
}

async fn fetch(keyset: &Keyset, remote: &Remote) -> Result<super::KeyRing, FetchError> {
    let limit = remote.spec.timeout;
    let bytes = timeout(limit, remote.fetch.fetch()).await.map_err(|_| FetchError::Late(limit))??;
    Ok(jwk::read(&bytes, keyset.spec.algorithms)?)
}

/// Until it is time again, or a token names an unknown key and the last fetch is long enough ago.
async fn wait(remote: &Remote, began: Instant, pause: Duration) {
    let asked = async {
        sleep_until(began + remote.spec.min_interval).await;
        remote.unknown_kid.notified().await;
    };
    tokio::select! {
        () = sleep(pause) => {}
        () = asked => {}
    }
}

/// `refresh` after a success, less and doubled after failures; a tenth more or less, so that gateways started together
/// do not ask together for ever. `random` is 0 to 1.
pub(super) fn pause(refresh: Duration, failures: u32, random: f64) -> Duration {
    let even = match failures.checked_sub(1) {
        None => refresh,
        Some(doublings) => FIRST_RETRY.saturating_mul(2_u32.saturating_pow(doublings)).min(LAST_RETRY).min(refresh),
    };
    even.mul_f64(0.9 + 0.2 * random)
}

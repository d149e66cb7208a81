//! Builds what runs anew when endpoints that others list have changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Reloader;

/// Changes within this are one: a rollout changes many endpoints in quick succession.
const JOINED: Duration = Duration::from_millis(10);
/// After a build so many times as long nothing is built: sets that change all the time must not take a core.
const REST: u32 = 4;
/// Nor must they make a change wait.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Takes up what is discovered, as `news` tells of it; ends with the process.
pub async fn follow(reloader: Arc<Reloader>, mut news: watch::Receiver<u64>) {
    while news.changed().await.is_ok() {
        sleep(JOINED).await;
        // What comes from here on is in the next build, if not in this one.
        news.mark_unchanged();
        let began = Instant::now();
        if let Err(report) = reloader.refresh_endpoints().await {
            tracing::error!("endpoints that changed cannot be taken up\n{}", report.render(false));
        }
        sleep(began.elapsed().saturating_mul(REST).min(LONGEST_REST)).await;
    }
}

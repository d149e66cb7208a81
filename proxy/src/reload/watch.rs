//! Reloads when a file of the configuration changes.

use std::sync::Arc;

use super::{Reloader, Trigger};
use crate::file_watch::FileWatch;

/// Reloads whenever a file of the configuration changes; ends with the process.
pub async fn watch(reloader: Arc<Reloader>) {
    // Nothing seen yet: what changed between the first load and now is noticed at the first look.
    let mut watch = FileWatch::new();
    loop {
        watch.changed(|| reloader.files()).await;
        reloader.reload(Trigger::Watch).await;
        // The configuration may name other files now.
        watch.also(&reloader.files());
    }
}

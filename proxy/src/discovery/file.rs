//! Endpoints from a file that somebody else replaces.

use std::collections::BTreeSet;
use std::path::PathBuf;

use async_trait::async_trait;

use super::{Answer, Failure, Provider};
use crate::config::endpoints_file;
use crate::file_watch::FileWatch;

/// A watched file of endpoints.
pub(super) struct EndpointFile {
    path: PathBuf,
    watch: FileWatch,
    begun: bool,
}

impl EndpointFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, watch: FileWatch::new(), begun: false }
    }
}

#[async_trait]
impl Provider for EndpointFile {
    async fn next(&mut self) -> Result<Answer, Failure> {
        if !std::mem::replace(&mut self.begun, true) {
            // Before it is read, so that a change meanwhile is seen; one that is not there is no change.
            self.watch.also(&BTreeSet::from([self.path.clone()]));
        } else {
            self.watch.changed(|| BTreeSet::from([self.path.clone()])).await;
        }
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || endpoints_file::load(&path)).await;
        let read = read.map_err(|panicked| Failure(format!("reading it failed: {panicked}")))?;
        let endpoints = read.map_err(|report| Failure(report.render(false).trim_end().to_owned()))?;
        Ok(Answer { endpoints, left_out: None })
    }
}

//! From a change to a running configuration: load, validate everything, build, swap; or keep what runs and say why.

pub mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::config::{self, problem::Report};
use crate::observe::metrics::ReloadResult;
use crate::running::Running;
use crate::snapshot::{Refresh, Snapshot};

/// What asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A watched file changed.
    Watch,
    /// SIGHUP.
    Signal,
    /// The admin API.
    Admin,
}

impl Trigger {
    /// For logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Signal => "signal",
            Self::Admin => "admin",
        }
    }
}

/// What became of a reload.
#[derive(Clone, Debug)]
pub enum ReloadOutcome {
    /// The files say what runs already.
    Unchanged,
    /// The new configuration runs.
    Applied {
        /// Its number.
        generation: u64,
    },
    /// The files are wrong; what ran before runs on.
    Rejected {
        /// Everything that is wrong.
        report: Arc<Report>,
    },
    /// These keys only change with a restart; what ran before runs on.
    NeedsRestart {
        /// Top-level keys.
        keys: Vec<&'static str>,
    },
}

/// The last reload, for the admin API.
#[derive(Clone, Debug)]
pub struct LastReload {
    /// What became of it.
    pub outcome: ReloadOutcome,
    /// When.
    pub at: SystemTime,
    /// What asked for it.
    pub trigger: Option<Trigger>,
}

/// Reloads one configuration file into one running process; one reload at a time.
#[derive(Debug)]
pub struct Reloader {
    running: Arc<Running>,
    path: PathBuf,
    turn: tokio::sync::Mutex<()>,
    last: Mutex<LastReload>,
}

impl Reloader {
    /// For a process that was started with the file at `path`.
    #[must_use]
    pub fn new(running: Arc<Running>, path: PathBuf) -> Self {
        let generation = running.snapshot().generation;
        let last = LastReload { outcome: ReloadOutcome::Applied { generation }, at: SystemTime::now(), trigger: None };
        Self { running, path, turn: tokio::sync::Mutex::new(()), last: Mutex::new(last) }
    }

    /// The configuration file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The process this reloads.
    #[must_use]
    pub fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// The last reload.
    #[must_use]
    pub fn last(&self) -> LastReload {
        self.last.lock().clone()
    }

    /// Reads the file and runs it, if it is right and new.
    pub async fn reload(&self, trigger: Trigger) -> ReloadOutcome {
        let _turn = self.turn.lock().await;
        let (running, path) = (Arc::clone(&self.running), self.path.clone());
        let attempt = tokio::task::spawn_blocking(move || attempt(&running, &path)).await;
        let outcome = attempt.unwrap_or_else(|panicked| ReloadOutcome::Rejected {
            report: Arc::new(Report::message(format!("the reload itself failed: {panicked}"))),
        });
        self.tell(&outcome, trigger);
        *self.last.lock() = LastReload { outcome: outcome.clone(), at: SystemTime::now(), trigger: Some(trigger) };
        outcome
    }

    /// Builds the running configuration anew after endpoints were changed at run time; files are not read.
    ///
    /// # Errors
    /// What could not be built; what ran before runs on.
    pub async fn rebuild(&self) -> Result<u64, Arc<Report>> {
        let _turn = self.turn.lock().await;
        let running = Arc::clone(&self.running);
        let built = tokio::task::spawn_blocking(move || {
            let previous = running.snapshot();
            Snapshot::build(&running.process, Arc::clone(&previous.loaded), Some(&previous), Refresh::Endpoints)
                .map(|next| swap(&running, next))
        });
        built.await.unwrap_or_else(|panicked| Err(Report::message(panicked.to_string()))).map_err(Arc::new)
    }

    fn tell(&self, outcome: &ReloadOutcome, trigger: Trigger) {
        let (trigger, metrics) = (trigger.as_str(), &self.running.process.metrics);
        let file = self.path.display();
        match outcome {
            ReloadOutcome::Unchanged => {
                metrics.reload(ReloadResult::Unchanged, 0);
                tracing::info!(trigger, %file, "configuration unchanged");
            }
            ReloadOutcome::Applied { generation } => {
                metrics.reload(ReloadResult::Applied { generation: *generation }, 0);
                tracing::info!(trigger, %file, generation, "configuration applied");
            }
            ReloadOutcome::Rejected { report } => {
                metrics.reload(ReloadResult::Rejected, report.problems.len());
                tracing::error!(
                    trigger, %file, problems = report.problems.len(),
                    "configuration rejected, the last good one serves on\n{}", report.render(false)
                );
            }
            ReloadOutcome::NeedsRestart { keys } => {
                metrics.reload(ReloadResult::NeedsRestart, 0);
                tracing::warn!(trigger, %file, ?keys, "these keys change only with a restart; nothing was applied");
            }
        }
    }
}

fn attempt(running: &Running, path: &Path) -> ReloadOutcome {
    let previous = running.snapshot();
    let loaded = match config::load(path) {
        Ok(loaded) => Arc::new(loaded),
        Err(report) => return ReloadOutcome::Rejected { report: Arc::new(report) },
    };
    let keys = config::changes(&previous.loaded.config, &loaded.config);
    if !keys.is_empty() {
        return ReloadOutcome::NeedsRestart { keys };
    }
    match Snapshot::build(&running.process, loaded, Some(&previous), Refresh::Everything) {
        Err(report) => ReloadOutcome::Rejected { report: Arc::new(report) },
        Ok(next) if next.means_the_same_as(&previous) => ReloadOutcome::Unchanged,
        Ok(next) => ReloadOutcome::Applied { generation: swap(running, next) },
    }
}

fn swap(running: &Running, next: Snapshot) -> u64 {
    let generation = next.generation;
    running.swap(Arc::new(next));
    generation
}

//! From a change to a running configuration: load, validate everything, build, swap; or keep what runs and say why.

pub mod follow;
pub mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::config::model::{Config, Keyset, ListenerTls, UpstreamTls};
use crate::config::problem::Report;
use crate::config::{self, Loaded};
use crate::observe::metrics::ReloadResult;
use crate::running::Running;
use crate::snapshot::{Refresh, Snapshot};
use crate::upstream::overlay::Overlays;

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

impl ReloadOutcome {
    /// A watched file was touched and says what it said before; nobody wants to read of it, unless what was wrong no
    /// longer is.
    fn is_no_news_after(&self, last: &Self) -> bool {
        matches!(self, Self::Unchanged) && matches!(last, Self::Unchanged | Self::Applied { .. })
    }
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
    /// Files of the configuration last read, whether or not it could run.
    considered: Mutex<BTreeSet<PathBuf>>,
}

impl Reloader {
    /// For a process that was started with the file at `path`.
    #[must_use]
    pub fn new(running: Arc<Running>, path: PathBuf) -> Self {
        let generation = running.snapshot().generation;
        running.process.metrics.reload(ReloadResult::Applied { generation }, 0);
        let last = LastReload { outcome: ReloadOutcome::Applied { generation }, at: SystemTime::now(), trigger: None };
        Self {
            running,
            path,
            turn: tokio::sync::Mutex::default(),
            last: Mutex::new(last),
            considered: Mutex::default(),
        }
    }

    /// The configuration file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every file whose change may matter: of what runs, and of what was last refused.
    #[must_use]
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = referenced(&self.running.snapshot().loaded.config);
        files.extend(self.considered.lock().iter().cloned());
        files.insert(self.path.clone());
        files
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
        let (outcome, files) = attempt.unwrap_or_else(|panicked| {
            let report = Report::message(format!("the reload itself failed: {panicked}"));
            (ReloadOutcome::Rejected { report: Arc::new(report) }, BTreeSet::new())
        });
        *self.considered.lock() = files;
        if trigger == Trigger::Watch && outcome.is_no_news_after(&self.last.lock().outcome) {
            return outcome;
        }
        self.tell(&outcome, trigger);
        *self.last.lock() = LastReload { outcome: outcome.clone(), at: SystemTime::now(), trigger: Some(trigger) };
        outcome
    }

    /// Changes endpoints of what runs and builds it anew; files are not read.
    ///
    /// # Errors
    /// `change` refused, or the result could not be built; what ran before runs on, unchanged.
    pub async fn change_endpoints<E: From<Report>>(
        &self,
        change: impl FnOnce(&mut Overlays, &Snapshot) -> Result<(), E>,
    ) -> Result<(), E> {
        let _turn = self.turn.lock().await;
        let running = &self.running;
        let previous = running.snapshot();
        let before = running.process.overlays.lock().clone();
        let mut changed = before.clone();
        change(&mut changed, &previous)?;
        *running.process.overlays.lock() = changed;
        self.rebuild().await.map_err(|report| {
            *self.running.process.overlays.lock() = before;
            report.into()
        })
    }

    /// Builds what runs anew with the endpoints that are known now; files are not read.
    ///
    /// # Errors
    /// The result could not be built; what ran before runs on.
    pub async fn refresh_endpoints(&self) -> Result<(), Report> {
        let _turn = self.turn.lock().await;
        self.rebuild().await
    }

    async fn rebuild(&self) -> Result<(), Report> {
        let running = Arc::clone(&self.running);
        let built = tokio::task::spawn_blocking(move || {
            let previous = running.snapshot();
            Snapshot::build(&running.process, Arc::clone(&previous.loaded), Some(&previous), Refresh::Endpoints)
                .map(|next| swap(&running, next))
        });
        built.await.unwrap_or_else(|panicked| Err(Report::message(panicked.to_string()))).map(drop)
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

/// What became of it, and the files the configuration names, where it could be read.
fn attempt(running: &Running, path: &Path) -> (ReloadOutcome, BTreeSet<PathBuf>) {
    match config::load(path) {
        Ok(loaded) => {
            let files = referenced(&loaded.config);
            (take_over(running, Arc::new(loaded)), files)
        }
        Err(report) => (ReloadOutcome::Rejected { report: Arc::new(report) }, BTreeSet::new()),
    }
}

fn take_over(running: &Running, loaded: Arc<Loaded>) -> ReloadOutcome {
    let previous = running.snapshot();
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

/// Files a configuration names.
fn referenced(config: &Config) -> BTreeSet<PathBuf> {
    let plugins = config.plugins.iter().map(|plugin| plugin.path.clone());
    let keysets = config.keysets.iter().flat_map(Keyset::files);
    let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let upstream_tls = config.upstreams.iter().filter_map(|upstream| upstream.tls.as_ref());
    let consumers = config.consumers_file.clone();
    plugins
        .chain(tls.flat_map(ListenerTls::files))
        .chain(upstream_tls.flat_map(UpstreamTls::files))
        .chain(keysets)
        .chain(consumers)
        .collect()
}

fn swap(running: &Running, next: Snapshot) -> u64 {
    let generation = next.generation;
    running.swap(Arc::new(next));
    generation
}

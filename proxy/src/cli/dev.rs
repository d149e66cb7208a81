//! `tidegate dev`: serves like `tidegate run`, and builds plugins anew whenever their sources change.

mod sample;
mod sources;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::Context;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{RunArguments, plugin, run};
use crate::config;
use crate::config::project::{self, Project};
use crate::observe::log;
use sources::Seen;

/// How long files must be quiet: an editor that saves several of them starts one build.
const QUIET: Duration = Duration::from_millis(100);
/// Events get lost; whether anything changed is decided by looking.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// A component lies this deep in its project at most: `dist/policy.wasm`, or where a tool chain leaves it.
const DEPTH: usize = 5;

/// How to serve.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DevArguments {
    #[command(flatten)]
    run: RunArguments,
    /// Start a service as well that answers with what it was sent, at 127.0.0.1:9001 or this address.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = sample::ADDRESS)]
    sample: Option<SocketAddr>,
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn main(arguments: &DevArguments) -> anyhow::Result<()> {
    let DevArguments { run: arguments, sample } = arguments;
    log::init(&arguments.log.log, arguments.log.log_format).context("log")?;
    let _sample = sample.map(sample::start).transpose()?;
    let mut workshop = Workshop { file: arguments.config.clone(), seen: BTreeMap::new() };
    // Before the first load, which would refuse a plugin that is not there yet.
    workshop.build_what_changed();
    let (watcher, events) = watcher().context("files cannot be watched")?;
    std::thread::Builder::new()
        .name("workshop".into())
        .spawn(move || workshop.work(watcher, &events))
        .context("the thread that builds plugins")?;
    run::serve(&arguments.config, run::Ready::of(arguments))
}

fn watcher() -> notify::Result<(RecommendedWatcher, Receiver<()>)> {
    let (sender, events) = sync_channel(1);
    let woken = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel means that a wake-up is on its way already.
            let _ = sender.try_send(());
        }
    };
    Ok((notify::recommended_watcher(woken)?, events))
}

/// The projects of a configuration, as they were built last.
struct Workshop {
    file: PathBuf,
    seen: BTreeMap<PathBuf, Seen>,
}

impl Workshop {
    fn work(&mut self, mut watcher: RecommendedWatcher, events: &Receiver<()>) {
        loop {
            for folder in self.seen.values().flat_map(Seen::folders) {
                // Again where it is watched already: it may have been made anew in the meantime.
                let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
            }
            match events.recv_timeout(LOOK_ANYWAY) {
                Ok(()) => while events.recv_timeout(QUIET).is_ok() {},
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.build_what_changed();
        }
    }

    /// Builds each project whose sources are not those it was built from; one that fails is built again when it changes.
    fn build_what_changed(&mut self) {
        for folder in projects(&self.file) {
            // Looked at before the build: what is saved while it runs is built next.
            let now = Seen::look(&folder);
            if self.seen.get(&folder) != Some(&now) {
                self.seen.insert(folder.clone(), now);
                build(&folder);
            }
        }
    }
}

/// The folders with a `plugin.toml` that plugins of the configuration lie in; none where it cannot be read, which the
/// reload says.
fn projects(file: &Path) -> Vec<PathBuf> {
    let plugins = config::load(file).map(|loaded| loaded.config.plugins).unwrap_or_default();
    let is_project = |folder: &&Path| folder.join(project::FILE).is_file();
    let project = |path: &Path| path.ancestors().skip(1).take(DEPTH).find(is_project).map(Path::to_owned);
    let mut folders: Vec<PathBuf> = plugins.iter().filter_map(|plugin| project(&plugin.path)).collect();
    folders.sort();
    folders.dedup();
    folders
}

/// The reload notices the new component by itself; where there is none, the last one serves on.
fn build(folder: &Path) {
    let built = match Project::load(folder) {
        Ok(project) => plugin::build::build(&project),
        Err(report) => Err(anyhow::anyhow!("{}", report.render(false).trim_end().to_owned())),
    };
    let folder = folder.display();
    match built {
        Ok(component) => tracing::info!(component = %component.display(), "plugin built"),
        Err(error) => tracing::error!(%folder, "plugin does not build, what served before serves on: {error:#}"),
    }
}

//! Tells when files change.
//!
//! Folders are watched, not files: editors and Kubernetes replace a file or a link instead of writing into it. An event
//! only wakes; whether anything is new is decided by looking at the files once they have been quiet for a moment.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// How long files must be quiet: long enough for a copy in progress, short enough to feel immediate.
const QUIET: Duration = Duration::from_millis(100);
/// A folder that is never quiet (a log is written there) is looked at all the same.
const NEVER_QUIET: Duration = Duration::from_secs(1);
/// Events get lost: network file systems have none, and a folder that is made anew is no longer watched.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);

/// Watches files that may be others each time.
#[derive(Debug)]
pub struct FileWatch {
    /// None where the system has no more to give: then files are only looked at.
    folders: Option<Folders>,
    events: mpsc::Receiver<()>,
    seen: Seen,
}

impl FileWatch {
    /// Has seen nothing yet: the first look finds every file new.
    #[must_use]
    pub fn new() -> Self {
        let (sender, events) = mpsc::channel::<()>(1);
        let woken = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // A full channel means that a wake-up is on its way already.
                let _ = sender.try_send(());
            }
        };
        let folders = match notify::recommended_watcher(woken) {
            Ok(watcher) => Some(Folders { watcher, watched: BTreeSet::new() }),
            Err(error) => {
                tracing::warn!(%error, "files cannot be watched, they are looked at every {LOOK_ANYWAY:?} instead");
                None
            }
        };
        Self { folders, events, seen: Seen(Vec::new()) }
    }

    /// Waits until one of the files is another than when they were looked at last.
    pub async fn changed(&mut self, files: impl Fn() -> BTreeSet<PathBuf>) {
        loop {
            let files = files();
            if let Some(folders) = &mut self.folders {
                folders.follow(&files);
            }
            let now = Seen::look(&files);
            if now != self.seen {
                self.seen = now;
                return;
            }
            if self.folders.is_none() {
                tokio::time::sleep(LOOK_ANYWAY).await;
            } else if let Ok(Some(())) = tokio::time::timeout(LOOK_ANYWAY, self.events.recv()).await {
                settle(&mut self.events).await;
            }
        }
    }

    /// Takes in files that are new; those known keep the stamp they had, so that a change since is seen.
    pub fn also(&mut self, files: &BTreeSet<PathBuf>) {
        self.seen.also(files);
    }
}

impl Default for FileWatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until no event came for a while.
async fn settle(events: &mut mpsc::Receiver<()>) {
    let quiet = async { while let Ok(Some(())) = tokio::time::timeout(QUIET, events.recv()).await {} };
    let _ = tokio::time::timeout(NEVER_QUIET, quiet).await;
}

#[derive(Debug)]
struct Folders {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    fn follow(&mut self, files: &BTreeSet<PathBuf>) {
        let wanted: BTreeSet<PathBuf> = files.iter().filter_map(|file| folder(file)).collect();
        for gone in self.watched.difference(&wanted) {
            let _ = self.watcher.unwatch(gone);
        }
        for folder in &wanted {
            // Again where it is watched already: it may have been made anew in the meantime.
            let watched = self.watcher.watch(folder, RecursiveMode::NonRecursive);
            if let (Err(error), false) = (watched, self.watched.contains(folder)) {
                tracing::warn!(folder = %folder.display(), %error, "folder cannot be watched, it is looked at instead");
            }
        }
        self.watched = wanted;
    }
}

fn folder(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

/// What tells one state of the files from another, without reading them.
#[derive(Debug, PartialEq, Eq)]
struct Seen(Vec<(PathBuf, Option<Stamp>)>);

/// What a file looks like from outside: it differs once the file was written or replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl Seen {
    fn look(files: &BTreeSet<PathBuf>) -> Self {
        Self(files.iter().map(|file| (file.clone(), stamp(file))).collect())
    }

    /// Takes in files that a reload brought; those known keep the stamp they had, so that a change since is seen.
    fn also(&mut self, files: &BTreeSet<PathBuf>) {
        let mut known = std::mem::take(&mut self.0);
        known.retain(|(file, _)| files.contains(file));
        for file in files {
            if !known.iter().any(|(old, _)| old == file) {
                known.push((file.clone(), stamp(file)));
            }
        }
        known.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0 = known;
    }
}

/// None where there is no such file.
pub(crate) fn stamp(file: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(file).ok()?;
    Some(Stamp { inode: meta.ino(), length: meta.len(), changed: (meta.ctime(), meta.ctime_nsec()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_seen_and_an_untouched_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "1").unwrap();
        let files: BTreeSet<_> = [file.clone()].into();
        let before = Seen::look(&files);
        assert_eq!(before, Seen::look(&files));
        std::fs::write(dir.path().join("b"), "1").unwrap();
        std::fs::rename(dir.path().join("b"), &file).unwrap();
        assert_ne!(before, Seen::look(&files));
    }

    #[test]
    fn a_file_that_vanishes_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "1").unwrap();
        let files: BTreeSet<_> = [file.clone()].into();
        let before = Seen::look(&files);
        std::fs::remove_file(&file).unwrap();
        assert_ne!(before, Seen::look(&files));
    }
}

//! The file itself: one writer at a time, and whoever reads it sees all of a change or nothing.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use crate::config::consumers_file::{self, ConsumersText, EditError};
use crate::config::model::Consumer;

/// What an operator may have widened: their own rights, and those of a group to read.
const MOST_RIGHTS: u32 = 0o640;

/// A file of consumers.
pub(super) struct Store {
    path: PathBuf,
}

impl Store {
    /// The file at `path`, or what a link there leads to.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()) }
    }

    /// Who is in it.
    ///
    /// # Errors
    /// It cannot be read, or is not right.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Consumer>> {
        let read = consumers_file::load(&self.path);
        read.map(|file| file.consumers).map_err(|report| anyhow::anyhow!("{}", report.render(false).trim_end()))
    }

    /// Changes it, unless the result would not be right.
    ///
    /// # Errors
    /// It cannot be read or written, the change is refused, or what would come of it is.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut ConsumersText) -> Result<(), EditError>,
    ) -> anyhow::Result<()> {
        let shown = self.path.display();
        let folder = self.folder();
        let lock = File::open(folder).with_context(|| format!("folder {}", folder.display()))?;
        // Of the folder, since the file is replaced; it ends with the process, whatever happens.
        lock.lock().with_context(|| format!("folder {}", folder.display()))?;
        let mut text = ConsumersText::new(&self.text()?).with_context(|| shown.to_string())?;
        change(&mut text).with_context(|| shown.to_string())?;
        let text = text.to_string();
        consumers_file::parse(&shown.to_string(), &text).map_err(|report| {
            anyhow::anyhow!("nothing was written, it would be wrong\n{}", report.render(false).trim_end())
        })?;
        self.replace(&text).with_context(|| format!("cannot write {shown}"))?;
        lock.sync_all().with_context(|| format!("folder {}", folder.display()))
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn text(&self) -> anyhow::Result<String> {
        match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => read.with_context(|| format!("cannot read {}", self.path.display())),
        }
    }

    /// The new file belongs to whom the old one belonged: a gateway that runs as another user goes on reading it.
    fn replace(&self, text: &str) -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(self.folder())?;
        file.write_all(text.as_bytes())?;
        if let Ok(before) = fs::metadata(&self.path) {
            let own = file.as_file().metadata()?;
            if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
                std::os::unix::fs::fchown(file.as_file(), Some(before.uid()), Some(before.gid()))?;
            }
            file.as_file().set_permissions(Permissions::from_mode(before.mode() & MOST_RIGHTS))?;
        }
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

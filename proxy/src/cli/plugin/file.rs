//! The file of a component, as a command was given it.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::config::project::Project;

/// Why it cannot be read: that of a project may not be built yet.
pub(super) fn unreadable(file: &Path, error: &Error) -> anyhow::Error {
    match project_of(file).filter(|_| error.kind() == ErrorKind::NotFound) {
        Some(folder) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
            anyhow::anyhow!("{} is not built yet\nhint: tidegate plugin build {}", file.display(), folder.display())
        }
        None => anyhow::anyhow!("cannot read {}: {error}", file.display()),
    }
}

/// The folder of the project whose component it is.
fn project_of(component: &Path) -> Option<PathBuf> {
    let project = Project::load(component.parent()?.parent()?).ok()?;
    (project.component() == component).then_some(project.folder)
}

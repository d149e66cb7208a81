//! The file or stream that takes access lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::model::LogTarget;

/// Access lines name clients: the file is for its owner and group.
const MODE: u32 = 0o640;

/// An open place for lines.
#[derive(Debug)]
pub(super) enum Destination {
    Stdout,
    File {
        path: PathBuf,
        file: File,
        /// The last write broke off, perhaps in the middle of a line.
        torn: bool,
    },
}

impl Destination {
    pub(super) fn open(target: &LogTarget) -> io::Result<Self> {
        match target {
            LogTarget::Stdout => Ok(Self::Stdout),
            LogTarget::File(path) => Ok(Self::File { path: path.clone(), file: append(path)?, torn: false }),
        }
    }

    /// Where it is, for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// Writes whole lines.
    ///
    /// # Errors
    /// Some may have been written; what follows starts on a line of its own.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Self::File { file, torn, .. } => {
                if *torn {
                    file.write_all(b"\n")?;
                }
                let written = file.write_all(lines);
                *torn = written.is_err();
                written
            }
        }
    }

    /// Opens the file again under its name; where that fails, the old one stays.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Self::File { path, file, torn } = self {
            *file = append(path)?;
            *torn = *torn && file.metadata()?.len() > 0;
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

//! Keeps the folder from growing for ever.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Some ten plugins with a language runtime of their own, or thousands without.
const MAX_BYTES: u64 = 1 << 30;

/// Removes what was not used for longest, until the rest fits.
///
/// # Errors
/// The folder cannot be read. A file that cannot be removed stays.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    make_up_to(folder, MAX_BYTES)
}

fn make_up_to(folder: &Path, max_bytes: u64) -> io::Result<()> {
    let mut files: Vec<(SystemTime, u64, DirEntry)> = fs::read_dir(folder)?.filter_map(known).collect();
    let mut bytes = files.iter().fold(0_u64, |sum, (_, length, _)| sum.saturating_add(*length));
    files.sort_by_key(|(used, ..)| *used);
    for (_, length, file) in files {
        if bytes <= max_bytes {
            break;
        }
        if fs::remove_file(file.path()).is_ok() {
            bytes = bytes.saturating_sub(length);
        }
    }
    Ok(())
}

/// When a file was last used, and its length; none where it went meanwhile, by the hand of another gateway.
fn known(entry: io::Result<DirEntry>) -> Option<(SystemTime, u64, DirEntry)> {
    let entry = entry.ok()?;
    let metadata = entry.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len(), entry))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_files_that_were_not_used_for_longest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in [("a", 20), ("b", 30), ("c", 10)] {
            let path = folder.path().join(name);
            fs::write(&path, [0; 100]).unwrap();
            File::options()
                .append(true)
                .open(&path)
                .unwrap()
                .set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
        }
        make_up_to(folder.path(), 300).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        make_up_to(folder.path(), 250).unwrap();
        assert!(!folder.path().join("b").exists());
        make_up_to(folder.path(), 100).unwrap();
        assert!(folder.path().join("c").exists() && !folder.path().join("a").exists());
    }
}

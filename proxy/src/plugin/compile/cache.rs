//! Compiled code kept from start to start, in a folder that is private to the user who runs the gateway.
//!
//! Nothing here keeps a plugin from being loaded: what cannot be read is compiled, what cannot be written is told in the
//! log and compiled again next time.

mod room;

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use siphasher::sip::SipHasher13;
use wasmtime::Engine;

use super::trusted::{SealBroken, TrustedCode};

/// Below what the operator names, so that it may be a folder that others look into.
const FOLDER: &str = "plugins";
/// Others may neither read, write nor enter.
const PRIVATE: u32 = 0o700;
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;
/// The largest plugin there may be has some 200 MiB of code.
const MAX_FILE_BYTES: u64 = 512 << 20;

/// What compiled code was made from, and for what.
pub(super) struct Key {
    component: [u8; 32],
    engine: [u8; 8],
}

impl Key {
    pub(super) const BYTES: usize = 40;

    pub(super) fn new(engine: &Engine, component: [u8; 32]) -> Self {
        let mut hasher = SipHasher13::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { component, engine: hasher.finish().to_be_bytes() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.component.as_slice(), &self.engine].concat()
    }

    fn file_name(&self) -> String {
        format!("{}-{}.code", hex::encode(self.component), hex::encode(self.engine))
    }
}

/// Why the cache is of no use for now.
#[derive(Debug, thiserror::Error)]
enum CacheError {
    #[error("{}: {error}", .at.display())]
    Io { at: PathBuf, error: io::Error },
    #[error("{} is not a folder", .0.display())]
    NoFolder(PathBuf),
    #[error("{} belongs to another user, who could put code of theirs into this process", .0.display())]
    Foreign(PathBuf),
    #[error("{} is open to others (mode {mode:03o}), who could put code of theirs into this process", .at.display())]
    Open { at: PathBuf, mode: u32 },
    #[error("{}: {broken}", .at.display())]
    Seal { at: PathBuf, broken: SealBroken },
}

/// A folder of compiled code.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(super) fn below(directory: &Path) -> Self {
        Self { folder: directory.join(FOLDER) }
    }

    /// The code of this key; none where it was never kept, or is not to be believed.
    pub(super) fn get(&self, key: &Key) -> Option<TrustedCode> {
        match self.read(key) {
            Ok(code) => code,
            Err(error) => {
                tracing::warn!(%error, "a compiled plugin cannot be taken from the cache, and is compiled anew");
                None
            }
        }
    }

    /// Keeps the code, in the place of whatever has this key now.
    pub(super) fn put(&self, key: &Key, code: &TrustedCode) {
        if let Err(error) = self.write(key, code) {
            tracing::warn!(%error, "a compiled plugin cannot be kept, the next start will compile it again");
        }
    }

    fn read(&self, key: &Key) -> Result<Option<TrustedCode>, CacheError> {
        let at = self.folder.join(key.file_name());
        let io = |error| CacheError::Io { at: at.clone(), error };
        let file = match File::open(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(io)?,
        };
        // The file that is open, not its name: who may rename a folder above could have changed that since.
        self.check_folder()?.check(&file.metadata().map_err(io)?, OTHERS_WRITE, &at)?;
        let mut bytes = Vec::new();
        (&file).take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(io)?;
        let code = TrustedCode::unseal(bytes, key).map_err(|broken| CacheError::Seal { at: at.clone(), broken })?;
        // The oldest go first when room is made; a file that cannot be touched only goes a little too early.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(code))
    }

    fn write(&self, key: &Key, code: &TrustedCode) -> Result<(), CacheError> {
        let io = |error| CacheError::Io { at: self.folder.clone(), error };
        DirBuilder::new().recursive(true).mode(PRIVATE).create(&self.folder).map_err(io)?;
        self.check_folder()?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(io)?;
        file.write_all(&code.seal(key)).map_err(io)?;
        file.write_all(code.code()).map_err(io)?;
        file.persist(self.folder.join(key.file_name())).map_err(|error| io(error.error))?;
        room::make(&self.folder).map_err(io)
    }

    /// Whoever may put files here may put code into this process.
    fn check_folder(&self) -> Result<User, CacheError> {
        let io = |error| CacheError::Io { at: self.folder.clone(), error };
        let metadata = fs::metadata(&self.folder).map_err(io)?;
        if !metadata.is_dir() {
            return Err(CacheError::NoFolder(self.folder.clone()));
        }
        let user = User::current(&self.folder).map_err(io)?;
        user.check(&metadata, OTHERS, &self.folder)?;
        Ok(user)
    }
}

/// The user this process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct User(u32);

impl User {
    /// Found by making a file: what is made belongs to its maker. The file has no name and is gone at once.
    fn current(folder: &Path) -> io::Result<Self> {
        Ok(Self(tempfile::tempfile_in(folder)?.metadata()?.uid()))
    }

    /// What others may do to it is in `forbidden`.
    fn check(self, metadata: &fs::Metadata, forbidden: u32, at: &Path) -> Result<(), CacheError> {
        if metadata.uid() != self.0 {
            return Err(CacheError::Foreign(at.to_owned()));
        }
        match metadata.mode() & forbidden {
            0 => Ok(()),
            _ => Err(CacheError::Open { at: at.to_owned(), mode: metadata.mode() & 0o777 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::plugin::fixture::engine;

    const CODE: &[u8] = b"some code";

    fn key(component: u8) -> Key {
        Key::new(engine().wasmtime(), [component; 32])
    }

    /// A cache with [`CODE`] in it, and the file it is in.
    fn filled() -> (TempDir, Cache, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::below(directory.path());
        cache.put(&key(1), &TrustedCode::compiled(CODE.to_vec()));
        let file = cache.folder.join(key(1).file_name());
        (directory, cache, file)
    }

    fn is_found(cache: &Cache) -> bool {
        cache.get(&key(1)).is_some_and(|code| code.code() == CODE)
    }

    fn set_mode(at: &Path, mode: u32) {
        fs::set_permissions(at, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_kept_is_found_by_its_key_alone() {
        let (_directory, cache, _) = filled();
        assert!(is_found(&cache));
        assert!(cache.get(&key(2)).is_none());
    }

    #[test]
    fn folder_and_files_are_closed_to_others() {
        let (_directory, cache, file) = filled();
        assert_eq!(fs::metadata(&cache.folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_taken_from_or_put_into_a_folder_that_is_open_to_others() {
        for mode in [0o755, 0o770, 0o701] {
            let (_directory, cache, file) = filled();
            set_mode(&cache.folder, mode);
            assert!(!is_found(&cache), "mode {mode:o}");
            fs::remove_file(&file).unwrap();
            cache.put(&key(1), &TrustedCode::compiled(CODE.to_vec()));
            assert!(!file.exists(), "mode {mode:o}");
        }
    }

    #[test]
    fn a_file_that_others_may_write_is_not_taken() {
        let (_directory, cache, file) = filled();
        set_mode(&file, 0o620);
        assert!(!is_found(&cache));
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let (_directory, cache, file) = filled();
        let User(id) = User::current(&cache.folder).unwrap();
        let other = User(id + 1);
        let refused = other.check(&fs::metadata(&file).unwrap(), OTHERS_WRITE, &file);
        assert!(matches!(refused, Err(CacheError::Foreign(_))), "{refused:?}");
    }

    #[test]
    fn a_damaged_file_is_not_taken_and_is_replaced() {
        let (_directory, cache, file) = filled();
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert!(!is_found(&cache));
        cache.put(&key(1), &TrustedCode::compiled(CODE.to_vec()));
        assert!(is_found(&cache));
    }

    #[test]
    fn a_file_under_the_name_of_another_plugin_is_not_taken() {
        let (_directory, cache, file) = filled();
        fs::rename(file, cache.folder.join(key(2).file_name())).unwrap();
        assert!(cache.get(&key(2)).is_none());
    }

    #[test]
    fn a_place_that_cannot_be_used_costs_nothing_but_the_time() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FOLDER), "a file").unwrap();
        for place in [directory.path(), Path::new("/proc/nowhere")] {
            let cache = Cache::below(place);
            cache.put(&key(1), &TrustedCode::compiled(CODE.to_vec()));
            assert!(cache.get(&key(1)).is_none());
        }
    }
}

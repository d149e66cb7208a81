//! The file of a plugin, before anything is compiled.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::LoadProblem;

/// Language runtimes make components of some 20 MiB; more is a mistake.
const MAX_BYTES: u64 = 64 << 20;
/// The bytes of a component, as pinned.
pub(super) fn read(path: &Path, pin: Option<&str>) -> Result<Vec<u8>, LoadProblem> {
    let bytes = read_capped(path)?;
    if let Some(pin) = pin {
        let found = hex::encode(Sha256::digest(&bytes));
        if !pin.eq_ignore_ascii_case(&found) {
            return Err(LoadProblem::new(
                format!("the file's SHA-256 is not the pinned one: {} has {found}", path.display()),
                format!("if this file is the one you mean: sha256 = \"{found}\""),
            )
            .about("sha256"));
        }
    }
    Ok(bytes)
}

fn read_capped(path: &Path) -> Result<Vec<u8>, LoadProblem> {
    let unreadable = |error: std::io::Error| LoadProblem {
        key: "path",
        message: format!("cannot read {}: {error}", path.display()),
        hint: (error.kind() == std::io::ErrorKind::NotFound).then(|| {
            "relative paths start at the folder of the configuration file; `make plugins` builds the shipped ones"
                .into()
        }),
    };
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) {
        return Ok(bytes);
    }
    Err(LoadProblem::new(
        format!("{} is larger than {} MiB", path.display(), MAX_BYTES >> 20),
        "strip debug information (`strip = true` in the profile)",
    ))
}

//! The contract, as this binary was built with it: authors need no copy of the gateway's sources.

use std::path::Path;

use anyhow::Context;
use wit_parser::{PackageId, Resolve, SourceMap};

/// The files of `wit/`.
pub(super) const FILES: [(&str, &str); 5] = [
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("http.wit", include_str!("../../../../wit/http.wit")),
    ("capabilities.wit", include_str!("../../../../wit/capabilities.wit")),
    ("policies.wit", include_str!("../../../../wit/policies.wit")),
    ("worlds.wit", include_str!("../../../../wit/worlds.wit")),
];

/// The contract in this folder, or the binary's own.
///
/// # Errors
/// The folder holds no package of interface definitions.
pub(super) fn resolve(folder: Option<&Path>) -> anyhow::Result<(Resolve, PackageId)> {
    let mut resolve = Resolve::default();
    let package = match folder {
        Some(folder) => resolve.push_dir(folder).map(|(package, _)| package),
        None => own(&mut resolve),
    };
    let shown = folder.map_or_else(|| "the contract".to_owned(), |folder| folder.display().to_string());
    Ok((resolve, package.with_context(|| format!("{shown} cannot be read"))?))
}

fn own(resolve: &mut Resolve) -> anyhow::Result<PackageId> {
    let mut files = SourceMap::default();
    for (name, text) in FILES {
        files.push_str(name, text);
    }
    let group = files.parse().map_err(|(_, error)| anyhow::anyhow!("{error:?}"))?;
    resolve.push_group(group).map_err(anyhow::Error::from)
}

/// Writes the contract into a folder, for tool chains that want it as files.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    FILES.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_has_the_whole_contract() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (own, ours) = resolve(None).unwrap();
        let (read, theirs) = resolve(Some(&folder)).unwrap();
        let worlds = |resolve: &Resolve, package| {
            let names = resolve.packages.get(package).unwrap().worlds.keys();
            names.cloned().collect::<Vec<_>>()
        };
        assert_eq!(worlds(&own, ours), worlds(&read, theirs));
        assert!(worlds(&own, ours).contains(&"request-role".to_owned()));
    }
}

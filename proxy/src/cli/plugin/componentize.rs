//! `tidegate plugin componentize`: from a core module, as most compilers emit it, to a component of the contract.

use std::path::{Path, PathBuf};

use anyhow::Context;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::contract;

/// The adapter of this binary, by the name it has on the command line.
pub(super) const OWN_ADAPTER: &str = "wasi-stub";
const WASI_STUB: &str = include_str!("componentize/wasi-stub.wat");
/// The module that language runtimes import WASI from.
const PREVIEW1: &str = "wasi_snapshot_preview1";
/// The first eight bytes of a component.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

const EXAMPLES: &str = "\
Examples:
  tidegate plugin componentize policy.core.wasm --world request-role -o policy.wasm
  tidegate plugin componentize go.core.wasm --world request-role --adapt -o policy.wasm

A module whose tool chain wrote its world into it already (wit-bindgen does, for C and Rust) needs no --world.
Worlds: request-role, limit-role, response-role, exchange-role, body-role, balancer-role, observer-role, plugin. The last four
have no `http-client` and no `passwords`, since nobody waits for bodies, balancers and observers. Other combinations: --wit.";

/// What to make a component of, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ComponentizeArguments {
    /// The core module, in binary form or as text.
    core: PathBuf,
    /// The world it was written against; left out where the module says so itself.
    #[arg(long)]
    world: Option<String>,
    /// Where the component goes.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// A folder of interface definitions to take instead of the contract this gateway speaks.
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// Answer the WASI calls of a language runtime inside of the component: with files and streams that are not there, a
    /// clock that stands still and random numbers that are not random. A file takes the place of this adapter.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = OWN_ADAPTER)]
    adapt: Option<PathBuf>,
}

/// A component in the making.
pub(super) struct Parts<'a> {
    /// The core module.
    pub(super) core: &'a Path,
    /// None where the module names its world itself.
    pub(super) world: Option<&'a str>,
    /// None for the contract of this binary.
    pub(super) wit: Option<&'a Path>,
    /// What answers WASI.
    pub(super) adapter: Option<&'a Path>,
}

/// Makes the component the arguments ask for.
pub(super) fn main(arguments: &ComponentizeArguments) -> anyhow::Result<()> {
    let parts = Parts {
        core: &arguments.core,
        world: arguments.world.as_deref(),
        wit: arguments.wit.as_deref(),
        adapter: arguments.adapt.as_deref(),
    };
    let bytes = component(&parts)?;
    write(&arguments.output, &bytes)?;
    super::print(&format!("{}: {} bytes", arguments.output.display(), bytes.len()));
    Ok(())
}

/// The bytes of the component.
///
/// # Errors
/// A file cannot be read, or the module does not fit its world.
pub(super) fn component(parts: &Parts<'_>) -> anyhow::Result<Vec<u8>> {
    let shown = parts.core.display();
    let mut core = wat::parse_file(parts.core).with_context(|| format!("{shown} is no core module"))?;
    if core.starts_with(COMPONENT) {
        anyhow::bail!("{shown} is a component already\nhint: use it as it is");
    }
    if let Some(world) = parts.world {
        embed(&mut core, world, parts.wit)?;
    }
    let mut encoder = ComponentEncoder::default();
    let mut add = || -> anyhow::Result<Vec<u8>> {
        encoder.module(&core)?;
        if let Some(adapter) = parts.adapter {
            encoder.adapter(PREVIEW1, &adapter_bytes(adapter)?)?;
        }
        encoder.validate(true).encode()
    };
    add().map_err(|error| explained(&shown.to_string(), parts, &error))
}

fn embed(core: &mut Vec<u8>, world: &str, wit: Option<&Path>) -> anyhow::Result<()> {
    let (resolve, package) = contract::resolve(wit)?;
    let id = resolve.select_world(&[package], Some(world)).map_err(|_| {
        let known = resolve.packages.get(package).map(|package| package.worlds.keys().cloned().collect::<Vec<_>>());
        anyhow::anyhow!("there is no world {world:?}\nhint: one of {}", known.unwrap_or_default().join(", "))
    })?;
    embed_component_metadata(core, &resolve, id, StringEncoding::UTF8)
}

fn adapter_bytes(adapter: &Path) -> anyhow::Result<Vec<u8>> {
    if adapter == Path::new(OWN_ADAPTER) {
        return Ok(wat::parse_str(WASI_STUB)?);
    }
    wat::parse_file(adapter).with_context(|| format!("the adapter {} is no core module", adapter.display()))
}

fn explained(shown: &str, parts: &Parts<'_>, error: &anyhow::Error) -> anyhow::Error {
    let reason = format!("{error:#}").replace('\n', " ");
    let hint = match parts {
        _ if reason.contains(PREVIEW1) && parts.adapter.is_none() => {
            "its language runtime imports WASI, which no policy is given: answer it inside with --adapt"
        }
        Parts { world: None, .. } => {
            "where its tool chain did not write its world into it, name it: --world request-role"
        }
        _ => "its imports and exports must be those of the world, as the canonical ABI names them",
    };
    anyhow::anyhow!("{shown} does not become a component: {reason}\nhint: {hint}")
}

/// Renamed into place, so that a gateway that watches the file never reads half of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".plugin-").tempfile_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, world: Option<&str>, adapter: Option<&Path>) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let parts = Parts { core: file.path(), world, wit: None, adapter };
        component(&parts).unwrap_err().to_string()
    }

    #[test]
    fn a_module_that_lacks_what_its_world_exports_is_told_so() {
        let reason = refused("(module)", Some("request-role"), None);
        assert!(reason.contains("does not become a component") && reason.contains("\nhint: its imports"), "{reason}");
    }

    #[test]
    fn an_unknown_world_is_told_the_known_ones() {
        let reason = refused("(module)", Some("request"), None);
        assert!(reason.contains("there is no world \"request\"") && reason.contains("request-role"), "{reason}");
    }

    #[test]
    fn a_module_that_wants_wasi_is_told_of_the_adapter() {
        let wasi = "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32))))";
        assert!(refused(wasi, Some("request-role"), None).contains("--adapt"));
    }

    #[test]
    fn the_adapter_of_this_binary_is_a_core_module() {
        assert!(adapter_bytes(Path::new(OWN_ADAPTER)).unwrap().starts_with(b"\0asm\x01"));
    }
}

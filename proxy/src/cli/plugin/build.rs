//! `tidegate plugin build`: runs the tool chain of a language, and makes a component of what it emits.

mod recipe;

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;

use super::componentize::{self, OWN_ADAPTER, Parts};
use super::{EXIT_MISUSED, print, say};
use crate::config::project::Project;
use recipe::{Emits, Recipe};

/// As much of what a tool says is looked through for what it fails of.
const MOST_SAID: usize = 256 << 10;

const EXAMPLES: &str = "\
Examples:
  tidegate plugin build               the folder that this is
  tidegate plugin build my-policy     makes my-policy/dist/my-policy.wasm

plugin.toml in the folder says what language it is in (`tidegate plugin new` writes it).";

/// What to build.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BuildArguments {
    /// The folder with plugin.toml.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Builds the folder.
pub(super) fn main(arguments: &BuildArguments) -> anyhow::Result<ExitCode> {
    match Project::load(&arguments.folder) {
        Ok(project) => {
            let component = build(&project)?;
            print(&format!("{}: built", component.display()));
            Ok(ExitCode::SUCCESS)
        }
        Err(report) => {
            say(report.render(std::io::stderr().is_terminal()).trim_end());
            Ok(ExitCode::from(EXIT_MISUSED))
        }
    }
}

/// Builds the component of a project; what its tools say goes to standard error.
///
/// # Errors
/// A tool is missing or fails, or what it emitted does not become a component.
pub(in crate::cli) fn build(project: &Project) -> anyhow::Result<PathBuf> {
    let recipe = Recipe::of(project);
    let scratch = project.folder.join("build");
    std::fs::create_dir_all(&scratch).with_context(|| format!("{} cannot be made", scratch.display()))?;
    run(project, &recipe)?;
    let emitted = project.folder.join(&recipe.output);
    let bytes = match recipe.emits {
        Emits::Component => read(&emitted)?,
        Emits::Core { world, adapts } => {
            let wit = project.folder.join("wit");
            let adapter = adapts.then_some(Path::new(OWN_ADAPTER));
            let parts = Parts { core: &emitted, world, wit: Some(&wit), adapter };
            componentize::component(&parts)?
        }
    };
    let component = project.component();
    componentize::write(&component, &bytes)?;
    Ok(component)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("the tool chain left no {}", file.display()))
}

fn run(project: &Project, recipe: &Recipe) -> anyhow::Result<()> {
    let Some(tool) = recipe.tools.iter().find_map(|tool| tool.find(&project.folder)) else {
        let known: Vec<&str> = recipe.tools.iter().map(|tool| tool.name).collect();
        anyhow::bail!("{} needs {}\nhint: {}", project.language.word(), known.join(" or "), recipe.install);
    };
    let (program, before) = tool.split_first().context("a tool without a name")?;
    let unrun = || format!("{program} cannot be run");
    let mut tool = Command::new(program)
        .args(before)
        .args(&recipe.arguments)
        .envs(recipe.environment.iter().copied())
        .current_dir(&project.folder)
        .stdin(Stdio::null())
        // Standard output is the command's own.
        .stdout(std::io::stderr())
        .stderr(if recipe.when_it_fails.is_some() { Stdio::piped() } else { Stdio::inherit() })
        .spawn()
        .with_context(unrun)?;
    let said = tool.stderr.take().map(pass_on).unwrap_or_default();
    let status = tool.wait().with_context(unrun)?;
    if status.success() {
        return Ok(());
    }
    let advice = recipe.when_it_fails.as_ref().filter(|advice| advice.signs.iter().any(|sign| said.contains(sign)));
    let hint = advice.map(|advice| format!("\nhint: {}", advice.hint)).unwrap_or_default();
    Err(anyhow::anyhow!("{program} failed ({status}){hint}"))
}

/// Shows what a tool says while it says it; returns the beginning.
fn pass_on(mut from: impl Read) -> String {
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let new = piece.get(..length).unwrap_or_default();
        let _ = std::io::stderr().write_all(new);
        said.extend(new.iter().take(MOST_SAID.saturating_sub(said.len())));
    }
    String::from_utf8_lossy(&said).into_owned()
}

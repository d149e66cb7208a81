//! `tidegate plugin inspect`: what a component is, read off its bytes; nothing is compiled, or run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::print;
use crate::config::model::{Capability, Grants};
use crate::plugin::{Inspection, inspect};

const EXAMPLES: &str = "\
Examples:
  tidegate plugin inspect my-policy.wasm            for people, with the lines to paste into the configuration
  tidegate plugin inspect my-policy.wasm --json     for programs

Exit code 1: the component cannot be loaded by this gateway; the reasons are told.";

/// Which component to look at.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArguments {
    /// The component.
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Tells what the file is.
pub(super) fn main(arguments: &InspectArguments) -> anyhow::Result<ExitCode> {
    let file = &arguments.file;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let found = inspect(&bytes).map_err(|problem| {
        let hint = problem.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        anyhow::anyhow!("{} {}{hint}", file.display(), problem.message)
    })?;
    print(&if arguments.json { json(file, &found).to_string() } else { text(file, &found) });
    let fits = found.problems(found.grants).is_empty();
    Ok(if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(file: &Path, found: &Inspection) -> String {
    let none = || "none".to_owned();
    let mut lines = vec![
        file.display().to_string(),
        row("size", &format!("{} bytes", found.bytes)),
        row("sha256", &found.sha256),
        row("contract", &found.contract.clone().unwrap_or_else(none)),
        row("roles", &listed(&found.roles.names())),
        row("takes", if found.configuration { "a configuration" } else { "no configuration" }),
    ];
    if found.roles.decides_on_requests() || found.roles.response {
        lines.push(row("decides", decides(found)));
    }
    let own = found.imports.iter().filter(|import| !found.runtime_imports.contains(import));
    lines.extend(rows("imports", own));
    lines.extend(rows("runtime", found.runtime_imports.iter()));
    lines.extend(rows("exports", found.exports.iter()));
    lines.push(String::new());
    lines.push(section(file, found.grants));
    for problem in found.problems(found.grants) {
        lines.push(format!("error: it {}", problem.message));
        lines.extend(problem.hint.map(|hint| format!("hint: {hint}")));
    }
    lines.join("\n").trim_end().to_owned()
}

/// By what it decides, as far as what it imports tells.
fn decides(found: &Inspection) -> &'static str {
    if found.decides_by_reading() {
        "by what it reads alone: its decisions are remembered (limits.decisions)"
    } else {
        "by more than what it reads: it is called for each message"
    }
}

fn row(label: &str, value: &str) -> String {
    format!("  {label:<10}{value}")
}

/// One line for each value, the label before the first.
fn rows<'v>(label: &str, values: impl Iterator<Item = &'v String>) -> Vec<String> {
    values.enumerate().map(|(index, value)| row(if index == 0 { label } else { "" }, value)).collect()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// What an operator pastes into the configuration. What nobody but they can know is left to be filled in, and refused until
/// it is.
fn section(file: &Path, grants: Grants) -> String {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-")).unwrap_or_default();
    let asks = grants.has(Capability::HttpClient);
    let upstreams = if asks { "upstreams = [\"...\"] # those it may ask, by name\n" } else { "" };
    let grants: Vec<String> = grants.iter().map(|capability| format!("{:?}", capability.name())).collect();
    let path = file.display().to_string();
    format!(
        "[[plugin]]\nname = {name:?}\npath = {path:?}\ngrants = [{grants}]\n{upstreams}\n\
         [[policy]]\nname = {name:?}\nplugin = {name:?}\n",
        grants = grants.join(", ")
    )
}

fn json(file: &Path, found: &Inspection) -> serde_json::Value {
    let problems = found.problems(found.grants);
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| serde_json::json!({ "message": problem.message, "hint": problem.hint }))
        .collect();
    serde_json::json!({
        "file": file,
        "bytes": found.bytes,
        "sha256": found.sha256,
        "contract": found.contract,
        "roles": found.roles.names(),
        "configuration": found.configuration,
        "decides_by_reading": found.decides_by_reading(),
        "grants": found.grants.iter().map(|capability| capability.name()).collect::<Vec<_>>(),
        "imports": found.imports,
        "runtime_imports": found.runtime_imports,
        "exports": found.exports,
        "problems": problems,
    })
}

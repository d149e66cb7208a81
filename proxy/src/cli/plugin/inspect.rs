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
    lines.extend(rows("optional", found.optional_grants.iter().map(optional).collect::<Vec<_>>().iter()));
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

/// What a grant is for that only its language's runtime may want.
fn optional(capability: Capability) -> String {
    let asked = if capability == Capability::Clock { "the time" } else { "random numbers" };
    format!(
        "the grant {:?}: its runtime may ask for {asked}, and a call in which it does traps without it",
        capability.name()
    )
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
    let path = file.display().to_string();
    format!(
        "[[plugin]]\nname = {name:?}\npath = {path:?}\ngrants = {grants}\n{upstreams}\n\
         [[policy]]\nname = {name:?}\nplugin = {name:?}\n"
    )
}

fn json(file: &Path, found: &Inspection) -> serde_json::Value {
    let problems = found.problems(found.grants);
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| serde_json::json!({ "message": problem.message, "hint": problem.hint }))
        .collect();
    let names = |grants: Grants| grants.iter().map(Capability::name).collect::<Vec<_>>();
    serde_json::json!({
        "file": file,
        "bytes": found.bytes,
        "sha256": found.sha256,
        "contract": found.contract,
        "roles": found.roles.names(),
        "configuration": found.configuration,
        "decides_by_reading": found.decides_by_reading(),
        "grants": names(found.grants),
        "optional_grants": names(found.optional_grants),
        "imports": found.imports,
        "runtime_imports": found.runtime_imports,
        "exports": found.exports,
        "problems": problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::fixture::Fixture;

    const CLOCK: &str = "(import \"wasi:clocks/wall-clock@0.2.6\" \"now\" (func $now (param i32)))";
    const RANDOM: &str = "(import \"wasi:random/random@0.2.6\" \"get-random-u64\" (func $random (result i64)))";

    fn found(fixture: &Fixture) -> Inspection {
        inspect(&fixture.build()).unwrap()
    }

    #[test]
    fn a_grant_that_only_the_runtime_may_want_is_shown_beside_those_to_paste() {
        let found = found(&Fixture::starting("").raw_import(CLOCK).raw_import(RANDOM));
        let shown = text(Path::new("it.wasm"), &found);
        let lines = "  optional  the grant \"clock\": its runtime may ask for the time, and a call in which it does traps without it\n\
                     \x20           the grant \"random\": its runtime may ask for random numbers, and ";
        assert!(shown.contains(lines), "{shown}");
        assert!(shown.contains("grants = []\n"), "{shown}");
        let json = json(Path::new("it.wasm"), &found);
        assert_eq!(json["optional_grants"], serde_json::json!(["clock", "random"]));
        assert_eq!((&json["grants"], &json["problems"]), (&serde_json::json!([]), &serde_json::json!([])));
    }

    #[test]
    fn a_grant_that_the_policy_needs_itself_is_not_optional() {
        let asks = Fixture::starting("").raw_import(CLOCK).import("clock", "now-ms", "(func (result i64))");
        let found = found(&asks);
        assert_eq!(found.grants, Grants::from_iter([Capability::Clock]));
        assert_eq!(found.optional_grants, Grants::default());
        assert!(!text(Path::new("it.wasm"), &found).contains("optional"));
    }
}

//! `tidegate plugin test`: holds a plugin to tables of cases.

mod junit;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::compare::{Difference, contradiction, differences};
use super::outcome::shown;
use super::trial::{self, Terms, Trial};
use super::{EXIT_MISUSED, print, say};
use crate::config::cases::{self, Case, CaseTable};
use crate::config::model::InstanceMode;

const EXAMPLES: &str = "\
Examples:
  tidegate plugin test .                                        cases.toml and *.cases.toml of this folder
  tidegate plugin test cases.toml --plugin other.wasm           the same cases for another component
  tidegate plugin test . --filter key --junit report.xml        some of them, and a report for a CI server

A table:
  plugin = \"policy.wasm\"
  [[consumer]]
  name = \"alice\"
  keys = [\"alice-key\"]
  [[case]]
  name = \"a known key passes\"
  request = { target = \"/items\", headers = { apikey = \"alice-key\" } }
  expect = { decision = \"forward\", consumer = \"alice\" }

Cases run in order, on one clock that is moved by `after`, and on one set of counters. A policy whose decisions the
gateway would remember is asked twice, and has to decide the same; one with `limit-policy` is asked once, since to ask
it again is to count again. --reference shows every key.

Exit codes: 0 all cases pass, 1 one fails or the plugin does not load, 2 a table is wrong.";

/// Which cases to run.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct TestArguments {
    /// A table, or a folder of tables.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The component to try, instead of the one the table names.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Tell only of cases whose name has this in it. The others run too, since state lives through a table.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print a table with every key, explained, and run nothing.
    #[arg(long)]
    reference: bool,
    /// Write a report in the form that CI servers read.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// A table, with what its cases came to.
struct Run {
    file: String,
    results: Vec<CaseResult>,
}

struct CaseResult {
    name: String,
    line: usize,
    took: std::time::Duration,
    differences: Vec<Difference>,
}

/// Runs the cases.
pub(super) fn main(arguments: &TestArguments) -> anyhow::Result<ExitCode> {
    if arguments.reference {
        print(cases::REFERENCE.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let files = tables(&arguments.path)?;
    let mut read = Vec::new();
    let mut wrong = false;
    for file in files {
        match cases::load(&file) {
            Ok(table) => read.push((file, table)),
            Err(report) => {
                say(report.render(std::io::stderr().is_terminal()).trim_end());
                wrong = true;
            }
        }
    }
    if wrong {
        return Ok(ExitCode::from(EXIT_MISUSED));
    }
    let runs = read.iter().map(|(file, table)| run(file, table, arguments)).collect::<anyhow::Result<Vec<_>>>()?;
    anyhow::ensure!(
        runs.iter().any(|run| !run.results.is_empty()),
        "no case has {:?} in its name",
        arguments.filter.as_deref().unwrap_or_default()
    );
    tell(&runs);
    if let Some(file) = &arguments.junit {
        std::fs::write(file, junit::report(&runs)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let failed = runs.iter().flat_map(|run| &run.results).any(|result| !result.differences.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The tables that a path stands for.
fn tables(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_table = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name == "cases.toml" || name.ends_with(".cases.toml")
    };
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_table).collect();
    files.sort();
    anyhow::ensure!(
        !files.is_empty(),
        "there is no table of cases in {}\nhint: cases.toml, or a name that ends in .cases.toml",
        path.display()
    );
    Ok(files)
}

fn run(file: &Path, table: &CaseTable, arguments: &TestArguments) -> anyhow::Result<Run> {
    let plugin = arguments.plugin.as_ref().or(table.plugin.as_ref()).with_context(|| {
        format!("{} names no plugin\nhint: add `plugin = \"policy.wasm\"`, or name it with --plugin", file.display())
    })?;
    let mut trial = Trial::load(plugin, Terms::of_table(table, InstanceMode::Reused), trial::kept())?;
    let results = table.cases.iter().map(|case| try_case(&mut trial, case)).collect::<anyhow::Result<Vec<_>>>()?;
    let is_meant = |result: &CaseResult| arguments.filter.as_ref().is_none_or(|text| result.name.contains(text));
    Ok(Run { file: file.display().to_string(), results: results.into_iter().filter(is_meant).collect() })
}

fn try_case(trial: &mut Trial, case: &Case) -> anyhow::Result<CaseResult> {
    if case.fresh {
        trial.start_over();
    }
    let question = trial.question_of(case)?;
    let outcome = trial.ask(&case.config, &question);
    let mut differences = differences(&case.expect, &outcome);
    if trial.would_remember(&outcome) {
        differences.extend(contradiction(&outcome, &trial.ask(&case.config, &question)));
    }
    Ok(CaseResult { name: case.name.clone(), line: case.line, took: outcome.took, differences })
}

fn tell(runs: &[Run]) {
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for run in runs {
        print(&run.file);
        for result in &run.results {
            print(&one(run, result, color));
        }
    }
    print(&totals(runs));
}

fn one(run: &Run, result: &CaseResult, color: bool) -> String {
    if result.differences.is_empty() {
        return format!("  {}  {}", paint("ok  ", GREEN, color), result.name);
    }
    let head = format!("  {}  {} ({}:{})", paint("FAIL", RED, color), result.name, run.file, result.line);
    std::iter::once(head).chain(difference_lines(&result.differences, color)).collect::<Vec<_>>().join("\n")
}

const RED: &str = "31";
const GREEN: &str = "32";

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// What was expected with `-`, what was found with `+`, under the key that is meant.
fn difference_lines(differences: &[Difference], color: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for Difference { label, missing, found } in differences {
        lines.push(format!("        {label}: - expected, + found"));
        let shown = |value: &String| if value.is_empty() { "\"\"".to_owned() } else { shown(value) };
        let missing = missing.iter().map(|value| paint(&format!("- {}", shown(value)), RED, color));
        let found = found.iter().map(|value| paint(&format!("+ {}", shown(value)), GREEN, color));
        lines.extend(missing.chain(found).map(|line| format!("          {line}")));
    }
    lines
}

fn totals(runs: &[Run]) -> String {
    let results = || runs.iter().flat_map(|run| &run.results);
    let (all, failed) = (results().count(), results().filter(|result| !result.differences.is_empty()).count());
    let cases = if all == 1 { "case" } else { "cases" };
    format!("{all} {cases}: {} passed, {failed} failed", all - failed)
}

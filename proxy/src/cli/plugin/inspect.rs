//! `tidegate plugin inspect`: what a component is, read off its bytes; nothing is compiled, or run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::file::unreadable;
use super::{print, runtime};
use crate::config::model::{Capability, Grants};
use crate::plugin::{ImageProspect, Inspection, image_prospect, inspect};

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
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    let found = inspect(&bytes).map_err(|problem| {
        let hint = problem.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        anyhow::anyhow!("{} {}{hint}", file.display(), problem.message)
    })?;
    let image = image_prospect(&bytes, &found);
    print(&if arguments.json { json(file, &found, &image).to_string() } else { text(file, &found, &image) });
    let fits = found.problems(found.grants).is_empty();
    Ok(if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(file: &Path, found: &Inspection, image: &ImageProspect) -> String {
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
    lines.push(row("image", &imaged(image)));
    let own = found.imports.iter().filter(|import| !found.runtime_imports.contains(import));
    lines.extend(rows("imports", own));
    lines.extend(rows("runtime", found.runtime_imports.iter()));
    lines.extend(rows("optional", found.optional_grants.iter().map(optional).collect::<Vec<_>>().iter()));
    lines.extend(rows("exports", found.exports.iter()));
    lines.extend(rows("unused", found.unused_exports.iter()));
    lines.push(String::new());
    lines.push(section(file, found));
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

/// Whether instances that serve one call each can start configured; the admin API tells of a policy whether they do.
fn imaged(image: &ImageProspect) -> String {
    match image {
        ImageProspect::Possible => "possible: with `instances = \"per-request\"` they start configured".to_owned(),
        ImageProspect::Unless(reason) => format!("possible, unless {reason}"),
        ImageProspect::Impossible(reason) => format!("none: {reason}; each instance is configured by itself"),
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
fn section(file: &Path, found: &Inspection) -> String {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-")).unwrap_or_default();
    let grants = found.grants;
    let asks = grants.has(Capability::HttpClient);
    let upstreams = if asks { "upstreams = [\"...\"] # those it may ask, by name\n" } else { "" };
    let path = file.display().to_string();
    let (compile, limits) = of_size(found.bytes);
    format!(
        "{compile}[[plugin]]\nname = {name:?}\npath = {path:?}\ngrants = {grants}\n{upstreams}{limits}\n\
         [[policy]]\nname = {name:?}\nplugin = {name:?}\n"
    )
}

/// What the size of a component tells that the defaults do not give it: time to compile, and memory for its instances.
fn of_size(bytes: usize) -> (String, String) {
    if bytes < runtime::LARGE {
        return (String::new(), String::new());
    }
    let why = format!(
        "# A component of {} MiB has the runtime of its language in it. That takes longer to compile than the default\n\
         # allows, and its heap grows over the default of limits.memory.\n",
        bytes >> 20
    );
    (format!("{why}{}\n", runtime::COMPILE), format!("\n{}", runtime::limits(runtime::MEMORY)))
}

fn json(file: &Path, found: &Inspection, image: &ImageProspect) -> serde_json::Value {
    let problems = found.problems(found.grants);
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| serde_json::json!({ "message": problem.message, "hint": problem.hint }))
        .collect();
    let (possible, reason) = match image {
        ImageProspect::Possible => (true, None),
        ImageProspect::Unless(reason) => (true, Some(*reason)),
        ImageProspect::Impossible(reason) => (false, Some(reason.as_str())),
    };
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
        "image": { "possible": possible, "reason": reason },
        "imports": found.imports,
        "runtime_imports": found.runtime_imports,
        "exports": found.exports,
        "unused_exports": found.unused_exports,
        "problems": problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::plugin::fixture::Fixture;

    const CLOCK: &str = "(import \"wasi:clocks/wall-clock@0.2.6\" \"now\" (func $now (param i32)))";
    const RANDOM: &str = "(import \"wasi:random/random@0.2.6\" \"get-random-u64\" (func $random (result i64)))";

    /// Both forms of what is shown.
    fn shown(fixture: &Fixture) -> (String, serde_json::Value) {
        let (file, bytes) = (Path::new("it.wasm"), fixture.build());
        let found = inspect(&bytes).unwrap();
        let image = image_prospect(&bytes, &found);
        (text(file, &found, &image), json(file, &found, &image))
    }

    #[test]
    fn a_grant_that_only_the_runtime_may_want_is_shown_beside_those_to_paste() {
        let (shown, json) = shown(&Fixture::starting("").raw_import(CLOCK).raw_import(RANDOM));
        let lines = "  optional  the grant \"clock\": its runtime may ask for the time, and a call in which it does traps without it\n\
                     \x20           the grant \"random\": its runtime may ask for random numbers, and ";
        assert!(shown.contains(lines), "{shown}");
        assert!(shown.contains("grants = []\n"), "{shown}");
        assert_eq!(json["optional_grants"], serde_json::json!(["clock", "random"]));
        assert_eq!((&json["grants"], &json["problems"]), (&serde_json::json!([]), &serde_json::json!([])));
    }

    #[test]
    fn a_grant_that_the_policy_needs_itself_is_not_optional() {
        let asks = Fixture::starting("").raw_import(CLOCK).import("clock", "now-ms", "(func (result i64))");
        let (shown, json) = shown(&asks);
        assert_eq!(json["grants"], serde_json::json!(["clock"]));
        assert_eq!(json["optional_grants"], serde_json::json!([]));
        assert!(!shown.contains("optional"), "{shown}");
    }

    #[test]
    fn what_keeps_a_component_from_having_an_image_is_told() {
        let image = |fixture: &Fixture| {
            let (shown, json) = shown(fixture);
            let row = shown.lines().find_map(|line| line.strip_prefix("  image     ")).unwrap().to_owned();
            (row, json["image"]["possible"].as_bool().unwrap())
        };
        let (row, possible) = image(&Fixture::request("(i32.const 0)"));
        assert!(possible && row.starts_with("possible: with `instances"), "{row}");
        let (row, possible) = image(&Fixture::starting("").raw_import(CLOCK));
        assert!(possible && row.starts_with("possible, unless the runtime of its language takes handles"), "{row}");
        let (row, possible) = image(&Fixture::new("bare").on_request("(unreachable)"));
        assert!(!possible && row.starts_with("none: the plugin takes no configuration"), "{row}");
        let (row, possible) = image(
            &Fixture::request("(i32.const 0)")
                .raw_export("(table (export \"t\") 1 funcref) (func (table.set (i32.const 0) (ref.null func)))"),
        );
        assert!(!possible && row.starts_with("none: unsupported `table.set`"), "{row}");
    }

    #[test]
    fn a_component_that_is_too_large_for_an_image_is_told_so() {
        let mut bytes = Fixture::request("(i32.const 0)").build();
        // A custom section of nothing, named "x": 9 MiB, as a LEB128 of four bytes.
        bytes.extend([0, 0x80, 0x80, 0xc0, 0x04, 1, b'x']);
        bytes.resize(bytes.len() + (9 << 20) - 2, 0);
        let found = inspect(&bytes).unwrap();
        let expected = ImageProspect::Impossible("the component is larger than 8 MiB".to_owned());
        assert_eq!(image_prospect(&bytes, &found), expected);
    }

    fn loaded(bytes: usize) -> config::model::Config {
        let component = wat::parse_str("(component)").unwrap();
        let found = Inspection { bytes, ..inspect(&component).unwrap() };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tidegate.toml");
        let rest = "[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n\
            [[upstream]]\nname = \"all\"\n[[upstream.endpoint]]\naddress = \"127.0.0.1:9\"\n\
            [[route]]\nname = \"all\"\nupstream = \"all\"\n";
        std::fs::write(&file, rest.to_owned() + &section(Path::new("gate.wasm"), &found)).unwrap();
        config::load(&file).unwrap_or_else(|report| panic!("{}", report.render(false))).config
    }

    #[test]
    fn the_lines_for_a_component_with_a_runtime_give_it_time_and_memory_beyond_the_defaults() {
        let (small, large) = (loaded(3 << 20), loaded(12 << 20));
        assert_eq!(large.server.compile.timeout, std::time::Duration::from_secs(60));
        assert!(small.server.compile.timeout < large.server.compile.timeout);
        let memory = |config: &config::model::Config| config.plugins.first().unwrap().limits.memory;
        assert_eq!((memory(&small), memory(&large)), (config::default_limits().memory, 64 << 20));
    }
}

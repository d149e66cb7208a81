//! `tidegate plugin`: what authors of plugins work with, on the host that production runs.

mod ask;
mod bench;
pub(super) mod build;
mod compare;
mod componentize;
mod contract;
mod file;
mod inspect;
mod new;
mod outcome;
mod run;
mod runtime;
mod test;
mod trial;

use std::process::ExitCode;

use clap::Subcommand;

use super::{print, say};

/// A table of cases is wrong.
const EXIT_MISUSED: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  tidegate plugin new --lang rust my-policy
  tidegate plugin build my-policy
  tidegate plugin inspect my-policy.wasm
  tidegate plugin test .
  tidegate plugin run my-policy.wasm --request 'GET /items' -H 'apikey: alice-key' --consumer alice=alice-key
  tidegate plugin bench my-policy.wasm
  tidegate plugin componentize core.wasm --world request-role -o my-policy.wasm

Each command has its own --help with examples.
Exit codes: 0 all is well, 1 the plugin is not right, 2 the command or a table of cases was misused.";

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum PluginCommand {
    /// Make a folder to begin with: a small policy, its cases, and the contract.
    New(new::NewArguments),
    /// Build the component of a folder.
    Build(build::BuildArguments),
    /// Say what a component is: its roles, what it imports, and what has to be granted.
    Inspect(inspect::InspectArguments),
    /// Hold a plugin to tables of cases.
    Test(test::TestArguments),
    /// Put one request, response or choice to a plugin, and show what it decides.
    Run(run::RunArguments),
    /// Measure a plugin: a call, an instance, its memory.
    Bench(bench::BenchArguments),
    /// Make a component of a core module.
    Componentize(componentize::ComponentizeArguments),
}

/// Runs the command.
pub(super) fn main(command: &PluginCommand) -> ExitCode {
    let done = match command {
        PluginCommand::New(arguments) => new::main(arguments).map(|()| ExitCode::SUCCESS),
        PluginCommand::Build(arguments) => build::main(arguments),
        PluginCommand::Inspect(arguments) => inspect::main(arguments),
        PluginCommand::Test(arguments) => test::main(arguments),
        PluginCommand::Run(arguments) => run::main(arguments),
        PluginCommand::Bench(arguments) => bench::main(arguments),
        PluginCommand::Componentize(arguments) => componentize::main(arguments).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        say(&format!("tidegate: {error:#}"));
        ExitCode::FAILURE
    })
}

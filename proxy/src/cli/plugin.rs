//! `tidegate plugin`: what authors of plugins work with, on the host that production runs.

mod componentize;
mod contract;

use std::process::ExitCode;

use clap::Subcommand;

use super::{print, say};

const EXAMPLES: &str = "\
Examples:
  tidegate plugin componentize core.wasm --world request-role -o my-policy.wasm

Exit codes: 0 all is well, 1 the plugin is not right, 2 the command or a table of cases was misused.";

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum PluginCommand {
    /// Make a component of a core module.
    Componentize(componentize::ComponentizeArguments),
}

/// Runs the command.
pub(super) fn main(command: &PluginCommand) -> ExitCode {
    let done = match command {
        PluginCommand::Componentize(arguments) => componentize::main(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("tidegate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

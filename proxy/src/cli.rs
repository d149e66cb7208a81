//! The command line.
//!
//! Exit codes: 0 all is well, 1 the configuration is wrong or the gateway could not start, 2 the command was misused.

pub mod check;
mod consumer;
pub mod demo;
mod dev;
pub mod plugin;
pub mod policy;
pub mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::observe::log::LogFormat;
use crate::plugin::compile::child::inside::{self, CompileArguments};

/// An edge gateway whose policies are sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, long_about = None, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tidegate demo                      three sample instances and a gateway before them, ready to try
  tidegate check tidegate.toml       is this file right? what is wrong with it, all of it, with line and hint
  tidegate policy list               which policies come with the gateway; `tidegate policy show NAME` explains one
  tidegate plugin new --lang rust x  a plugin to begin with; `tidegate plugin --help` shows how to build and test it
  tidegate dev -c tidegate.toml      serve, and build plugins anew when their sources change
  tidegate consumer add alice        a client by name; `tidegate consumer key alice` gives it an API key
  tidegate run -c tidegate.toml      serve; the file and its plugins are watched and reloaded while traffic flows
  kill -HUP PID                      reload now

Exit codes: 0 all is well, 1 the configuration is wrong or the gateway could not start, 2 the command was misused.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the configuration in a file.
    Run(RunArguments),
    /// Say whether a configuration is right, and everything that is wrong with it.
    ///
    /// Does what start and reload do, up to the moment of serving: plugins are compiled, their imports are held against
    /// their grants, and their configuration is given to them.
    Check {
        /// The configuration file.
        file: PathBuf,
    },
    /// Start three sample instances and a gateway before them, with keys, a limit and a balancer in force.
    Demo(demo::DemoArguments),
    /// Serve like `run`, and build plugins anew whenever their sources change.
    ///
    /// A plugin whose file lies in a folder with a plugin.toml (`tidegate plugin new` makes one) is built at the start and
    /// after every save; the new component is then reloaded while traffic flows. Where it does not build, what the tool
    /// says is shown, and the last one serves on. Example: tidegate dev -c tidegate.toml; in a folder that `tidegate plugin
    /// new` made: tidegate dev --sample
    Dev(dev::DevArguments),
    /// Write, build, test and measure plugins.
    #[command(subcommand)]
    Plugin(Box<plugin::PluginCommand>),
    /// Say which policies come with the gateway, and how each is configured.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Keep the file of consumers: who they are, and what they prove it with.
    ///
    /// The file is the one the configuration names: [consumers] file = "consumers.toml". A gateway that runs takes over
    /// each change at once. Every command writes the file as a whole or not at all, readable by its owner only, and leaves
    /// comments as they are.
    Consumer(consumer::ConsumerArguments),
    /// Compile the component on standard input, for a gateway that started this.
    #[command(hide = true)]
    CompilePlugin(CompileArguments),
}

/// How to serve.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArguments {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "tidegate.toml", env = "TIDEGATE_CONFIG")]
    pub config: PathBuf,
    /// Print one JSON line per listener to standard output once it accepts, then {"ready":true}.
    #[arg(long)]
    pub ready_json: bool,
    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogArguments,
}

/// What is logged, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct LogArguments {
    /// What is logged: error, warn, info, debug, trace, or a filter such as "info,tidegate::upstream=debug".
    #[arg(long, value_name = "FILTER", default_value = "info", env = "TIDEGATE_LOG")]
    pub log: String,
    /// The form of log lines, on standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Runs the command the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run(run) => run::main(&run),
        Command::Check { file } => return check::main(&file),
        Command::Demo(demo) => demo::main(&demo),
        Command::Dev(dev) => dev::main(&dev),
        Command::Plugin(command) => return plugin::main(&command),
        Command::Policy(command) => policy::main(&command),
        Command::Consumer(arguments) => consumer::main(&arguments),
        Command::CompilePlugin(limits) => return inside::main(limits),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("tidegate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for the person at the terminal, on standard error; where nobody can read it, it is lost.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A line of the command's own output.
fn print(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

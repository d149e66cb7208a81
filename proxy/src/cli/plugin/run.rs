//! `tidegate plugin run`: one question, one decision.

use std::process::ExitCode;

use super::ask::{AskArguments, Asked, nobody_there};
use super::print;
use super::trial::{self, Verdict};
use crate::config::model::InstanceMode;

const EXAMPLES: &str = "\
Examples:
  tidegate plugin run policy.wasm --request 'GET /items' -H 'apikey: alice-key' --consumer alice=alice-key
  tidegate plugin run policy.wasm --config '{\"header\":\"x-key\"}' --json
  tidegate plugin run tagger.wasm --response 200 --response-header 'content-type: text/html'
  tidegate plugin run balancer.wasm --endpoint 10.0.0.1:80,latency_us=900 --endpoint 10.0.0.2:80,latency_us=300
  tidegate plugin run policy.wasm --cases cases.toml --case 'a known key'

Every capability is granted, and no upstream can be asked; a case of a table says by itself what there is.
Exit code 1: the plugin failed, refuses its configuration, or does not have the role that is asked.";

/// Which plugin to ask, and what.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArguments {
    #[command(flatten)]
    ask: AskArguments,
    /// Print one JSON object, in the words of `expect` in a table of cases.
    #[arg(long)]
    json: bool,
}

/// Asks, and tells the decision.
pub(super) fn main(arguments: &RunArguments) -> anyhow::Result<ExitCode> {
    let Asked { mut trial, question, config, file, .. } = arguments.ask.prepare(InstanceMode::Reused, trial::kept())?;
    let outcome = trial.ask(&config, &question);
    if let Verdict::Unasked(missing) = outcome.verdict {
        return Err(nobody_there(&file, missing));
    }
    print(&if arguments.json { outcome.json().to_string() } else { outcome.text() });
    let failed = matches!(outcome.verdict, Verdict::Failed(_) | Verdict::Misconfigured(_));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

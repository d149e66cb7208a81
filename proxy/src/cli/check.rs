//! `tidegate check`: everything start and reload would say, without serving.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::{print, say};
use crate::config;
use crate::config::problem::Report;
use crate::snapshot::{Refresh, Snapshot};

/// Checks one file.
pub(super) fn main(file: &Path) -> ExitCode {
    match check(file) {
        Ok(summary) => {
            print(&format!("{}: {summary}", file.display()));
            ExitCode::SUCCESS
        }
        Err(report) => {
            say(report.render(std::io::stderr().is_terminal()).trim_end());
            ExitCode::FAILURE
        }
    }
}

fn check(file: &Path) -> Result<String, Report> {
    let loaded = Arc::new(config::load(file)?);
    let runtime = super::run::control_runtime().map_err(|error| Report::message(error.to_string()))?;
    let process = super::run::process(runtime.handle().clone().into(), &loaded.config)
        .map_err(|error| Report::message(error.to_string()))?;
    let snapshot = Snapshot::build(&process, loaded, None, Refresh::Check)?;
    let config = &snapshot.loaded.config;
    let counts = [
        counted(config.listeners.len(), "listener", "listeners"),
        counted(config.routes.len(), "route", "routes"),
        counted(snapshot.upstreams.len(), "upstream", "upstreams"),
        counted(snapshot.policies.len(), "policy", "policies"),
        counted(snapshot.plugins.len(), "plugin", "plugins"),
    ];
    Ok(format!("ok: {}", counts.join(", ")))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

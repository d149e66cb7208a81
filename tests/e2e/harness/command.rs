//! The `tidegate` command, run to its end.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::wait::{LONG_START, PATIENCE, within_time};

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Fails the test where an expected part of the message is missing.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in:\n{}", self.stderr);
        }
        self
    }
}

/// The binary under test. What it compiles is kept among the build's own files, not in the developer's folder.
pub(crate) fn tidegate() -> Command {
    settled(Command::new(env!("CARGO_BIN_EXE_tidegate")))
}

/// The same, started by a shell that lets programs have few open files.
pub(crate) fn tidegate_with_few_files() -> Command {
    tidegate_under("-Sn 256")
}

/// The same, started by a shell that gives programs this limit first.
pub(crate) fn tidegate_under(limit: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit {limit} && exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_tidegate"));
    settled(shell)
}

fn settled(mut command: Command) -> Command {
    command.stdin(Stdio::null()).kill_on_drop(true).env("NO_COLOR", "1");
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).env_remove("CACHE_DIRECTORY");
    command
}

/// Runs the binary with these arguments until it ends.
pub(crate) async fn run(arguments: &[&str]) -> Finished {
    let mut command = tidegate();
    command.args(arguments);
    finished(&arguments.join(" "), command).await
}

/// The same for what compiles a language runtime of many megabytes.
pub(crate) async fn run_long(arguments: &[&str]) -> Finished {
    let mut command = tidegate();
    command.args(arguments);
    finished_within(LONG_START, &arguments.join(" "), command).await
}

/// Runs a command that was prepared until it ends.
pub(crate) async fn finished(what: &str, command: Command) -> Finished {
    finished_within(PATIENCE, what, command).await
}

/// The same for one that may take so long.
pub(crate) async fn finished_within(patience: Duration, what: &str, mut command: Command) -> Finished {
    let output = within_time(patience, &format!("`tidegate {what}` to end"), command.output()).await;
    let output = output.expect("the binary can be run");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `tidegate check FILE`.
pub(crate) async fn check(file: &Path) -> Finished {
    run(&["check", &file.display().to_string()]).await
}

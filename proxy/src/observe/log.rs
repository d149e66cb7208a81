//! The program's own log, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line a human reads; in colours on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error(
        "log filter `{filter}`: {source}\nhint: a level such as `info`, or levels by module: `info,tidegate::plugin=debug`"
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Something in this process has set up a log before.
    #[error("the log is already set up")]
    AlreadySet,
}

/// Sets up the log of the whole process; called once, first.
///
/// The libraries below write through `log`; only their warnings and errors are taken, because Pingora tells each
/// connection it sees at lower levels.
///
/// # Errors
/// The filter does not parse, or the log was set up before.
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let filter = parse(filter)?;
    let colours = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = match format {
        LogFormat::Text => tracing::subscriber::set_global_default(builder.with_ansi(colours).finish()),
        LogFormat::Json => {
            tracing::subscriber::set_global_default(builder.json().flatten_event(true).with_ansi(false).finish())
        }
    };
    set.map_err(|_| LogError::AlreadySet)?;
    let bridge = tracing_log::LogTracer::builder().with_max_level(::log::LevelFilter::Warn).init();
    bridge.map_err(|_| LogError::AlreadySet)
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder().parse(filter).map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_does_not_parse_says_so_with_a_hint() {
        let error = parse("info,tidegate=loud").unwrap_err().to_string();
        assert!(error.starts_with("log filter `info,tidegate=loud`: "), "{error}");
        assert!(error.contains("\nhint: "), "{error}");
    }

    #[test]
    fn levels_by_module_are_a_filter() {
        assert!(parse("warn,tidegate::plugin=debug").is_ok());
    }
}

//! The language as a whole: examples, bad inputs, the reference, hostile texts.

mod golden;
mod hostile;
mod loading;
mod reference;
mod running;

use std::path::{Path, PathBuf};

use super::Loaded;
use super::model::Config;
use super::problem::Report;

/// The shortest text that loads.
const MINIMAL: &str = include_str!("../../../config/minimal.toml");
const REFERENCE: &str = include_str!("../../../config/reference.toml");

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn parse(text: &str) -> Result<Loaded, Report> {
    super::parse("test.toml", Path::new("/etc/tidegate"), text)
}

fn config(text: &str) -> Config {
    parse(text).unwrap_or_else(|report| panic!("{}", report.render(false))).config
}

/// The minimal configuration with more behind it.
fn minimal_and(more: &str) -> Config {
    config(&format!("{MINIMAL}\n{more}"))
}

fn refused(text: &str) -> Report {
    parse(text).expect_err("it should be refused")
}

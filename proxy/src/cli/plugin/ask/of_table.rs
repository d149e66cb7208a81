//! The question that a case of a table asks.

use std::path::Path;

use anyhow::Context;

use super::{AskArguments, Asked};
use crate::cli::plugin::trial::{Terms, Trial};
use crate::config::cases::{self, Case, CaseTable};
use crate::config::model::InstanceMode;
use crate::plugin::compile::Compilation;

impl AskArguments {
    pub(super) fn of_case(
        &self,
        file: &Path,
        wanted: &str,
        instances: InstanceMode,
        compilation: Compilation,
    ) -> anyhow::Result<Asked> {
        let mut table = cases::load(file).map_err(|report| anyhow::anyhow!("{}", report.render(false).trim_end()))?;
        table.limits = self.limits(table.limits)?;
        let mut trial = Trial::load(&self.file, Terms::of_table(&table, instances), compilation)?;
        let case = named(&table, wanted).with_context(|| format!("--case {wanted:?} of {}", file.display()))?;
        let question = trial.question_of(case)?;
        Ok(Asked { trial, question, config: case.config.clone(), limits: table.limits, file: self.file.clone() })
    }
}

/// The one case whose name has this in it, or is this.
fn named<'t>(table: &'t CaseTable, wanted: &str) -> anyhow::Result<&'t Case> {
    if let Some(exact) = table.cases.iter().find(|case| case.name == wanted) {
        return Ok(exact);
    }
    let fitting: Vec<_> = table.cases.iter().filter(|case| case.name.contains(wanted)).collect();
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => Err(told("there is no such case; these there are", &table.cases.iter().collect::<Vec<_>>())),
        several => Err(told("several cases are called so", several)),
    }
}

fn told(what: &str, cases: &[&Case]) -> anyhow::Error {
    let names = cases.iter().map(|case| format!("\n  {}", case.name)).collect::<String>();
    anyhow::anyhow!("{what}:{names}")
}

//! `tidegate policy`: the reference of the policies that come with the gateway.

mod index;
mod page;
mod shelf;

use anyhow::bail;
use clap::Subcommand;

use super::print;
use crate::config::nearest;
use shelf::{SHELF, Shelved};

const EXAMPLES: &str = "\
Examples:
  tidegate policy list
  tidegate policy show rate-limit
  tidegate policy show rate-limit --schema > rate-limit.schema.json   for editors that complete and check TOML";

/// What to say of the policies.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum PolicyCommand {
    /// Name each of them, with what it is for.
    List {
        /// As a page of links, with what other gateways call what is here: the text of plugins/README.md.
        #[arg(long)]
        markdown: bool,
    },
    /// Explain one: an example, every key, what it refuses, and what it is called elsewhere.
    Show {
        /// Its name.
        name: String,
        /// Print the JSON Schema of its configuration instead.
        #[arg(long)]
        schema: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// There is no policy of this name.
pub(super) fn main(command: &PolicyCommand) -> anyhow::Result<()> {
    match command {
        PolicyCommand::List { markdown } => {
            print(if *markdown { index::text() } else { list() }.trim_end());
        }
        PolicyCommand::Show { name, schema } => {
            let found = find(name)?;
            print(if *schema { found.schema.to_owned() } else { page::of(found) }.trim_end());
        }
    }
    Ok(())
}

fn find(name: &str) -> anyhow::Result<&'static Shelved> {
    if let Some(found) = SHELF.iter().find(|shelved| shelved.name == name) {
        return Ok(found);
    }
    match nearest(name, SHELF.iter().map(|shelved| shelved.name)) {
        Some(near) => bail!("no policy is called \"{name}\"\nhint: \"{near}\" is; `tidegate policy list` names all"),
        None => bail!("no policy is called \"{name}\"\nhint: `tidegate policy list` names all"),
    }
}

fn list() -> String {
    let width = SHELF.iter().map(|shelved| shelved.name.len()).max().unwrap_or_default();
    SHELF.iter().map(|shelved| format!("{:width$}  {}\n", shelved.name, shelved.summary())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_each_policy_with_what_it_is_for() {
        let list = list();
        assert_eq!(list.lines().count(), SHELF.len());
        assert!(list.contains("rate-limit") && list.lines().all(|line| line.ends_with('.')), "{list}");
    }

    #[test]
    fn a_mistyped_name_is_told_with_the_nearest() {
        let error = find("rate-limt").unwrap_err().to_string();
        assert!(error.contains("hint: \"rate-limit\" is"), "{error}");
    }
}

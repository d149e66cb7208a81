//! `tidegate plugin new`: a folder to begin with.

mod templates;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::{contract, print};
use crate::config::project::Language;
use templates::Template;

const EXAMPLES: &str = "\
Examples:
  tidegate plugin new --lang rust my-policy
  cd my-policy && tidegate plugin build && tidegate plugin test

The folder has the contract, a small policy, a gateway to try it with (tidegate dev --sample), and a
table of cases one of which fails until you make your first change.";

/// What to write, and where.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct NewArguments {
    /// Name of the plugin, and of the folder that is made for it.
    name: PathBuf,
    /// What to write it in.
    #[arg(long, value_name = "LANGUAGE", value_enum)]
    lang: Language,
}

impl ValueEnum for Language {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    /// The word of JavaScript is short, and its whole name is understood too.
    fn to_possible_value(&self) -> Option<PossibleValue> {
        let word = PossibleValue::new(self.word());
        Some(if *self == Self::JavaScript { word.alias("javascript") } else { word })
    }
}

/// Writes the folder.
pub(super) fn main(arguments: &NewArguments) -> anyhow::Result<()> {
    let folder = &arguments.name;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 64 && name.chars().all(legal);
    anyhow::ensure!(
        is_name,
        "{name:?} is no name of a plugin\nhint: lower-case letters, digits and `-`, as in my-policy"
    );
    anyhow::ensure!(!folder.exists(), "{} is there already\nhint: choose another name", folder.display());
    write(folder, name, arguments.lang).with_context(|| format!("{} cannot be written", folder.display()))?;
    let shown = folder.display();
    print(&format!(
        "\
{shown}: a policy to begin with

  cd {shown}
  tidegate plugin build
  tidegate plugin test      one case fails; cases.toml says how to make it pass
  tidegate dev --sample     a gateway with the policy"
    ));
    Ok(())
}

/// What a folder of this language holds.
pub(super) fn write(folder: &Path, name: &str, language: Language) -> anyhow::Result<()> {
    let template = Template::of(language);
    for (path, text) in templates::SHARED.iter().chain(template.files) {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
        std::fs::write(file, template.filled(text, name, language))?;
    }
    contract::write(&folder.join("wit/deps/gateway"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::project::Project;
    use crate::config::{self, cases};

    #[test]
    fn a_language_goes_by_its_word_and_javascript_by_its_name_too() {
        for expected in Language::ALL {
            assert_eq!(Language::from_str(expected.word(), false), Ok(expected));
        }
        assert_eq!(Language::from_str("javascript", false), Ok(Language::JavaScript));
        assert!(Language::from_str("pyhton", false).is_err());
    }

    #[test]
    fn what_is_written_is_read_by_the_other_commands() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path().join("my-policy");
            write(&folder, "my-policy", language).unwrap();
            let project = Project::load(&folder).unwrap_or_else(|report| panic!("{}", report.render(false)));
            assert_eq!((project.name.as_str(), project.language), ("my-policy", language));
            let table = cases::load(&folder.join("cases.toml"));
            let table = table.unwrap_or_else(|report| panic!("{}", report.render(false)));
            assert_eq!(table.plugin, Some(project.component()));
            let gateway = config::load(&folder.join("tidegate.toml"));
            let gateway = gateway.unwrap_or_else(|report| panic!("{}", report.render(false))).config;
            let plugin = gateway.plugins.first().unwrap();
            assert_eq!((&plugin.path, plugin.limits.memory), (&project.component(), table.limits.memory));
            let has_runtime = matches!(language, Language::JavaScript | Language::Python);
            assert_eq!(gateway.server.compile.timeout.as_secs(), if has_runtime { 60 } else { 10 });
            let (resolve, package) = contract::resolve(Some(&folder.join("wit"))).unwrap();
            assert!(resolve.select_world(&[package], Some("policy")).is_ok());
            for file in std::fs::read_dir(&folder).unwrap() {
                let path = file.unwrap().path();
                let text = if path.is_file() { std::fs::read_to_string(&path).unwrap() } else { String::new() };
                let holes =
                    ["name", "lang", "source", "rows", "role", "needs", "notes", "limits", "runtime", "compile"];
                let mut holes = holes.into_iter().chain(["plugin-limits"]);
                let is_filled = |hole| !text.contains(&format!("{{{{{hole}}}}}"));
                assert!(holes.all(is_filled), "{}", path.display());
            }
        }
    }
}

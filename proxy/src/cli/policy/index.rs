//! `plugins/README.md`: all policies, and where to find what other gateways call otherwise.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::shelf::SHELF;

const HEAD: &str = "\
# Policies that come with the gateway

Each is a plugin in this folder: a WebAssembly component on the public contract ([`wit/`](../wit/README.md)), with nothing a plugin of
yours could not do. `tidegate policy show NAME` explains one in the terminal, `config/examples/NAME.toml` is a whole file to start from.

| Policy | What it does |
| --- | --- |
";

const ELSEWHERE: &str = "
## Coming from another gateway

";

/// The text of the file. A test holds the file to it; `UPDATE_REFERENCE=1 cargo test -p tidegate policy` writes it anew.
pub(super) fn text() -> String {
    let mut text = HEAD.to_owned();
    for shelved in SHELF {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| [`{0}`]({0}/README.md) | {1} |", shelved.name, shelved.summary());
    }
    text.push_str(ELSEWHERE);
    for (product, rows) in by_product() {
        let _ = writeln!(text, "### {product}\n\n| There | Policy | Here |\n| --- | --- | --- |");
        for (there, name, here) in rows {
            let _ = writeln!(text, "| {there} | [`{name}`]({name}/README.md) | {here} |");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

type Row = (&'static str, &'static str, &'static str);

/// A row begins with the name of the product, and says what is called how there.
fn by_product() -> BTreeMap<&'static str, Vec<Row>> {
    let mut found = BTreeMap::<_, Vec<Row>>::new();
    for shelved in SHELF {
        for (there, here) in shelved.elsewhere() {
            let (product, rest) = there.split_once(' ').unwrap_or((there, there));
            found.entry(product).or_default().push((rest, shelved.name, here));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn folder() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins"))
    }

    #[test]
    fn the_index_says_what_the_pages_say() {
        let file = folder().join("README.md");
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(&file, text()).unwrap();
        }
        let hint = "`UPDATE_REFERENCE=1 cargo test -p tidegate policy` rewrites plugins/README.md";
        assert!(std::fs::read_to_string(file).unwrap_or_default() == text(), "{hint}");
    }

    #[test]
    fn no_plugin_is_missing() {
        let mut there: Vec<_> = std::fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|folder| folder.join("Cargo.toml").exists())
            .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        there.sort();
        let mut shelved: Vec<_> = SHELF.iter().map(|shelved| shelved.name).collect();
        shelved.sort_unstable();
        assert_eq!(shelved, there, "`shelf!` in cli/policy/shelf.rs names them");
    }

    #[test]
    fn every_policy_says_what_it_is_called_elsewhere() {
        let silent: Vec<_> = SHELF.iter().filter(|it| it.elsewhere().next().is_none()).map(|it| it.name).collect();
        assert!(silent.is_empty(), "no table `| There | Here |` in the README of {silent:?}");
    }

    #[test]
    fn the_products_are_the_known_ones() {
        let known = ["APISIX", "Envoy", "HAProxy", "Kong", "NGINX", "Traefik"];
        let unknown: Vec<_> = by_product().into_keys().filter(|product| !known.contains(product)).collect();
        assert!(unknown.is_empty(), "rows that begin with none of {known:?}: {unknown:?}");
    }
}

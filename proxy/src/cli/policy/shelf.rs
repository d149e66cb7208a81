//! What is written about each policy, in the sources of its plugin.

/// A policy that comes with the gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelved {
    /// The name of its plugin.
    pub(super) name: &'static str,
    /// Its README.
    pub(super) readme: &'static str,
    /// The JSON Schema of its configuration.
    pub(super) schema: &'static str,
}

macro_rules! shelf {
    ($($name:literal),* $(,)?) => {
        /// All of them, by what they are for.
        pub(super) const SHELF: &[Shelved] = &[$(Shelved {
            name: $name,
            readme: include_str!(concat!("../../../../plugins/", $name, "/README.md")),
            schema: include_str!(concat!("../../../../plugins/", $name, "/schema.json")),
        }),*];
    };
}

shelf![
    "api-key",
    "basic-auth",
    "client-certificate",
    "jwt",
    "hmac-auth",
    "forward-auth",
    "rate-limit",
    "concurrency-limit",
    "request-size",
    "ip-restriction",
    "acl",
    "cors",
    "bot-rules",
    "headers",
    "rewrite",
    "redirect",
    "security-headers",
    "correlation-id",
    "mock",
    "json-body",
    "least-latency",
    "sticky-cookie",
    "canary",
    "zone-aware",
];

impl Shelved {
    /// What it is for: the first sentence of its README.
    pub(super) fn summary(&self) -> String {
        let mut paragraphs = self.readme.split("\n\n").filter(|paragraph| !paragraph.trim_start().starts_with('#'));
        let paragraph = paragraphs.next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        match paragraph.split_once(". ") {
            Some((first, _)) => format!("{first}."),
            None => paragraph,
        }
    }

    /// What it, or a part of it, is called elsewhere, and here: the rows of the tables that say so.
    pub(super) fn elsewhere(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let mut is_inside = false;
        self.readme.lines().filter_map(cells).filter(move |(there, here)| {
            let is_head = matches!(*there, "Coming from" | "There");
            is_inside = is_head || is_inside && *there != "Key" && *here != "Default";
            is_inside && !is_head && !there.starts_with("--")
        })
    }
}

/// The two cells of a row of a table that has two.
fn cells(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (there, here) = line.strip_prefix('|')?.strip_suffix('|')?.split_once(" |")?;
    (!here.contains(" | ")).then_some((there.trim(), here.trim_start_matches('|').trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_policy_is_for_is_one_short_sentence() {
        for shelved in SHELF {
            let summary = shelved.summary();
            assert!(summary.ends_with('.') && (20..160).contains(&summary.len()), "{}: {summary}", shelved.name);
        }
    }

    #[test]
    fn names_elsewhere_are_read_off_the_tables_that_have_them() {
        let shelved = Shelved {
            name: "x",
            readme: "# x\n\nDoes x.\n\n| Key | Default |\n| --- | --- |\n| `a` | 1 |\n\n| There | Here |\n| --- | --- |\n| Kong `y` | `a` |\n",
            schema: "{}",
        };
        assert_eq!(shelved.elsewhere().collect::<Vec<_>>(), [("Kong `y`", "`a`")]);
    }
}

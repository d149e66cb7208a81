//! What new folders hold, by language.

use crate::cli::plugin::runtime::{self, Runtime};
use crate::config::project::Language;

/// A file's path and its text, with `{{...}}` to be filled in.
type File = (&'static str, &'static str);

/// In every folder.
pub(super) const SHARED: [File; 6] = [
    ("plugin.toml", include_str!("../templates/shared/plugin.toml")),
    ("tidegate.toml", include_str!("../templates/shared/tidegate.toml")),
    ("cases.toml", include_str!("../templates/shared/cases.toml")),
    ("README.md", include_str!("../templates/shared/README.md")),
    (".gitignore", include_str!("../templates/shared/gitignore")),
    ("wit/world.wit", include_str!("../templates/shared/world.wit")),
];

const RUST: [File; 2] = [
    ("Cargo.toml", include_str!("../templates/rust/Cargo.toml")),
    ("src/lib.rs", include_str!("../templates/rust/lib.rs.txt")),
];

const C: [File; 4] = [
    ("policy.c", include_str!("../templates/c/policy.c")),
    ("generate.sh", include_str!("../templates/c/generate.sh")),
    ("generated/gate.c", include_str!("../../../../../plugins/examples/c/generated/gate.c")),
    ("generated/gate.h", include_str!("../../../../../plugins/examples/c/generated/gate.h")),
];

const GO: [File; 3] = [
    ("policy.go", include_str!("../templates/go/policy.go")),
    ("abi.go", include_str!("../templates/go/abi.go")),
    ("go.mod", include_str!("../templates/go/go.mod")),
];

const JAVASCRIPT: [File; 2] = [
    ("policy.js", include_str!("../templates/javascript/policy.js")),
    ("package.json", include_str!("../templates/javascript/package.json")),
];

const PYTHON: [File; 1] = [("app.py", include_str!("../templates/python/app.py"))];

const ASSEMBLYSCRIPT: [File; 4] = [
    ("policy.ts", include_str!("../templates/assemblyscript/policy.ts")),
    ("abi.ts", include_str!("../../../../../plugins/examples/assemblyscript/abi.ts")),
    ("exports.mjs", include_str!("../../../../../plugins/examples/assemblyscript/exports.mjs")),
    ("package.json", include_str!("../templates/assemblyscript/package.json")),
];

/// What only the README of a folder in Rust says.
const SDK: &str = "
## With the SDK

This folder stands alone: its bindings are made by `wit-bindgen`. Tidegate's SDK for Rust has typed roles, what serde refuses told with
its place, and a host for `cargo test`. It is on no registry, but in Tidegate's sources, and comes in by `git` or by `path`:
`plugin-sdk/README.md` there has a `Cargo.toml` and a `src/lib.rs` to put in the place of these. `wit/` is not needed then;
everything else here stays as it is.
";

/// What sets one language apart.
pub(super) struct Template {
    pub(super) files: &'static [File],
    source: &'static str,
    needs: &'static str,
    /// What its README says beside.
    notes: &'static str,
    /// What the component has inside, where that wants more than the gateway gives by default.
    runtime: Option<Runtime>,
}

impl Template {
    pub(super) fn of(language: Language) -> Self {
        match language {
            Language::Rust => Self {
                files: &RUST,
                source: "src/lib.rs",
                needs: "Rust, and once `rustup target add wasm32-unknown-unknown`",
                notes: SDK,
                runtime: None,
            },
            Language::C => Self {
                files: &C,
                source: "policy.c",
                needs: "clang with wasi-libc and lld, or Zig; `CC` names another compiler",
                notes: "",
                runtime: None,
            },
            Language::Go => {
                Self { files: &GO, source: "policy.go", needs: "Go 1.24 or newer", notes: "", runtime: None }
            }
            Language::JavaScript => Self {
                files: &JAVASCRIPT,
                source: "policy.js",
                needs: "Node.js, and once `npm install` in this folder",
                notes: "",
                runtime: Some(runtime::SPIDERMONKEY),
            },
            Language::Python => Self {
                files: &PYTHON,
                source: "app.py",
                needs: "Python 3, and once `python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1` in this folder",
                notes: "",
                runtime: Some(runtime::CPYTHON),
            },
            Language::AssemblyScript => Self {
                files: &ASSEMBLYSCRIPT,
                source: "policy.ts",
                needs: "Node.js, and once `npm install` in this folder",
                notes: "",
                runtime: None,
            },
        }
    }

    /// The text with everything filled in.
    pub(super) fn filled(&self, text: &str, name: &str, language: Language) -> String {
        let wanted = |what: fn(&Runtime) -> String| self.runtime.as_ref().map(what).unwrap_or_default();
        text.replace("{{name}}", name)
            .replace("{{lang}}", language.word())
            .replace("{{source}}", self.source)
            .replace("{{needs}}", self.needs)
            .replace("{{notes}}", self.notes)
            .replace("{{limits}}", &wanted(Runtime::limits_of_cases))
            .replace("{{runtime}}", &wanted(Runtime::explained))
            .replace("{{compile}}", &wanted(Runtime::compile))
            .replace("{{plugin-limits}}", &wanted(Runtime::limits))
    }
}

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
const SDK: &str = include_str!("../templates/rust/sdk.md");

/// What sets one language apart.
pub(super) struct Template {
    pub(super) files: &'static [File],
    source: &'static str,
    /// Rows of the README's table for files of this language.
    rows: &'static str,
    /// What another role takes, once it is exported.
    role: &'static str,
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
                rows: "",
                role: "write an `impl` of its `Guest` for `Policy`, as those that are there",
                needs: "Rust, and once `rustup target add wasm32-unknown-unknown`",
                notes: SDK,
                runtime: None,
            },
            Language::C => Self {
                files: &C,
                source: "policy.c",
                rows: "| `generated/` | bindings of the contract |\n\
                       | `generate.sh` | makes them anew after a change of `wit/world.wit` |\n",
                role: "add its name to the loop in `generate.sh`, run that, and write the functions that \
                       `generated/gate.h` declares",
                needs: "clang with wasi-libc and lld, or Zig; `CC` names another compiler",
                notes: "",
                runtime: None,
            },
            Language::Go => Self {
                files: &GO,
                source: "policy.go",
                rows: "| `abi.go` | the canonical ABI by hand |\n",
                role: "write its functions below a `//go:wasmexport` with the name in the contract, and its types in \
                       `abi.go`",
                needs: "Go 1.24 or newer",
                notes: "",
                runtime: None,
            },
            Language::JavaScript => Self {
                files: &JAVASCRIPT,
                source: "policy.js",
                rows: "",
                role: "export an object of its name, `responsePolicy`, with its functions",
                needs: "Node.js, and once `npm install` in this folder",
                notes: "",
                runtime: Some(runtime::SPIDERMONKEY),
            },
            Language::Python => Self {
                files: &PYTHON,
                source: "app.py",
                rows: "",
                role: "write a class of its name, `ResponsePolicy(exports.ResponsePolicy)`",
                needs: "Python 3, and once `python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1` in this folder",
                notes: "",
                runtime: Some(runtime::CPYTHON),
            },
            Language::AssemblyScript => Self {
                files: &ASSEMBLYSCRIPT,
                source: "policy.ts",
                rows: "| `abi.ts` | the canonical ABI by hand |\n\
                       | `exports.mjs` | gives exports the names of the contract |\n",
                role: "export its functions, name them in `exports.mjs`, and write its types as those in `abi.ts`",
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
            .replace("{{rows}}", self.rows)
            .replace("{{role}}", self.role)
            .replace("{{needs}}", self.needs)
            .replace("{{notes}}", self.notes)
            .replace("{{limits}}", &wanted(Runtime::limits_of_cases))
            .replace("{{runtime}}", &wanted(Runtime::explained))
            .replace("{{compile}}", &wanted(Runtime::compile))
            .replace("{{plugin-limits}}", &wanted(Runtime::limits))
    }
}

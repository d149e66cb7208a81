//! How each language is built.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::config::project::{Language, Project};

/// The world that `plugin new` writes.
const WORLD: &str = "policy";

/// One run of a tool chain.
pub(super) struct Recipe {
    /// The first of these that is there is taken.
    pub(super) tools: Vec<Tool>,
    /// How to get one.
    pub(super) install: &'static str,
    pub(super) arguments: Vec<String>,
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// What it leaves, in the project's folder.
    pub(super) output: PathBuf,
    pub(super) emits: Emits,
    pub(super) when_it_fails: Option<Advice>,
}

/// What helps where a tool fails for a frequent reason and does not name it well.
pub(super) struct Advice {
    /// It says one of these then.
    pub(super) signs: &'static [&'static str],
    pub(super) hint: &'static str,
}

/// What a tool chain emits.
pub(super) enum Emits {
    /// A finished component.
    Component,
    /// A core module: of this world, or of one that it names itself; with a runtime that wants WASI.
    Core { world: Option<&'static str>, adapts: bool },
}

/// A program, and what stands before its arguments.
pub(super) struct Tool {
    /// What a person calls it.
    pub(super) name: &'static str,
    command: Vec<String>,
}

impl Tool {
    fn new(command: &[&'static str]) -> Self {
        let name = command.first().copied().unwrap_or_default();
        Self { name, command: command.iter().map(|part| (*part).to_owned()).collect() }
    }

    /// The command to run, where the program is there: a path below the folder, or a name in `PATH`.
    pub(super) fn find(&self, folder: &Path) -> Option<Vec<String>> {
        let program = self.command.first()?;
        if program.contains('/') {
            let below = std::path::absolute(folder.join(program)).ok().filter(|file| file.is_file())?;
            let rest = self.command.iter().skip(1).cloned();
            return Some(std::iter::once(below.display().to_string()).chain(rest).collect());
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file()).then(|| self.command.clone())
    }
}

impl Recipe {
    pub(super) fn of(project: &Project) -> Self {
        match project.language {
            Language::Rust => rust(&project.name, std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from)),
            Language::C => c(),
            Language::Go => go(),
            Language::JavaScript => javascript(),
            Language::Python => python(),
            Language::AssemblyScript => assemblyscript(),
        }
    }
}

fn words(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

/// `shared` is where the author lets cargo keep what it compiles, for several projects; else it is kept in the folder.
fn rust(name: &str, shared: Option<PathBuf>) -> Recipe {
    let file = format!("{}.wasm", name.replace('-', "_"));
    let shared = shared.filter(|folder| !folder.as_os_str().is_empty());
    let own = if shared.is_none() { "--target-dir target" } else { "" };
    let target = shared.unwrap_or_else(|| "target".into());
    Recipe {
        tools: vec![Tool::new(&["cargo"])],
        install: "https://rustup.rs",
        // `rustc` and not `build`, since what stands after `--` is added to the author's own flags, whereas RUSTFLAGS would
        // replace them. rustc's own stack has 1 MiB, which each instance would hold.
        arguments: words(&format!(
            "rustc --release --lib --target wasm32-unknown-unknown {own} -- -Clink-arg=-zstack-size=131072"
        )),
        output: target.join("wasm32-unknown-unknown/release").join(file),
        // The macro that makes the bindings also writes the world into the module.
        emits: Emits::Core { world: None, adapts: false },
        environment: in_color(),
        when_it_fails: Some(Advice {
            signs: &["can't find crate for `core`", "can't find crate for `std`"],
            hint: "rustup target add wasm32-unknown-unknown",
        }),
    }
}

/// Cargo does not see the terminal by itself, since what it says is read on the way there.
fn in_color() -> &'static [(&'static str, &'static str)] {
    let is_said = |name| std::env::var_os(name).is_some();
    let is_wanted = std::io::stderr().is_terminal() && !is_said("NO_COLOR") && !is_said("CARGO_TERM_COLOR");
    if is_wanted { &[("CARGO_TERM_COLOR", "always")] } else { &[] }
}

fn c() -> Recipe {
    let own = std::env::var("CC").ok().filter(|command| !command.trim().is_empty());
    let own = own.map(|command| Tool { name: "the compiler in CC", command: words(&command) });
    let usual = [Tool::new(&["clang"]), Tool::new(&["zig", "cc"])];
    Recipe {
        tools: own.into_iter().chain(usual).collect(),
        install: "apt-get install clang lld wasi-libc libclang-rt-dev-wasm32, or get Zig (pip install ziglang, then CC='python3 -m ziglang cc')",
        arguments: words(
            "--target=wasm32-wasi -mexec-model=reactor -std=c17 -Os -Wall -Wextra -Wno-unused-parameter \
             -Wl,--strip-all -Wl,-z,stack-size=131072 policy.c generated/gate.c -o build/policy.core.wasm",
        ),
        output: "build/policy.core.wasm".into(),
        emits: Emits::Core { world: Some(WORLD), adapts: true },
        environment: &[],
        when_it_fails: Some(Advice {
            signs: &["file not found", "libclang_rt", "crt1"],
            hint: "where headers or libclang_rt are missing: apt-get install wasi-libc libclang-rt-dev-wasm32",
        }),
    }
}

fn go() -> Recipe {
    Recipe {
        tools: vec![Tool::new(&["go"])],
        install: "https://go.dev/dl (1.24 or newer)",
        arguments: words("build -trimpath -buildvcs=false -ldflags=-s -buildmode=c-shared -o build/policy.core.wasm ."),
        output: "build/policy.core.wasm".into(),
        emits: Emits::Core { world: Some(WORLD), adapts: true },
        environment: &[("GOOS", "wasip1"), ("GOARCH", "wasm")],
        when_it_fails: None,
    }
}

fn javascript() -> Recipe {
    Recipe {
        tools: vec![Tool::new(&["node_modules/.bin/componentize-js"]), Tool::new(&["componentize-js"])],
        install: "npm install, in its folder",
        arguments: words(&format!(
            "policy.js --wit wit --world-name {WORLD} --disable stdio random clocks http fetch-event \
             --out build/policy.wasm"
        )),
        output: "build/policy.wasm".into(),
        emits: Emits::Component,
        environment: &[],
        when_it_fails: None,
    }
}

fn python() -> Recipe {
    Recipe {
        tools: vec![Tool::new(&[".venv/bin/componentize-py"]), Tool::new(&["componentize-py"])],
        install: "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1, in its folder",
        // The module must not have the name of the world: the tool generates a module of that name.
        arguments: words(&format!("--wit-path wit --world {WORLD} componentize --stub-wasi app -o build/policy.wasm")),
        output: "build/policy.wasm".into(),
        emits: Emits::Component,
        environment: &[],
        when_it_fails: None,
    }
}

fn assemblyscript() -> Recipe {
    Recipe {
        tools: vec![Tool::new(&["node_modules/.bin/asc"]), Tool::new(&["asc"])],
        install: "npm install, in its folder",
        arguments: words(
            "policy.ts --outFile build/policy.core.wasm --runtime stub --use abort= --transform ./exports.mjs \
             -Oz --converge --noAssert",
        ),
        output: "build/policy.core.wasm".into(),
        emits: Emits::Core { world: Some(WORLD), adapts: false },
        environment: &[],
        when_it_fails: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_keeps_what_it_compiles_where_its_author_says_or_else_in_the_folder() {
        for unset in [None, Some(PathBuf::new())] {
            let own = rust("my-policy", unset);
            assert!(own.arguments.contains(&"--target-dir".to_owned()));
            assert_eq!(own.output, Path::new("target/wasm32-unknown-unknown/release/my_policy.wasm"));
        }
        let shared = rust("my-policy", Some("/shared".into()));
        assert!(!shared.arguments.contains(&"--target-dir".to_owned()));
        assert_eq!(shared.output, Path::new("/shared/wasm32-unknown-unknown/release/my_policy.wasm"));
    }

    #[test]
    fn a_tool_of_the_folder_is_found_before_anything_in_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let tool = Tool::new(&["node_modules/.bin/asc"]);
        assert_eq!(tool.find(folder.path()), None);
        std::fs::create_dir_all(folder.path().join("node_modules/.bin")).unwrap();
        std::fs::write(folder.path().join("node_modules/.bin/asc"), "").unwrap();
        let found = tool.find(folder.path()).unwrap();
        assert!(Path::new(&found[0]).is_absolute() && found[0].ends_with("node_modules/.bin/asc"));
    }
}

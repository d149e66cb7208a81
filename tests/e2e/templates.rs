//! What `tidegate plugin new` writes, built by the tools of its language: all cases hold but the one to begin with.
//!
//! The tools are those that `plugins/examples/build.sh` keeps for the examples: a new folder wants the same releases.
//! Where they are missing a test says so and passes, unless `CI` is set.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::command::{finished_within, run, run_long, tidegate};
use crate::harness::guests;
use crate::harness::wait::LONG_START;

/// A folder that `tidegate plugin new` wrote.
struct Project {
    _scratch: TempDir,
    folder: PathBuf,
    environment: Vec<(String, OsString)>,
}

impl Project {
    async fn new(lang: &str) -> Self {
        let scratch = tempfile::tempdir().expect("a folder for temporary files");
        let folder = scratch.path().join("my-policy");
        let made = run(&["plugin", "new", "--lang", lang, &folder.display().to_string()]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        // What .ci/setup.sh installs where the system has no such tool, or an old one.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(guests::cache().join("bin")).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(path).expect("a path of folders");
        Self { _scratch: scratch, folder, environment: vec![("PATH".to_owned(), path)] }
    }

    /// With these variables for the tools.
    fn with(mut self, variables: impl IntoIterator<Item = (String, OsString)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Puts there what is somewhere else already.
    fn link(self, name: &str, to: &Path) -> Self {
        std::os::unix::fs::symlink(to, self.folder.join(name)).expect("a folder of our own");
        self
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).expect("a file of the new folder")
    }

    async fn builds_and_only_its_sample_case_fails(&self) {
        let folder = self.folder.display().to_string();
        let mut build = tidegate();
        build.args(["plugin", "build", &folder]).env_remove("XDG_CACHE_HOME");
        // The tools' own caches are those of the developer.
        build.envs(std::env::var_os("XDG_CACHE_HOME").map(|cache| ("XDG_CACHE_HOME", cache)));
        build.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let built = finished_within(LONG_START, "plugin build", build).await;
        assert_eq!(built.code, Some(0), "{}{}", built.stdout, built.stderr);

        let tested = run_long(&["plugin", "test", &folder]).await;
        assert_eq!(tested.code, Some(1), "{}{}", tested.stdout, tested.stderr);
        // Nothing stands between what is missing and the totals: it is all that the case failed by.
        for part in [
            "  FAIL  the upstream is told who let the request in (",
            "request: - expected, + found\n          - set x-let-in-by: my-policy\n4 cases: 3 passed, 1 failed\n",
        ] {
            assert!(tested.stdout.contains(part), "no {part:?} in:\n{}", tested.stdout);
        }
    }
}

fn text_of_example(language: &str, file: &str) -> String {
    let file = guests::root().join("plugins/examples").join(language).join(file);
    std::fs::read_to_string(file).expect("a file of the repository")
}

fn wanted_packages(manifest: &str) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(manifest).expect("JSON")["devDependencies"].clone()
}

/// A folder after its `npm install`: it wants the packages that the example in this language has.
async fn installed(lang: &str, language: &str) -> Option<Project> {
    let modules = format!("work/{language}/node_modules");
    let modules = guests::tools(language, &modules, "package-lock.json", "installed.json")?;
    let project = Project::new(lang).await;
    let wanted = wanted_packages(&project.text("package.json"));
    assert_eq!(wanted, wanted_packages(&text_of_example(language, "package.json")));
    assert!(project.text("README.md").contains("once `npm install` in this folder"));
    Some(project.link("node_modules", &modules))
}

/// What cargo has to be told on this machine.
async fn environment_of_cargo() -> Vec<(String, OsString)> {
    let mut script = Command::new(guests::root().join("plugins/build.sh"));
    script.arg("--environment");
    let told = finished_within(LONG_START, "build.sh --environment", script).await;
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.into()));
    told.stdout.lines().filter_map(pair).collect()
}

#[tokio::test]
async fn a_new_folder_in_rust_builds_and_only_its_sample_case_fails() {
    if guests::example("rust").is_none() {
        return;
    }
    let project = Project::new("rust").await.with(environment_of_cargo().await);
    // The releases that this checkout is held to: they are here, and those of tomorrow fail no test of today.
    std::fs::copy(guests::root().join("Cargo.lock"), project.folder.join("Cargo.lock")).expect("a folder of our own");
    // Crates that were compiled once are not compiled again.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-in-rust");
    std::fs::create_dir_all(&target).expect("a folder of the build");
    project.link("target", &target).builds_and_only_its_sample_case_fails().await;
}

#[tokio::test]
async fn a_new_folder_in_c_builds_and_only_its_sample_case_fails() {
    let Some(python) = guests::tools("c", "python-c", "requirements.txt", "requirements.txt") else { return };
    let compiler = format!("{} -m ziglang cc", python.join("bin/python").display());
    let compiler = [("CC".to_owned(), compiler.into())];
    Project::new("c").await.with(compiler).builds_and_only_its_sample_case_fails().await;
}

#[tokio::test]
async fn a_new_folder_in_go_builds_and_only_its_sample_case_fails() {
    if guests::example("go").is_some() {
        Project::new("go").await.builds_and_only_its_sample_case_fails().await;
    }
}

#[tokio::test]
async fn a_new_folder_in_javascript_builds_and_only_its_sample_case_fails() {
    if let Some(project) = installed("js", "javascript").await {
        project.builds_and_only_its_sample_case_fails().await;
    }
}

#[tokio::test]
async fn a_new_folder_in_assemblyscript_builds_and_only_its_sample_case_fails() {
    if let Some(project) = installed("assemblyscript", "assemblyscript").await {
        project.builds_and_only_its_sample_case_fails().await;
    }
}

#[tokio::test]
async fn a_new_folder_in_python_builds_and_only_its_sample_case_fails() {
    let Some(python) = guests::tools("python", "python-python", "requirements.txt", "requirements.txt") else { return };
    let project = Project::new("python").await;
    let pins = text_of_example("python", "requirements.txt");
    let pinned = pins.lines().find_map(|line| line.strip_prefix("componentize-py==")?.strip_suffix(" \\"));
    let install = format!(".venv/bin/pip install componentize-py=={}`", pinned.expect("a pinned tool"));
    assert!(project.text("README.md").contains(&install), "no {install:?} in README.md");
    project.link(".venv", &python).builds_and_only_its_sample_case_fails().await;
}

//! Compiling a plugin costs what it may, away from traffic, and once.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

use crate::harness::command::{Finished, check};
use crate::harness::gateway::replace;
use crate::harness::load::Load;
use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, guests, route, upstream};

/// A valid component of some KiB that keeps the compiler busy for minutes: every loop may leave to every other with every
/// local changed on the way.
fn bomb(size: usize) -> Vec<u8> {
    let steps: String = (0..size)
        .map(|at| {
            let (from, to, exit) = ((at * 7 + 1) % size, (at * 3 + 2) % size, at % (size - at));
            format!("local.get {at} local.get {from} i32.add local.set {to} local.get {at} br_if {exit} end\n")
        })
        .collect();
    let function = format!("(func (local{}) {}{steps})", " i32".repeat(size), "loop\n".repeat(size));
    let text = format!(
        "(component (core module {function}) (instance $none)
           (export \"tidegate:gateway/request-policy@0.1.0\" (instance $none)))"
    );
    wat::parse_str(text).expect("legal text")
}

fn limits(compile: &str) -> String {
    format!("[server.compile]\n{compile}\n")
}

/// A gateway without a plugin, and the rest of its file once it has the bomb for one.
async fn with_bomb(compile: &str, size: usize) -> (Gateway, Origin, String) {
    let origin = Origin::start().await;
    let plain = limits(compile) + &upstream("origin", &[&origin]) + &route("all", "origin", "");
    let setup = Setup::new(plain.clone());
    let file = setup.directory().join("bomb.wasm");
    std::fs::write(&file, bomb(size)).expect("a writable folder");
    (setup.start().await, origin, plain + &plugin("bomb", &file, ""))
}

#[tokio::test]
async fn a_plugin_that_takes_too_long_to_compile_is_refused_while_traffic_flows() {
    let (gateway, _origin, armed) = with_bomb("timeout = \"2s\"", 1000).await;
    let load = Load::start(gateway.address(), 8, Request::get("/"), |_| String::new());
    load.until_sent(50).await;
    let began = Instant::now();
    let refused = async { (gateway.reload_with(armed).await, began.elapsed()) };
    let ((report, took), ()) = tokio::join!(refused, load.until_sent(200));
    assert_eq!(report["outcome"], "rejected", "{report}");
    let told = report.to_string();
    assert!(told.contains("takes longer than 2s to compile") && told.contains("server.compile.timeout"), "{told}");
    assert!((2..10).contains(&took.as_secs()), "after {took:?}: alone it takes minutes");
    load.finish().await.is_flawless();
}

#[tokio::test]
async fn a_plugin_that_takes_too_much_memory_to_compile_is_refused() {
    let (gateway, _origin, armed) = with_bomb("timeout = \"60s\"\nmemory = \"256MiB\"", 4000).await;
    let report = gateway.reload_with(armed).await;
    assert_eq!(report["outcome"], "rejected", "{report}");
    let told = report.to_string();
    assert!(told.contains("takes more than 256.0 MiB of memory to compile"), "{told}");
    assert_eq!(gateway.get("/").await.status(), 200);
}

/// A configuration with one plugin, and a folder of its own for what is compiled.
struct Kept {
    directory: TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a folder for temporary files") }
    }

    /// Checks it with this much time to compile. One millisecond is never enough: then it was kept.
    async fn check(&self, timeout: &str) -> Finished {
        let plugin = plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]");
        let text = format!(
            "[server]\nstate_directory = \"state\"\n{}[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n\
             [[upstream]]\nname = \"none\"\n{plugin}{}",
            limits(&format!("timeout = \"{timeout}\"")),
            route("all", "none", "")
        );
        let file = self.directory.path().join("tidegate.toml");
        std::fs::write(&file, text).expect("a writable folder");
        check(&file).await
    }

    async fn is_kept(&self) -> bool {
        let checked = self.check("1ms").await;
        if checked.code != Some(0) {
            checked.says(&["takes longer than 1ms to compile", "server.compile.timeout"]);
        }
        checked.code == Some(0)
    }

    async fn compile(&self) {
        let checked = self.check("60s").await;
        assert_eq!(checked.code, Some(0), "{checked:?}");
    }

    fn folder(&self) -> PathBuf {
        self.directory.path().join("state/plugins")
    }

    /// The one file in it.
    fn file(&self) -> PathBuf {
        let mut files =
            std::fs::read_dir(self.folder()).expect("a folder").map(|entry| entry.expect("an entry").path());
        let file = files.next().expect("a file");
        assert_eq!(files.next(), None);
        file
    }
}

fn set_mode(at: &Path, mode: u32) {
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(mode)).expect("our own file");
}

#[tokio::test]
async fn a_plugin_is_compiled_once_for_all_starts() {
    let kept = Kept::new();
    assert!(!kept.is_kept().await);
    kept.compile().await;
    assert!(kept.is_kept().await);
}

#[tokio::test]
async fn kept_code_that_was_changed_is_not_run_but_compiled_anew() {
    let kept = Kept::new();
    kept.compile().await;
    let file = kept.file();
    let mut bytes = std::fs::read(&file).expect("a readable file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("a writable file");
    assert!(!kept.is_kept().await);
    kept.compile().await;
    assert!(kept.is_kept().await, "it was replaced");
}

#[tokio::test]
async fn a_folder_that_others_may_enter_is_not_used() {
    let kept = Kept::new();
    kept.compile().await;
    set_mode(&kept.folder(), 0o755);
    assert!(!kept.is_kept().await);
    kept.compile().await;
    set_mode(&kept.folder(), 0o700);
    assert!(kept.is_kept().await);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_warning() {
    let origin = Origin::start().await;
    let rest = upstream("origin", &[&origin])
        + &plugin("greeter", &guests::guest("greeter_v1"), "")
        + &policy("greet", "greeter", "")
        + &route("all", "origin", "policies = [\"greet\"]");
    let gateway = Setup::new(rest).server("state_directory = \"/proc/nowhere\"").start().await;
    gateway.until_logged("a compiled plugin cannot be kept").await;
    assert_eq!(gateway.get("/").await.field("x-version"), Some("1"));
}

#[tokio::test]
async fn the_log_tells_of_a_plugin_that_is_new_and_which_contract_it_is_built_against() {
    let origin = Origin::start().await;
    let setup = Setup::new("");
    let file = setup.copy(&guests::guest("greeter_v1"), "it.wasm");
    let rest = |of_route: &str| {
        plugin("it", &file, "")
            + &policy("it", "it", "")
            + &upstream("origin", &[&origin])
            + &route("all", "origin", &format!("policies = [\"it\"]\n{of_route}"))
    };
    let gateway = setup.rest(rest("")).start().await;
    let line = "plugin loaded, its contract is served plugin=\"it\" contract=\"0.1.0\" served=0.1 sha256=";
    gateway.take_over(rest("path = { prefix = \"/it\" }")).await;
    gateway.until_logged("configuration applied").await;
    assert_eq!(gateway.log().matches(line).count(), 1, "another route is not another plugin: {}", gateway.log());
    replace(&file, std::fs::read(guests::guest("greeter_v2")).expect("a readable guest"));
    gateway.taken_over().await;
    gateway.until_logged("generation=3").await;
    assert_eq!(gateway.log().matches(line).count(), 2, "{}", gateway.log());
}

#[tokio::test]
async fn the_log_warns_of_a_clock_that_a_runtime_imports_and_is_not_granted() {
    let origin = Origin::start().await;
    let setup = Setup::new("");
    let file = guests::with_a_runtime(setup.directory()).await;
    let rest = |grants: &str, of_route: &str| {
        plugin("it", &file, grants)
            + &policy("it", "it", "")
            + &upstream("origin", &[&origin])
            + &route("all", "origin", &format!("policies = [\"it\"]\n{of_route}"))
    };
    let gateway = setup.rest(rest("grants = [\"log\"]", "")).start().await;
    assert_eq!(gateway.get("/").await.status(), 200, "it never asks what time it is");
    let line = "imports what is not granted: a call in which it asks for it traps plugin=\"it\" \
                imports=\"wasi:clocks/wall-clock@0.2.6\" hint=if calls trap for it: grants = [\"log\", \"clock\"]";
    gateway.until_logged(line).await;
    gateway.take_over(rest("grants = [\"log\"]", "path = { prefix = \"/it\" }")).await;
    gateway.until_logged("configuration applied").await;
    assert_eq!(gateway.log().matches(line).count(), 1, "another route is not another plugin: {}", gateway.log());
    gateway.take_over(rest("grants = [\"log\", \"clock\"]", "")).await;
    gateway.until_logged("generation=3").await;
    assert_eq!(gateway.log().matches("imports what is not granted").count(), 1, "{}", gateway.log());
}

#[tokio::test]
async fn a_new_version_that_wants_more_than_it_was_granted_waits_for_the_operator() {
    let origin = Origin::start().await;
    let setup = Setup::new("");
    let file = setup.copy(&guests::guest("greeter_v1"), "it.wasm");
    let rest = |grants: &str| {
        plugin("it", &file, grants)
            + &policy("it", "it", "")
            + &upstream("origin", &[&origin])
            + &route("all", "origin", "policies = [\"it\"]")
    };
    let gateway = setup.rest(rest("")).start().await;
    replace(&file, std::fs::read(guests::guest("wants_everything")).expect("a readable guest"));
    let report = gateway.admin().reload().await;
    assert_eq!(report["outcome"], "rejected", "{report}");
    let line = "grants = [\"log\", \"clock\", \"random\", \"counters\", \"shared-data\", \"consumers\", \"metrics\"]";
    let told = report["problems"].as_array().expect("problems");
    assert!(told.iter().all(|problem| problem["hint"].as_str().is_some_and(|hint| hint.ends_with(line))), "{report}");
    assert_eq!(gateway.get("/").await.field("x-version"), Some("1"), "the old version serves on");
    gateway.take_over(rest(line)).await;
    assert_eq!(gateway.get("/").await.field("x-consumer-known"), Some("false"));
}

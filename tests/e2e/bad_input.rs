//! Wrong files: refused with a message that helps, by `check` and at the start alike.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::command::{Finished, check, finished, run, tidegate_under};
use crate::harness::guests;

const REST: &str = "[[upstream]]\nname = \"shop\"\n[[upstream.endpoint]]\naddress = \"127.0.0.1:9\"\n\
                    [[route]]\nname = \"all\"\nupstream = \"shop\"\npolicies = [\"it\"]\n\
                    [[policy]]\nname = \"it\"\nplugin = \"it\"\n";

struct Case {
    directory: TempDir,
}

impl Case {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a folder for temporary files") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path(name);
        std::fs::write(&file, content).expect("a writable folder");
        file
    }

    /// A configuration that is right but for its plugin.
    fn with_plugin(&self, plugin: &Path, more: &str) -> PathBuf {
        let text = format!(
            "[admin]\nenabled = false\n[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n{REST}\
             [[plugin]]\nname = \"it\"\npath = \"{}\"\n{more}\n",
            plugin.display()
        );
        self.write("tidegate.toml", text)
    }
}

/// What `check` says; `run` must say the same and not start.
async fn refused(file: &Path) -> Finished {
    let checked = check(file).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(!checked.stderr.contains("panicked"), "{}", checked.stderr);
    let started = run(&["run", "-c", &file.display().to_string()]).await;
    assert_eq!(started.code, Some(1), "{started:?}");
    let reason = checked.stderr.lines().next().unwrap_or_default();
    assert!(started.stderr.contains(reason), "`run` does not say {reason:?}:\n{}", started.stderr);
    checked
}

#[tokio::test]
async fn a_right_file_passes_the_check() {
    let case = Case::new();
    let file = case.with_plugin(&guests::shipped("api_key"), "grants = [\"consumers\"]");
    let checked = check(&file).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

#[tokio::test]
async fn a_missing_file() {
    refused(&Case::new().path("absent.toml")).await.says(&["absent.toml"]);
}

#[tokio::test]
async fn a_directory_instead_of_a_file() {
    let case = Case::new();
    refused(case.directory.path()).await.says(&["directory"]);
}

#[tokio::test]
async fn an_empty_file() {
    let case = Case::new();
    refused(&case.write("tidegate.toml", "")).await.says(&["listener", "route"]);
}

#[tokio::test]
async fn bytes_that_are_no_text() {
    let case = Case::new();
    let junk: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    refused(&case.write("tidegate.toml", junk)).await.says(&["UTF-8"]);
}

#[tokio::test]
async fn a_file_of_five_mebibytes() {
    let case = Case::new();
    refused(&case.write("tidegate.toml", "# tide\n".repeat(5 * 1024 * 1024 / 7 + 1))).await.says(&["4 MiB"]);
}

#[tokio::test]
async fn a_mistyped_key_is_shown_with_its_place_and_the_nearest_name() {
    let case = Case::new();
    let file = case.write("tidegate.toml", "[[listner]]\nname = \"http\"\n");
    refused(&file).await.says(&["tidegate.toml:1", "listner", "hint", "listener"]);
}

#[tokio::test]
async fn all_problems_are_shown_at_once() {
    let case = Case::new();
    let text = "[limits]\nhead_timeout = \"soon\"\n[[listener]]\nname = \"http\"\naddress = \"nowhere\"\n\
                [[upstream]]\nname = \"shop\"\n[[route]]\nname = \"all\"\nupstream = \"shap\"\n";
    refused(&case.write("tidegate.toml", text)).await.says(&["soon", "nowhere", "shap"]);
}

#[tokio::test]
async fn a_plugin_file_that_is_missing() {
    let case = Case::new();
    let file = case.with_plugin(&case.path("absent.wasm"), "");
    refused(&file).await.says(&["absent.wasm", "tidegate.toml"]);
}

#[tokio::test]
async fn a_plugin_that_is_no_component() {
    let case = Case::new();
    let plugin = case.write("junk.wasm", "this is not WebAssembly");
    refused(&case.with_plugin(&plugin, "")).await.says(&["junk.wasm", "component"]);
}

#[tokio::test]
async fn a_plugin_that_is_a_core_module() {
    let case = Case::new();
    let plugin = case.write("module.wasm", b"\0asm\x01\0\0\0");
    refused(&case.with_plugin(&plugin, "")).await.says(&["module.wasm", "core WebAssembly module", "hint"]);
}

#[tokio::test]
async fn a_plugin_that_exports_nothing_known() {
    let case = Case::new();
    let plugin = case.write("empty.wasm", b"\0asm\x0d\0\x01\0");
    refused(&case.with_plugin(&plugin, "")).await.says(&["empty.wasm", "export"]);
}

#[tokio::test]
async fn a_plugin_that_is_cut_off() {
    let case = Case::new();
    let whole = std::fs::read(guests::shipped("api_key")).expect("a readable plugin");
    let plugin = case.write("half.wasm", &whole[..whole.len() / 2]);
    refused(&case.with_plugin(&plugin, "grants = [\"consumers\"]")).await.says(&["half.wasm"]);
}

#[tokio::test]
async fn a_plugin_that_wants_more_than_it_is_granted() {
    let case = Case::new();
    let file = case.with_plugin(&guests::guest("wants_everything"), "grants = [\"log\"]");
    let said = refused(&file).await;
    said.says(&["counters", "consumers", "hint", "grants"]);
}

#[tokio::test]
async fn a_plugin_with_another_hash_than_pinned() {
    let case = Case::new();
    let pin = "0".repeat(64);
    let file = case.with_plugin(&guests::shipped("api_key"), &format!("sha256 = \"{pin}\"\ngrants = [\"consumers\"]"));
    refused(&file).await.says(&["sha256", &pin]);
}

#[tokio::test]
async fn a_policy_configuration_that_its_plugin_refuses() {
    let case = Case::new();
    let file = case.with_plugin(&guests::shipped("api_key"), "grants = [\"consumers\"]");
    let text = std::fs::read_to_string(&file).expect("a readable file");
    let text = text.replace("plugin = \"it\"\n", "plugin = \"it\"\n[policy.config]\nheadr = \"x-key\"\n");
    refused(&case.write("tidegate.toml", text)).await.says(&["headr", "header"]);
}

#[tokio::test]
async fn a_policy_in_a_role_its_plugin_does_not_have() {
    let case = Case::new();
    let file = case.with_plugin(&guests::shipped("least_latency"), "");
    refused(&file).await.says(&["it", "balancer"]);
}

#[tokio::test]
async fn a_listener_whose_certificate_is_none() {
    let case = Case::new();
    case.write("edge.crt", "no certificate");
    case.write("edge.key", "no key");
    let text = "[admin]\nenabled = false\n[[listener]]\nname = \"https\"\naddress = \"127.0.0.1:0\"\n\
                [listener.tls]\ncertificate = \"edge.crt\"\nkey = \"edge.key\"\n\
                [[upstream]]\nname = \"shop\"\n[[route]]\nname = \"all\"\nupstream = \"shop\"\n";
    refused(&case.write("tidegate.toml", text)).await.says(&["edge.crt"]);
}

#[tokio::test]
async fn an_address_that_is_taken_already() {
    let case = Case::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let text = format!(
        "[admin]\nenabled = false\n[[listener]]\nname = \"http\"\naddress = \"{address}\"\n\
         [[upstream]]\nname = \"shop\"\n[[route]]\nname = \"all\"\nupstream = \"shop\"\n"
    );
    let file = case.write("tidegate.toml", text);
    let started = run(&["run", "-c", &file.display().to_string()]).await;
    assert_eq!(started.code, Some(1), "{started:?}");
    started.says(&[&address]);
}

#[tokio::test]
async fn where_address_space_is_short_the_hint_says_what_makes_room() {
    let case = Case::new();
    let file = case.with_plugin(&guests::shipped("api_key"), "grants = [\"consumers\"]");
    // 40 GiB, in KiB: room for nine times 4 GiB, and not for a thousand times.
    let check = async || {
        let mut command = tidegate_under("-v 41943040");
        command.arg("check").arg(&file);
        finished("check", command).await
    };
    let short = check().await;
    assert_eq!(short.code, Some(1), "{short:?}");
    short.says(&[
        "cannot set up the plugin engine for 1000 instances",
        "= hint: ",
        "`plugin_instances` under [server]",
    ]);
    let text = std::fs::read_to_string(&file).expect("the file that was written");
    std::fs::write(&file, format!("server = {{ plugin_instances = 4 }}\n{text}")).expect("a writable folder");
    let roomy = check().await;
    assert_eq!(roomy.code, Some(0), "{roomy:?}");
}

#[tokio::test]
async fn wrong_usage_is_told_apart_from_a_wrong_file() {
    for arguments in [&["chekc"][..], &["check"], &["run", "--no-such-option"]] {
        let finished = run(arguments).await;
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        finished.says(&["Usage"]);
    }
    for arguments in ["--version", "--help"] {
        let finished = run(&[arguments]).await;
        assert_eq!(finished.code, Some(0));
        assert!(finished.stdout.contains("tidegate"), "{finished:?}");
    }
}

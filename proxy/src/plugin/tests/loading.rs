use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::model::{Capability, Grants, Plugin};
use crate::plugin::component::{LoadError, LoadProblem, LoadedPlugin};
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, engine, load, plugin};
use crate::plugin::policy::Roles;

fn passing() -> Fixture {
    let mut image = Image::default();
    let decision = image.forward(&[], &[], None);
    Fixture::deciding(image, decision)
}

/// Imports every capability; what it does with them does not matter.
fn greedy() -> Fixture {
    let zeros = |count| "(i32.const 0) ".repeat(count);
    let calls = format!("(call $log {}) (call $find {}) (call $window {})", zeros(3), zeros(3), zeros(6));
    Fixture::request("(call $all) (i32.const 0)")
        .import("log", "write", "(func $log (param i32 i32 i32))")
        .import("consumers", "find-by-key", "(func $find (param i32 i32 i32))")
        .import("counters", "take-window", "(func $window (param i32 i32 i32 i32 i32 i32))")
        .raw_export(&format!("(func $all {calls})"))
}

fn problems(result: Result<std::sync::Arc<LoadedPlugin>, LoadError>) -> Vec<LoadProblem> {
    result.unwrap_err().problems
}

fn only(result: Result<std::sync::Arc<LoadedPlugin>, LoadError>) -> (String, String) {
    let mut problems = problems(result);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    (problem.message, problem.hint.unwrap_or_default())
}

#[test]
fn a_loaded_plugin_tells_what_it_is() {
    let bytes = greedy().build();
    let plugin = load(&bytes, all_grants(), LIMITS).unwrap();
    let facts = plugin.facts();
    assert_eq!(facts.roles, Roles { request: true, ..Roles::default() });
    assert_eq!((facts.contract.as_str(), facts.bytes), ("0.1.0", bytes.len()));
    assert!(facts.imports.contains(&"tidegate:gateway/counters@0.1.0".to_owned()), "{:?}", facts.imports);
    assert_eq!(facts.sha256.len(), 64);
}

#[test]
fn every_missing_grant_is_named_with_the_line_to_write() {
    let grants = Grants::from_iter([Capability::Log]);
    let problems = problems(load(&greedy().build(), grants, LIMITS));
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "imports tidegate:gateway/counters, and the grant \"counters\" is missing",
            "imports tidegate:gateway/consumers, and the grant \"consumers\" is missing",
        ]
    );
    for problem in problems {
        assert_eq!(problem.hint.unwrap(), "if it may use this: grants = [\"log\", \"counters\", \"consumers\"]");
    }
}

#[test]
fn an_import_the_gateway_does_not_have_is_refused_by_name() {
    let fixture = Fixture::new("foreign")
        .accepting()
        .raw_import("(import \"test:worlds/elsewhere\" \"run\" (func $run))")
        .on_request("(call $drop-request (local.get 0)) (call $run) (i32.const 0)");
    let (message, _) = only(load(&fixture.build(), all_grants(), LIMITS));
    assert_eq!(message, "imports what no policy is given: test:worlds/elsewhere");
}

#[test]
fn a_component_without_a_role_is_refused() {
    let fixture = Fixture::new("none").raw_export("(func (export \"test:worlds/elsewhere#run\"))");
    let (message, _) = only(load(&fixture.build(), all_grants(), LIMITS));
    assert_eq!(
        message,
        "exports none of `request-policy`, `limit-policy`, `response-policy`, `body-policy`, `balancer` and `observer`"
    );
}

#[test]
fn another_version_of_the_contract_is_refused_with_both_versions() {
    let fixture = Fixture::new("request-role")
        .version("0.2.0")
        .accepting()
        .on_request("(call $drop-request (local.get 0)) (i32.const 0)");
    let (message, hint) = only(load(&fixture.build(), all_grants(), LIMITS));
    assert!(message.contains("tidegate:gateway/request-policy@0.2.0"), "{message}");
    assert!(message.ends_with(", and this gateway speaks contract 0.1 and 0.99"), "{message}");
    assert!(hint.contains("contract 0.1.0"), "{hint}");
}

#[test]
fn a_later_patch_of_the_contract_is_served_where_nothing_of_it_is_new() {
    let fixture = Fixture::new("request-role")
        .version("0.1.7")
        .accepting()
        .on_request("(call $drop-request (local.get 0)) (i32.const 0)");
    let plugin = load(&fixture.build(), all_grants(), LIMITS).unwrap();
    assert_eq!(plugin.facts().contract, "0.1.7");
}

#[test]
fn a_core_module_is_told_from_a_component() {
    let (message, hint) = only(load(b"\0asm\x01\0\0\0", all_grants(), LIMITS));
    assert_eq!(message, "is a core WebAssembly module, not a component");
    assert!(hint.contains("tidegate plugin componentize"), "{hint}");
}

#[test]
fn what_is_not_webassembly_is_refused() {
    for bytes in [&b""[..], b"(component)", b"\x7fELF"] {
        assert_eq!(only(load(bytes, all_grants(), LIMITS)).0, "is not WebAssembly");
    }
    let (message, hint) = only(load(b"\0asm\x0d\0\x01\0\xff", all_grants(), LIMITS));
    assert!(message.starts_with("cannot be read as a component: "), "{message}");
    assert!(hint.contains("cut off"), "{hint}");
}

#[test]
fn a_file_that_is_not_the_pinned_one_is_not_looked_into() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"anything").unwrap();
    let found: String = Sha256::digest(b"anything").iter().map(|byte| format!("{byte:02x}")).collect();
    let spec = Plugin { sha256: Some("00".repeat(32)), ..plugin(file.path(), all_grants(), LIMITS) };
    let (message, hint) = only(LoadedPlugin::load(&engine(), &spec));
    assert!(message.starts_with("the file's SHA-256 is not the pinned one"), "{message}");
    assert!(hint.contains(&found), "{hint}");
}

#[test]
fn a_missing_file_is_told_with_its_path() {
    let spec = plugin(Path::new("/nowhere/guest.wasm"), all_grants(), LIMITS);
    assert!(only(LoadedPlugin::load(&engine(), &spec)).0.starts_with("cannot read /nowhere/guest.wasm: "));
}

#[test]
fn the_same_bytes_are_compiled_once() {
    let bytes = passing().build();
    let one = load(&bytes, all_grants(), LIMITS).unwrap();
    let two = load(&bytes, all_grants(), LIMITS).unwrap();
    assert!(one.is_same(&two));
    let ungranted = load(&bytes, Grants::default(), LIMITS).unwrap();
    assert!(!one.is_same(&ungranted));
}

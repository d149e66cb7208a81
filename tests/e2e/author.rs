//! What authors of plugins work with: `tidegate plugin ...` and `tidegate dev`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::harness::client::Client;
use crate::harness::command::{Finished, check, finished, run, tidegate};
use crate::harness::gateway::replace;
use crate::harness::programs::free_port;
use crate::harness::sections::{plugin, policy};
use crate::harness::wait::within;
use crate::harness::{Origin, Request, eventually, guests, route, upstream};

/// A core module that decides `forward`; `{pass}` stands for what it returns, the offset of a decision.
const CORE: &str = r#"(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 64))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param i32) (result i32)
    (call $drop (local.get 0))
    {decision}))"#;

/// Nothing but zeros: a `forward` without edits.
const FORWARDS: &str = "(i32.const 128)";
/// A `respond` with the status 418.
const REFUSES: &str =
    "(i32.store8 (i32.const 128) (i32.const 1)) (i32.store16 (i32.const 136) (i32.const 418)) (i32.const 128)";

/// Stands for a compiler: its source is a core module already. Called as C compilers are, with the source before `-o`.
const COMPILER: &str = "#!/bin/sh\ngrep -q BROKEN policy.c && { echo 'policy.c:1: broken' >&2; exit 1; }\ncp policy.c build/policy.core.wasm\n";

struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let workshop = Self { folder };
        let compiler = workshop.write("cc", COMPILER);
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(compiler, executable).expect("a file of our own");
        workshop
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.at(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        replace(&file, text);
        file
    }

    /// A project in C whose compiler is [`COMPILER`].
    async fn project(&self, decision: &str) -> PathBuf {
        let folder = self.at("my-policy");
        let made = run(&["plugin", "new", "--lang", "c", &text(&folder)]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        self.write("my-policy/policy.c", &CORE.replace("{decision}", decision));
        folder
    }

    fn tidegate(&self, arguments: &[&str]) -> Command {
        let mut command = tidegate();
        command.args(arguments).env("CC", self.at("cc"));
        command
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        finished(&arguments.join(" "), self.tidegate(arguments)).await
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

const TABLE_OF_BASIC_AUTH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/basic-auth/cases.toml");

fn api_key() -> String {
    text(&guests::shipped("api_key"))
}

const TABLE: &str = r#"
[[consumer]]
name = "alice"
keys = ["alice-key"]
[[case]]
name = "a known key passes"
request = { headers = { apikey = "alice-key" } }
expect = { decision = "forward", consumer = "alice", request = { remove = ["apikey"] }, log = [] }
[[case]]
name = "no key is refused"
expect = { decision = "respond", status = 401, headers = { www-authenticate = "ApiKey realm=\"tidegate\"" } }
[[case]]
name = "a wrong configuration is refused"
config = { realm = "a\"b" }
expect = { decision = "misconfigured", problems = ["realm"] }
"#;

#[tokio::test]
async fn inspect_shows_what_a_component_wants_and_the_lines_that_give_it() {
    let shown = run(&["plugin", "inspect", &api_key()]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let parts =
        ["request-policy", "by what it reads alone", "tidegate:gateway/consumers@0.1.0", "grants = [\"consumers\"]"];
    for part in parts.into_iter().chain(["[[policy]]"]) {
        assert!(shown.stdout.contains(part), "no {part:?} in:\n{}", shown.stdout);
    }
    let json = run(&["plugin", "inspect", "--json", &api_key()]).await;
    let json: Value = serde_json::from_str(&json.stdout).expect("one JSON object");
    assert_eq!((&json["contract"], &json["grants"][0]), (&"0.1.0".into(), &"consumers".into()));
}

#[tokio::test]
async fn what_a_component_exports_beside_the_contract_is_told_apart() {
    let workshop = Workshop::new();
    let component = "(component (instance $own) (export \"exports\" (instance $own))
        (export \"tidegate:gateway/request-policy@0.1.0\" (instance $own)))";
    let file = text(&workshop.at("own.wasm"));
    std::fs::write(&file, wat::parse_str(component).expect("a component")).expect("a writable folder");
    let shown = run(&["plugin", "inspect", &file]).await.stdout;
    let lines = "  exports   tidegate:gateway/request-policy@0.1.0\n  unused    exports\n";
    assert!(shown.contains(lines), "{shown}");
    let json = run(&["plugin", "inspect", "--json", &file]).await.stdout;
    let json: Value = serde_json::from_str(&json).expect("one JSON object");
    assert_eq!((&json["exports"][1], &json["unused_exports"][0]), (&Value::Null, &"exports".into()));
}

#[tokio::test]
async fn the_lines_for_a_component_that_asks_upstreams_have_a_place_for_their_names() {
    let shown = run(&["plugin", "inspect", &text(&guests::shipped("forward_auth"))]).await;
    let lines = "grants = [\"consumers\", \"http-client\"]\nupstreams = [\"...\"] # those it may ask, by name\n";
    assert!(shown.stdout.contains(lines), "{}", shown.stdout);
    let shown = run(&["plugin", "inspect", &api_key()]).await;
    assert!(!shown.stdout.contains("upstreams"), "{}", shown.stdout);
}

#[tokio::test]
async fn an_observer_is_told_of_exchanges_and_an_upstream_answers_as_its_case_says() {
    let workshop = Workshop::new();
    let table = "[[case]]\nname = \"heard\"\nrequest = { target = \"/items\" }\nresponse = { status = 200 }\n\
        exchange = { response_bytes = 12, tries = 2, cause = \"upstream-reset\" }\nexpect = { decision = \"observe\" }\n\
        [[case]]\nname = \"told\"\nrequest = { target = \"/heard\" }\n[case.expect]\ndecision = \"respond\"\n\
        body = \"/items status=200 in=0 out=12 tries=2 endpoint=none cause=upstream-reset type= timed\"\n\
        [[case]]\nname = \"fails\"\nrequest = { target = \"/trap\" }\nexchange = {}\n\
        expect = { decision = \"failure\", failure = \"trap\" }\n";
    let table = text(&workshop.write("cases.toml", table));
    let observer = text(&guests::guest("observer"));
    let passed = run(&["plugin", "test", &table, "--plugin", &observer]).await;
    assert!(passed.stdout.contains("3 cases: 3 passed, 0 failed"), "{}", passed.stdout);
    // Upstreams are in the cases of the policy that asks them.
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/forward-auth/cases.toml");
    let passed = run(&["plugin", "test", &text(&cases)]).await;
    assert!(passed.stdout.contains("8 cases: 8 passed, 0 failed"), "{}", passed.stdout);
}

#[tokio::test]
async fn a_word_is_hidden_where_the_pieces_of_a_body_meet() {
    let workshop = Workshop::new();
    let case = |mode: &str, more: &str, pieces: &str, expect: &str| {
        let config = format!("config = {{ request = \"{mode}\", response = \"{mode}\" }}");
        let name = format!("{mode} {more} {pieces}").replace('"', "'");
        format!("[[case]]\nname = \"{name}\"\n{config}\n{more}\nbody = {pieces}\nexpect = {{ {expect} }}\n")
    };
    let mut table = "[limits]\nbody = \"1KiB\"\n".to_owned();
    for message in ["", "response = {}"] {
        let split = "[\"a sec\", \"ret b\", \"\"]";
        for mode in ["pieces", "whole", "hold"] {
            table += &case(mode, message, split, "decision = \"change\", body = \"a ****** b\"");
            table += &case(mode, message, "\"a secret b\"", "decision = \"change\", body = \"a ****** b\"");
        }
        // Each piece by itself is harmless, and the rest is not looked at.
        table += &case("finish", message, split, "decision = \"change\", body = \"a secret b\"");
        table += &case("identity", message, split, "decision = \"pass\"");
        table += &case("skip", message, split, "decision = \"skip\"");
        table += &case("respond", message, "[\"a\", \"forbidden\", \"b\"]", "decision = \"respond\", status = 403");
        table += &case("trap", message, "[\"a\", \"trap\", \"b\"]", "decision = \"failure\", failure = \"trap\"");
        let large = format!("[\"{}\", \"b\", \"\"]", "a".repeat(1024));
        for mode in ["whole", "hold"] {
            table += &case(mode, message, &large, "decision = \"too-large\"");
        }
    }
    let (table, redactor) = (text(&workshop.write("cases.toml", &table)), text(&guests::guest("redactor")));
    let passed = run(&["plugin", "test", &table, "--plugin", &redactor]).await;
    assert!(passed.stdout.contains("26 cases: 26 passed, 0 failed"), "{}{}", passed.stdout, passed.stderr);
    let config = "{\"request\":\"pieces\"}";
    let shown = run(&["plugin", "run", &redactor, "--config", config, "--body", "a sec", "--body", "ret b"]).await;
    assert_eq!(shown.stdout, "decision  change\nbody      a ****** b\n", "{shown:?}");
}

#[tokio::test]
async fn cases_that_hold_pass_and_those_that_do_not_show_the_difference() {
    let workshop = Workshop::new();
    let table = text(&workshop.write("cases.toml", TABLE));
    let passed = run(&["plugin", "test", &table, "--plugin", &api_key()]).await;
    assert_eq!(passed.code, Some(0), "{passed:?}");
    assert!(passed.stdout.contains("3 cases: 3 passed, 0 failed"), "{}", passed.stdout);

    workshop.write("cases.toml", &TABLE.replace("remove = [\"apikey\"]", "set = { x-a = \"1\" }"));
    let report = workshop.at("report.xml");
    let failed = run(&["plugin", "test", &table, "--plugin", &api_key(), "--junit", &text(&report)]).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    for part in ["FAIL  a known key passes (", "- set x-a: 1", "+ remove apikey", "2 passed, 1 failed"] {
        assert!(failed.stdout.contains(part), "no {part:?} in:\n{}", failed.stdout);
    }
    let report = std::fs::read_to_string(report).expect("a report");
    assert!(report.contains("tests=\"3\" failures=\"1\""), "{report}");
}

#[tokio::test]
async fn counters_live_through_a_table_until_a_case_begins_afresh() {
    let workshop = Workshop::new();
    let ask = |name: &str, more: &str, decision: &str| {
        format!("[[case]]\nname = \"{name}\"\n{more}\nexpect = {{ decision = \"{decision}\" }}\n")
    };
    let table = "[config]\nlimit = 1\nwindow = \"1m\"\nalgorithm = \"window\"\n".to_owned()
        + &ask("the first passes", "", "forward")
        + &ask("the second is one too many", "", "respond")
        + &ask("a minute later there is room again", "after = \"1m\"", "forward")
        + &ask("a fresh start has room", "fresh = true", "forward");
    let table = text(&workshop.write("cases.toml", &table));
    let rate_limit = text(&guests::shipped("rate_limit"));
    let done = run(&["plugin", "test", &table, "--plugin", &rate_limit]).await;
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
}

#[tokio::test]
async fn who_decides_by_more_than_what_it_reads_is_found_out_unless_nothing_is_to_be_remembered() {
    let workshop = Workshop::new();
    // Forwards at the first call of an instance, which it remembers at 512, and refuses from then on.
    let flips = "(if (i32.load (i32.const 512)) (then
          (i32.store8 (i32.const 128) (i32.const 1)) (i32.store16 (i32.const 136) (i32.const 418))))
        (i32.store (i32.const 512) (i32.const 1)) (i32.const 128)";
    let core = text(&workshop.write("core.wat", &CORE.replace("{decision}", flips)));
    let plugin = text(&workshop.at("flips.wasm"));
    let made = run(&["plugin", "componentize", &core, "--world", "request-role", "-o", &plugin]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let case = "[[case]]\nname = \"a request passes\"\nexpect = { decision = \"forward\" }\n";
    let table = text(&workshop.write("cases.toml", case));
    let tested = run(&["plugin", "test", &table, "--plugin", &plugin]).await;
    for part in ["it decides by more than what it reads", "- forward", "+ respond", "+ status 418", "1 failed"] {
        assert!(tested.stdout.contains(part), "no {part:?} in:\n{}", tested.stdout);
    }
    workshop.write("cases.toml", &format!("limits = {{ decisions = 0 }}\n{case}"));
    let tested = run(&["plugin", "test", &table, "--plugin", &plugin]).await;
    assert!(tested.stdout.contains("1 case: 1 passed, 0 failed"), "{tested:?}");
}

#[tokio::test]
async fn a_wrong_table_is_told_like_a_wrong_configuration() {
    let workshop = Workshop::new();
    let table = workshop.write("cases.toml", "[[case]]\nname = \"a\"\nexpect = { decision = \"forwrad\" }\n");
    let refused = run(&["plugin", "test", &text(&table)]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    refused.says(&["cases.toml:3:23", "hint: did you mean \"forward\"?"]);
}

#[tokio::test]
async fn run_shows_one_decision_for_people_and_for_programs() {
    let (file, consumer) = (api_key(), ["--consumer", "alice=alice-key"]);
    let ask = ["plugin", "run", &file, "--request", "GET /items", "-H", "apikey: alice-key", consumer[0], consumer[1]];
    let shown = run(&ask).await;
    assert_eq!(shown.stdout, "decision  forward\nconsumer  alice\nrequest   remove apikey\n", "{shown:?}");
    let json: Value = serde_json::from_str(&run(&["plugin", "run", &file, "--json"]).await.stdout).expect("JSON");
    assert_eq!((&json["decision"], &json["status"]), (&"respond".into(), &401.into()));
}

#[tokio::test]
async fn a_plugin_that_traps_is_told_as_a_failure() {
    let hostile = text(&guests::guest("hostile"));
    let failed = run(&["plugin", "run", &hostile, "-H", "x-mode: trap"]).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stdout.contains("failure   trap"), "{}", failed.stdout);
    // What it said before is shown too.
    let everything = text(&guests::guest("wants_everything"));
    let failed = run(&["plugin", "run", &everything, "-H", "x-mode: trap"]).await;
    assert!(failed.stdout.contains("\nlog       error: panicked at "), "{}", failed.stdout);
}

#[tokio::test]
async fn nobody_answers_for_a_role_that_a_component_does_not_have() {
    let workshop = Workshop::new();
    let redactor = text(&guests::guest("redactor"));
    let told =
        format!("{redactor} has no request-policy (it has body-policy)\nhint: what asks body-policy: --body TEXT");
    for ask in [&["plugin", "run", &redactor][..], &["plugin", "bench", &redactor, "--calls", "10"]] {
        let refused = run(ask).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        refused.says(&[&told]);
    }
    assert_eq!(run(&["plugin", "run", &redactor, "--body", "a secret"]).await.stdout, "decision  skip\n");

    let table = "[[case]]\nname = \"a request\"\nexpect = { decision = \"forward\" }\n\
        [[case]]\nname = \"a choice\"\n\
        candidates = [{ address = \"10.0.0.1:80\" }]\nexpect = { decision = \"decline\" }\n\
        [[case]]\nname = \"a body\"\nbody = \"a secret\"\nexpect = { decision = \"skip\" }\n\
        [[case]]\nname = \"a mode\"\nconfig = { request = \"no such\" }\nexpect = { decision = \"misconfigured\" }\n";
    let table = text(&workshop.write("cases.toml", table));
    let tested = run(&["plugin", "test", &table, "--plugin", &redactor]).await;
    let parts =
        ["+ no request-policy (it has body-policy)", "+ no balancer (it has body-policy)", "2 passed, 2 failed"];
    for part in parts {
        assert!(tested.stdout.contains(part), "no {part:?} in:\n{}", tested.stdout);
    }
    // A limit policy is asked about requests as well.
    let limited = ["plugin", "run", &text(&guests::shipped("rate_limit")), "--config"];
    let limited = run(&[&limited[..], &[r#"{"limit":1,"window":"1m"}"#]].concat()).await;
    assert!(limited.stdout.starts_with("decision  forward\n"), "{limited:?}");
}

#[tokio::test]
async fn run_and_bench_ask_what_a_case_of_a_table_asks() {
    let (plugin, table) = (text(&guests::shipped("basic_auth")), TABLE_OF_BASIC_AUTH);
    let asking = |command, case| ["plugin", command, &plugin, "--cases", table, "--case", case, "--json"];
    let done = run(&asking("run", "a name with its password")).await;
    let json: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    assert_eq!((json["decision"].as_str(), json["consumer"].as_str()), (Some("forward"), Some("alice")), "{json}");
    let done = run(&asking("bench", "a name with its password")).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let done = run(&asking("run", "password")).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("several cases are called so:\n  a name with its password"), "{}", done.stderr);
    let done = run(&asking("run", "no such thing")).await;
    assert!(done.stderr.contains("there is no such case; these there are:\n  a name"), "{}", done.stderr);
}

#[tokio::test]
async fn bench_tells_what_a_call_and_an_instance_cost() {
    let done = run(&["plugin", "bench", &api_key(), "--calls", "100", "--json"]).await;
    let json: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    for path in ["/load_ns", "/bind/median_ns", "/first_call/p99_ns", "/call/median_ns", "/memory_bytes"] {
        assert!(json.pointer(path).and_then(Value::as_u64).is_some_and(|figure| figure > 0), "{path} in {json}");
    }
}

#[tokio::test]
async fn bench_tells_what_a_call_is_given_of_its_message() {
    let file = api_key();
    let ask = ["plugin", "bench", &file, "--calls", "100", "-H", "apikey: alice-key", "--consumer", "alice=alice-key"];
    let shown = run(&ask).await.stdout;
    assert!(shown.contains("copied in                0   values of the message a call, 0 bytes"), "{shown}");
    assert!(shown.contains("growth               0 KiB   "), "{shown}");
    let fresh = run(&[&ask[..], &["--per-request"]].concat()).await.stdout;
    assert!(fresh.contains("of an instance before its call; ") && !fresh.contains("growth"), "{fresh}");
    // A key that may stand in two places has to be compared by the plugin.
    let in_query_too = ["--config", r#"{"query":"key","hide":false}"#];
    let shown = run(&[&ask[..], &in_query_too].concat()).await.stdout;
    assert!(shown.contains("copied in                1   values of the message a call, 9 bytes"), "{shown}");
}

#[tokio::test]
async fn bench_offers_more_only_of_what_was_used_up() {
    let hostile = text(&guests::guest("hostile"));
    let modes = [("trap", "`tidegate plugin run` shows"), ("loop", "--cpu gives"), ("memory", "--memory gives")];
    for (mode, hint) in modes {
        let header = format!("x-mode: {mode}");
        let failed = run(&["plugin", "bench", &hostile, "--cpu", "500ms", "-H", &header]).await;
        failed.says(&["the plugin failed: ", &format!("\nhint: {hint}")]);
    }
}

#[tokio::test]
async fn bench_finds_a_leak() {
    let workshop = Workshop::new();
    let page_a_call = format!("(drop (memory.grow (i32.const 1))) {FORWARDS}");
    let core = text(&workshop.write("core.wat", &CORE.replace("{decision}", &page_a_call)));
    let leaking = text(&workshop.at("leaking.wasm"));
    let made = run(&["plugin", "componentize", &core, "--world", "request-role", "-o", &leaking]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let done = run(&["plugin", "bench", &leaking, "--calls", "100", "--json"]).await;
    let json: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    assert_eq!(json["memory_growth_bytes"], 100 * (64 << 10), "{json}");
    assert_eq!(json["copied_in"], serde_json::json!({ "values": 0, "bytes": 0 }), "{json}");
    // What an instance leaks goes with it.
    let done = run(&["plugin", "bench", &leaking, "--calls", "100", "--per-request", "--json"]).await;
    let json: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    assert_eq!(json.get("memory_growth_bytes"), Some(&Value::Null), "{json}");
    assert!(json["memory_bytes"].as_u64().is_some_and(|bytes| (1..100 * (64 << 10)).contains(&bytes)), "{json}");
}

#[tokio::test]
async fn a_core_module_becomes_a_component_that_decides() {
    let workshop = Workshop::new();
    let core = text(&workshop.write("core.wat", &CORE.replace("{decision}", FORWARDS)));
    let refused = run(&["plugin", "inspect", &core]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let out = text(&workshop.at("out.wasm"));
    let made = run(&["plugin", "componentize", &core, "--world", "request-role", "-o", &out]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let decided = run(&["plugin", "run", &out]).await;
    assert_eq!(decided.stdout, "decision  forward\n", "{decided:?}");
}

#[tokio::test]
async fn run_and_test_take_compiled_code_from_where_the_gateway_keeps_it_and_bench_compiles_anew() {
    let workshop = Workshop::new();
    let (file, table) = (api_key(), text(&workshop.write("cases.toml", TABLE)));
    let ask = async |arguments: &[&str]| {
        let mut command = workshop.tidegate(arguments);
        command.env("XDG_CACHE_HOME", workshop.at("cache"));
        let done = finished(&arguments.join(" "), command).await;
        assert_eq!(done.code, Some(0), "{done:?}");
    };
    // Code that is taken keeps its file, whose time says when it was taken last.
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let kept = || {
        let entries = std::fs::read_dir(workshop.at("cache/tidegate/plugins")).expect("a folder of compiled code");
        let taken = |entry: std::io::Result<std::fs::DirEntry>| {
            let file = std::fs::File::options().write(true).open(entry?.path())?;
            let metadata = file.metadata()?;
            file.set_modified(long_ago)?;
            Ok::<_, std::io::Error>((metadata.ino(), metadata.modified()? != long_ago))
        };
        entries.map(taken).collect::<Result<Vec<_>, _>>().expect("files of our own")
    };
    ask(&["plugin", "run", &file]).await;
    let first = kept();
    assert!(!first.is_empty());
    ask(&["plugin", "bench", &file, "--calls", "10"]).await;
    let untouched: Vec<_> = first.iter().map(|(file, _)| (*file, false)).collect();
    assert_eq!(kept(), untouched);
    ask(&["plugin", "test", &table, "--plugin", &file]).await;
    assert_eq!(kept(), first);
    ask(&["plugin", "run", &file]).await;
    assert_eq!(kept(), first);
}

#[tokio::test]
async fn the_help_of_new_names_the_languages() {
    let help = run(&["plugin", "new", "--help"]).await;
    let words = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("[possible values: rust, c, go, js, python, assemblyscript]"), "{}", help.stdout);
}

#[tokio::test]
async fn a_new_folder_is_built_by_the_tools_of_its_language() {
    let workshop = Workshop::new();
    let folder = workshop.project(FORWARDS).await;
    let component = text(&folder.join("dist/my-policy.wasm"));
    let told = format!("tidegate: {component} is not built yet\nhint: tidegate plugin build {}\n", folder.display());
    for ask in [["plugin", "test", &text(&folder)], ["plugin", "run", &component], ["plugin", "inspect", &component]] {
        let unbuilt = run(&ask).await;
        assert_eq!((unbuilt.code, unbuilt.stderr), (Some(1), told.clone()));
    }
    let built = workshop.run(&["plugin", "build", &text(&folder)]).await;
    assert_eq!(built.code, Some(0), "{built:?}");
    assert_eq!(run(&["plugin", "run", &component]).await.stdout, "decision  forward\n");
    // The cases that come with it are of the policy that comes with it.
    let tested = run(&["plugin", "test", &text(&folder)]).await;
    assert_eq!(tested.code, Some(1), "{tested:?}");
}

#[tokio::test]
async fn a_missing_tool_is_named_with_the_way_to_get_it() {
    let workshop = Workshop::new();
    for (lang, hint) in
        [("python", "pip install componentize-py"), ("js", "npm install"), ("rust", "https://rustup.rs")]
    {
        let folder = text(&workshop.at(lang));
        assert_eq!(run(&["plugin", "new", "--lang", lang, &folder]).await.code, Some(0));
        let mut command = workshop.tidegate(&["plugin", "build", &folder]);
        command.env("PATH", "/nonexistent");
        let refused = finished("plugin build", command).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        refused.says(&[&format!("{lang} needs"), "hint: ", hint]);
    }
}

#[tokio::test]
async fn a_tool_that_fails_is_followed_by_a_hint_where_that_is_the_reason() {
    let workshop = Workshop::new();
    let folder = text(&workshop.at("rust"));
    assert_eq!(run(&["plugin", "new", "--lang", "rust", &folder]).await.code, Some(0));
    for (said, is_hinted) in [("error[E0463]: can't find crate for `core`", true), ("error: expected `;`", false)] {
        let cargo =
            workshop.write("bin/cargo", &format!("#!/bin/sh\necho \"{}\" >&2\nexit 101\n", said.replace('`', "\\`")));
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&cargo, executable).expect("a file of our own");
        let mut command = workshop.tidegate(&["plugin", "build", &folder]);
        command.env("PATH", cargo.parent().expect("a folder"));
        let failed = finished("plugin build", command).await;
        assert_eq!(failed.code, Some(1), "{failed:?}");
        failed.says(&[said, "cargo failed (exit status: 101)"]);
        let hint = "\nhint: rustup target add wasm32-unknown-unknown\n";
        assert_eq!(failed.stderr.contains(hint), is_hinted, "{}", failed.stderr);
    }
}

/// `tidegate dev`, killed when dropped.
struct Dev {
    _child: Child,
    address: std::net::SocketAddr,
    log: Lines<BufReader<ChildStderr>>,
}

impl Dev {
    async fn start(workshop: &Workshop, file: &Path, more: &[&str]) -> Self {
        let mut command = workshop.tidegate(&["dev", "--ready-json", "-c", &text(file)]);
        command.args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be run");
        let log = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let listener = async {
            while let Ok(Some(line)) = lines.next_line().await {
                let line: Value = serde_json::from_str(&line).expect("a JSON line");
                if line["listener"] == "http" {
                    return line["address"].as_str().expect("an address").parse().expect("an address");
                }
            }
            panic!("`tidegate dev` ended");
        };
        let address = within("`tidegate dev` to serve", listener).await;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _child: child, address, log }
    }

    async fn until_logged(&mut self, text: &str) {
        let line = async {
            while let Ok(Some(line)) = self.log.next_line().await {
                if line.contains(text) {
                    return;
                }
            }
            panic!("the log ended without {text:?}");
        };
        within(&format!("{text:?} in the log"), line).await;
    }

    async fn status(&self) -> u16 {
        Client::connect(self.address).await.call(&Request::get("/")).await.status()
    }
}

#[tokio::test]
async fn dev_builds_at_the_start_and_after_each_save_and_serves_on_where_that_fails() {
    let workshop = Workshop::new();
    let folder = workshop.project(FORWARDS).await;
    let origin = Origin::start().await;
    let rest = plugin("mine", &folder.join("dist/my-policy.wasm"), "")
        + &policy("mine", "mine", "")
        + &upstream("origin", &[&origin])
        + &route("all", "origin", "policies = [\"mine\"]");
    let file = workshop.write(
        "tidegate.toml",
        &format!(
            "[admin]\naddress = \"127.0.0.1:0\"\n[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n{rest}"
        ),
    );
    let mut dev = Dev::start(&workshop, &file, &[]).await;
    assert_eq!(dev.status().await, 200, "built before it was served");

    workshop.write("my-policy/policy.c", &CORE.replace("{decision}", REFUSES));
    eventually("the saved policy to decide", async || (dev.status().await == 418).then_some(())).await;

    workshop.write("my-policy/policy.c", "BROKEN");
    dev.until_logged("plugin does not build").await;
    assert_eq!(dev.status().await, 418, "what served before serves on");
}

#[tokio::test]
async fn a_new_folder_is_served_before_a_service_that_shows_what_it_was_sent() {
    let workshop = Workshop::new();
    let folder = workshop.project(FORWARDS).await;
    let file = folder.join("tidegate.toml");
    let written = std::fs::read_to_string(&file).expect("a gateway to try the policy with");
    let sample = free_port().to_string();
    let elsewhere = written.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9001", &sample);
    replace(&file, &elsewhere);

    let dev = Dev::start(&workshop, &file, &["--sample", &sample]).await;
    let request = Request::get("/items").field("x-sent", "1");
    let answer = Client::connect(dev.address).await.call(&request).await;
    assert_eq!(answer.status(), 200);
    let shown = answer.text();
    assert!(shown.starts_with("GET /items HTTP/1.1\n") && shown.contains("\nx-sent: 1\n"), "{shown}");

    drop(dev);
    // What was written, with the component in place.
    replace(&file, &written);
    let checked = check(&file).await;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("1 listener, 1 route, 1 upstream, 1 policy, 1 plugin"), "{}", checked.stdout);
}

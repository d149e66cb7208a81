//! What is read from files and what becomes of values.

use std::net::SocketAddr;
use std::time::Duration;

use super::{MINIMAL, config, minimal_and, parse, refused};
use crate::config::load;
use crate::config::model::{HostPattern, PathPattern, Rewrite, ValuePattern};
use crate::config::problem::{Place, Problem, Report};

fn route(keys: &str) -> crate::config::model::Route {
    let text = format!("{MINIMAL}\n[[route]]\nname = \"probe\"\nupstream = \"app\"\n{keys}");
    config(&text).routes.pop().unwrap()
}

fn only_problem(bytes: &[u8]) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidegate.toml");
    std::fs::write(&path, bytes).unwrap();
    let report = load(&path).unwrap_err();
    assert_eq!(report.problems.len(), 1, "{}", report.render(false));
    report.problems.into_iter().next().unwrap()
}

#[test]
fn a_missing_file_is_one_problem() {
    let report = load("/nowhere/tidegate.toml".as_ref()).unwrap_err();
    let expected = "error: cannot read /nowhere/tidegate.toml: there is no such file\n";
    assert!(report.render(false).starts_with(expected), "{}", report.render(false));
}

#[test]
fn a_directory_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let report = load(folder.path()).unwrap_err();
    assert_eq!(report.problems.len(), 1);
    assert!(report.problems[0].message.ends_with("is a directory, not a file"));
}

#[test]
fn a_file_that_is_no_text_is_one_problem_with_a_place() {
    let problem = only_problem(b"a = 1\nb = \"\xff\"\n");
    assert_eq!(problem.message, "the file is not UTF-8 text");
    assert!(matches!(problem.place, Some(Place { line: 2, column: 6, .. })));
}

#[test]
fn a_nul_byte_is_one_problem_with_a_place() {
    let problem = only_problem(b"a = 1\n\0\0");
    assert_eq!(problem.message, "the file contains a NUL byte");
    assert!(matches!(problem.place, Some(Place { line: 2, column: 1, .. })));
}

#[test]
fn a_huge_file_is_one_problem() {
    let problem = only_problem(&vec![b'#'; 5 << 20]);
    assert!(problem.message.ends_with("is larger than 4 MiB"), "{}", problem.message);
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "from-a-file\n").unwrap();
    let path = folder.path().join("tidegate.toml");
    let more = "[[plugin]]\nname = \"p\"\npath = \"p.wasm\"\n[admin]\ntoken_file = \"token\"\n";
    std::fs::write(&path, format!("{MINIMAL}{more}")).unwrap();
    let config = load(&path).unwrap().config;
    assert_eq!(config.plugins[0].path, folder.path().join("p.wasm"));
    assert_eq!(config.admin.unwrap().token.as_deref(), Some("from-a-file"));
}

#[test]
fn an_optional_part_that_is_missing_has_the_default_the_reference_shows() {
    let config = config(MINIMAL);
    assert_eq!(config.server.threads, std::thread::available_parallelism().unwrap().get());
    assert_eq!(config.limits.head_timeout, Duration::from_secs(5));
    assert_eq!(config.limits.body_bytes, None);
    assert_eq!(config.admin.unwrap().address, SocketAddr::from(([127, 0, 0, 1], 9900)));
    assert_eq!(config.upstreams[0].endpoints[0].weight, 100);
    assert_eq!(config.upstreams[0].health, None);
    assert_eq!(config.routes[0].matches.path, PathPattern::Prefix("/".into()));
}

#[test]
fn an_admin_listener_that_is_switched_off_is_none() {
    assert_eq!(minimal_and("[admin]\nenabled = false").admin, None);
}

#[test]
fn an_upstream_may_be_empty() {
    assert!(minimal_and("[[upstream]]\nname = \"none\"").upstreams[1].endpoints.is_empty());
}

#[test]
fn two_listeners_may_both_ask_for_any_port() {
    let listener = |name: &str| format!("[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\n");
    assert_eq!(minimal_and(&(listener("a") + &listener("b"))).listeners.len(), 3);
}

#[test]
fn a_plain_key_and_its_hash_are_the_same_key() {
    let hash = "sha256:2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B";
    let consumer = |key: &str| format!("[[consumer]]\nname = \"c\"\nkeys = [\"{key}\"]");
    assert_eq!(minimal_and(&consumer("secret")).consumers, minimal_and(&consumer(hash)).consumers);
}

#[test]
fn hosts_are_lower_case_and_a_wildcard_is_a_suffix() {
    let hosts = route("hosts = [\"API.Example.com\", \"*.Example.COM\", \"[::1]\"]").matches.hosts;
    let expected = [
        HostPattern::Exact("api.example.com".into()),
        HostPattern::Suffix(".example.com".into()),
        HostPattern::Exact("[::1]".into()),
    ];
    assert_eq!(hosts, expected);
}

#[test]
fn an_expression_must_fit_the_whole_path() {
    let PathPattern::Regex(regex) = route("path = { regex = '/a|/b' }").matches.path else { panic!() };
    assert!(regex.is_match("/a") && regex.is_match("/b"));
    assert!(!regex.is_match("/ab") && !regex.is_match("x/a"));
}

#[test]
fn a_header_or_parameter_is_a_text_or_anything() {
    let matches = route("headers = { X-Tenant = \"a\" }\nquery = { debug = true }").matches;
    assert_eq!(matches.headers[0].0.as_str(), "x-tenant");
    assert_eq!(matches.headers[0].1, ValuePattern::Exact("a".into()));
    assert_eq!(matches.query["debug"], ValuePattern::Present);
}

#[test]
fn a_prefix_can_be_stripped_or_replaced() {
    assert_eq!(route("path = { prefix = \"/a\" }\nrewrite = \"strip-prefix\"").rewrite, Rewrite::StripPrefix);
    let replace = route("path = { prefix = \"/a\" }\nrewrite = { replace_prefix = \"/b\" }").rewrite;
    assert_eq!(replace, Rewrite::ReplacePrefix("/b".into()));
}

#[test]
fn sizes_may_be_unlimited_where_that_is_sane() {
    assert_eq!(minimal_and("[limits]\nbody = \"unlimited\"").limits.body_bytes, None);
    assert_eq!(minimal_and("[limits]\nbody = \"0B\"").limits.body_bytes, Some(0));
}

#[test]
fn a_policy_configuration_reaches_the_plugin_as_json() {
    let policy = "[[plugin]]\nname = \"p\"\npath = \"p.wasm\"\n[[policy]]\nname = \"q\"\nplugin = \"p\"\n";
    let values = "config = { a = 0x10, b = 1.5, c = [true, \"x\"], d = 2024-05-27, e = { f = -1 } }";
    let expected = serde_json::json!({ "a": 16, "b": 1.5, "c": [true, "x"], "d": "2024-05-27", "e": { "f": -1 } });
    assert_eq!(minimal_and(&format!("{policy}{values}")).policies[0].config, expected);
}

#[test]
fn a_later_stage_can_point_at_a_key_or_the_nearest_table_around_it() {
    let sources = parse(MINIMAL).unwrap().sources;
    let place = |at: &str| sources.place_of(at).map(|place| (place.line, place.column));
    assert_eq!(place("listener[0].address"), Some((4, 11)));
    assert_eq!(place("listener[0].tls.key"), Some((2, 1)));
    assert_eq!(place("nothing.of.this"), None);
    let problem = sources.problem("listener[0].address", "in use", Some("take another".into()));
    assert_eq!(problem.at, "listener[0].address");
    let mut report = refused("x = 1");
    report.push(problem);
    assert!(report.render(false).contains("address = \"127.0.0.1:8080\"\n  |           ^^^^^^^^^^^^^^^^"));
}

#[test]
fn a_problem_is_json_for_the_admin_api() {
    let report = refused(&format!("{MINIMAL}\nlimit = 1"));
    let problem = serde_json::to_value(&report.problems).unwrap();
    assert_eq!(problem[0]["at"], "route[0].limit");
    assert_eq!(problem[0]["place"]["line"], 15);
    assert_eq!(problem[0].as_object().unwrap().len(), 4);
}

#[test]
fn a_smaller_head_takes_the_defaults_inside_it_along() {
    let limits = minimal_and("[limits]\nhead = \"4KiB\"").limits;
    assert_eq!((limits.line_bytes, limits.target_bytes), (4096, 4096));
}

#[test]
fn a_condition_that_is_wrong_is_not_compared_with_others() {
    let more = "[[route]]\nname = \"b\"\nupstream = \"app\"\npath = { prefix = \"b\" }";
    for more in [more, &more.replace("path = { prefix = \"b\" }", "hots = [\"b\"]")] {
        assert_eq!(refused(&format!("{MINIMAL}\n{more}")).problems.len(), 1, "{more}");
    }
}

#[test]
fn a_report_of_one_message_has_no_place() {
    let report = Report::message("the listener is gone");
    assert_eq!(report.render(false), "error: the listener is gone\n");
    assert_eq!(report.problems[0].place, None);
}

#[test]
fn a_section_without_a_name_is_the_only_problem_of_who_refers_to_it() {
    assert_eq!(refused(&MINIMAL.replace("name = \"app\"", "")).problems.len(), 1);
}

#[test]
fn a_name_is_what_the_certificate_of_its_endpoints_must_have() {
    let tls = |keys: &str| {
        let text = format!("[[upstream]]\nname = \"named\"\n{keys}\n[upstream.tls]");
        minimal_and(&text).upstreams.pop().unwrap().tls.unwrap().server_name
    };
    let named = Some("shop.internal".to_owned());
    assert_eq!(tls("endpoint = [{ address = \"shop.internal.:443\" }, { address = \"shop.internal:8443\" }]"), named);
    assert_eq!(tls("discovery = { dns = \"shop.internal\", port = 443 }"), named);
    assert_eq!(tls("host = \"shop\"\nendpoint = [{ address = \"shop.internal:443\" }]"), None);
    assert_eq!(tls("discovery = { file = \"shop.toml\" }"), None);
}

//! Changes while traffic flows: nothing fails, nothing is closed, and nothing wrong is taken over.

use std::path::Path;

use serde_json::Value;

use crate::harness::gateway::replace;
use crate::harness::load::{Load, duplicates};
use crate::harness::sections::{plugin, policy};
use crate::harness::{
    Answer, Gateway, Latch, Origin, Reply, Request, Response, Setup, eventually, guests, route, upstream,
};

fn file(origin: &Origin) -> String {
    upstream("origin", &[origin]) + &route("all", "origin", "")
}

/// A file whose route names an upstream that does not exist.
fn wrong(origin: &Origin) -> String {
    upstream("origin", &[origin]) + &route("all", "orign", "")
}

fn more(origin: &Origin, name: &str) -> String {
    file(origin) + &route(name, "origin", &format!("path = {{ exact = \"/{name}\" }}"))
}

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

fn version(answer: &Response) -> String {
    answer.field("x-version").unwrap_or("none").to_owned()
}

fn greeting(origin: &Origin, plugin_file: &Path, tag: usize) -> String {
    plugin("greeter", plugin_file, "")
        + &policy("greet", "greeter", "")
        + &upstream("origin", &[origin])
        + &route("all", "origin", "policies = [\"greet\"]")
        + &route("tag", "origin", &format!("path = {{ exact = \"/tag-{tag}\" }}"))
}

/// A gateway whose greeter lies in its own folder as `greeter.wasm`.
async fn greeted() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    // On a fast machine a connection would otherwise end at its default of ten thousand requests, reload or not.
    let setup = Setup::new("").limits("requests_per_connection = 1000000");
    let plugin_file = setup.copy(&guests::guest("greeter_v1"), "greeter.wasm");
    let gateway = setup.rest(greeting(&origin, &plugin_file, 0)).start().await;
    (gateway, origin)
}

fn outcome(report: &Value) -> &str {
    report["outcome"].as_str().unwrap_or_else(|| panic!("no outcome in {report}"))
}

#[tokio::test]
async fn a_changed_file_is_noticed_and_applied() {
    let (gateway, origin) = proxied().await;
    let before = gateway.admin().generation().await;
    let changed = upstream("origin", &[&origin]) + &route("all", "origin", "path = { prefix = \"/only\" }");
    gateway.write(&gateway.sections().with_rest(changed));
    eventually("the new route table", async || (gateway.get("/").await.status() == 404).then_some(())).await;
    assert_eq!(gateway.get("/only").await.status(), 200);
    assert!(gateway.admin().generation().await > before);
    assert_eq!(gateway.admin().until_reload("applied").await["last_reload"]["outcome"], "applied");
}

#[tokio::test]
async fn a_change_right_after_the_start_is_not_missed() {
    let (gateway, origin) = proxied().await;
    gateway.write(&gateway.sections().with_rest(more(&origin, "new")));
    eventually("a second generation", async || (gateway.admin().generation().await > 1).then_some(())).await;
}

#[tokio::test]
async fn a_file_written_in_place_is_noticed_as_well() {
    let (gateway, origin) = proxied().await;
    let text =
        gateway.sections().with_rest(upstream("origin", &[&origin]) + &route("all", "origin", "hosts = [\"x.test\"]"));
    std::fs::write(gateway.file(), text.text(gateway.directory())).expect("a writable folder");
    eventually("the new route table", async || (gateway.get("/").await.status() == 404).then_some(())).await;
}

#[tokio::test]
async fn a_file_beside_it_that_is_always_written_to_does_not_hide_a_change() {
    let (gateway, origin) = proxied().await;
    let noise = gateway.directory().join("busy.log");
    let only = upstream("origin", &[&origin]) + &route("all", "origin", "path = { prefix = \"/only\" }");
    gateway.write(&gateway.sections().with_rest(only));
    let ask = async || {
        std::fs::write(&noise, "a line\n").expect("a writable folder");
        (gateway.get("/").await.status() == 404).then_some(())
    };
    eventually("the new route table", ask).await;
}

#[tokio::test]
async fn a_hangup_signal_reloads() {
    let (mut gateway, _origin) = proxied().await;
    // The file is left as it is: a change of it would be taken over without a signal.
    gateway.signal("HUP").await;
    let ask = async || {
        let last = gateway.admin().get("/status").await["last_reload"].take();
        (last["trigger"] == "signal").then_some(last)
    };
    assert_eq!(outcome(&eventually("a reload by the signal", ask).await), "unchanged");
    assert!(gateway.is_alive());
}

#[tokio::test]
async fn a_file_that_says_the_same_changes_nothing() {
    let (gateway, origin) = proxied().await;
    let before = gateway.admin().generation().await;
    assert_eq!(outcome(&gateway.admin().reload().await), "unchanged");
    let report = gateway.reload_with(format!("# a comment\n{}", file(&origin))).await;
    assert_eq!(outcome(&report), "unchanged");
    assert_eq!(gateway.admin().generation().await, before);
}

#[tokio::test]
async fn a_wrong_file_leaves_the_last_good_one_in_force() {
    let (gateway, origin) = proxied().await;
    let mut client = gateway.client().await;
    assert_eq!(client.call(&Request::get("/")).await.status(), 200);
    let before = gateway.admin().generation().await;
    let report = gateway.reload_with(wrong(&origin)).await;
    assert_eq!(outcome(&report), "rejected");
    let status = gateway.admin().until_reload("rejected").await;
    assert_eq!(status["generation"], before);
    let problem = &status["last_reload"]["problems"][0];
    let message = problem["message"].as_str().unwrap_or_default();
    assert!(message.contains("orign"), "{status}");
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("origin")), "{status}");
    assert!(problem["at"].as_str().is_some_and(|at| at.contains("route")), "{status}");
    assert_eq!(client.call(&Request::get("/")).await.status(), 200, "on the same connection");
    gateway.until_logged("orign").await;
    gateway.admin().until_metric("tidegate_config_problems", &[], 1.0).await;
    let rejected = gateway.admin().metrics().await.sum("tidegate_reloads_total", &[("outcome", "rejected")]);
    assert!(rejected >= 1.0, "{rejected}: the call's, and the watch's where it was quicker");
    gateway.take_over(more(&origin, "mended")).await;
    gateway.admin().until_metric("tidegate_config_problems", &[], 0.0).await;
}

#[tokio::test]
async fn a_deleted_file_leaves_the_last_good_one_in_force() {
    let (mut gateway, _origin) = proxied().await;
    std::fs::remove_file(gateway.file()).expect("the file is there");
    assert_eq!(outcome(&gateway.admin().reload().await), "rejected");
    assert_eq!(gateway.get("/").await.status(), 200);
    assert!(gateway.is_alive());
}

#[tokio::test]
async fn a_change_of_a_listener_needs_a_restart_and_says_so() {
    let (gateway, origin) = proxied().await;
    let listeners = "[[listener]]\nname = \"other\"\naddress = \"127.0.0.1:0\"\n";
    gateway.write(&gateway.sections().with_listeners(listeners).with_rest(file(&origin)));
    let report = gateway.admin().reload().await;
    assert_eq!(outcome(&report), "needs_restart");
    assert!(report["keys"].to_string().contains("listener"), "{report}");
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_request_keeps_the_configuration_it_began_with() {
    let origin = Origin::start().await;
    let other = Origin::named("other").await;
    let latch = Latch::new();
    let gateway = Setup::proxying(&origin).start().await;
    origin.answer(Answer::after(&latch, Reply::ok("begun before")));
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    origin.until("the request to arrive", |seen| seen.len() == 1).await;
    gateway.take_over(upstream("other", &[&other]) + &route("all", "other", "")).await;
    assert_eq!(gateway.get("/").await.text(), "other");
    latch.open();
    assert_eq!(client.receive().await.text(), "begun before");
    assert_eq!(client.call(&Request::get("/")).await.text(), "other", "and the next one has the new one");
}

#[tokio::test]
async fn a_plugin_replaced_under_load_decides_from_then_on_and_closes_nothing() {
    let (gateway, origin) = greeted().await;
    let load = Load::start(gateway.address(), 8, Request::get("/"), version);
    load.until_sent(100).await;
    let fresh = std::fs::read(guests::guest("greeter_v2")).expect("a readable guest");
    replace(&gateway.directory().join("greeter.wasm"), fresh);
    let mut client = gateway.client().await;
    eventually("the new version to answer", async || {
        (version(&client.call(&Request::get("/")).await) == "2").then_some(())
    })
    .await;
    for _ in 0..50 {
        assert_eq!(version(&client.call(&Request::get("/")).await), "2", "no stale decision afterwards");
    }
    let tally = load.finish().await;
    tally.is_flawless();
    let kinds: Vec<_> = tally.kinds.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["1", "2"]);
    assert!(duplicates(&[&origin]).is_empty());
}

#[tokio::test]
async fn a_broken_plugin_file_leaves_the_last_good_one_deciding() {
    let (gateway, _origin) = greeted().await;
    replace(&gateway.directory().join("greeter.wasm"), "no component");
    let report = gateway.admin().reload().await;
    assert_eq!(outcome(&report), "rejected");
    assert!(report.to_string().contains("greeter"), "{report}");
    assert_eq!(version(&gateway.get("/").await), "1");
}

#[tokio::test]
async fn two_hundred_reloads_half_of_them_wrong_cost_no_request_and_no_connection() {
    let (gateway, origin) = greeted().await;
    let plugin_file = gateway.directory().join("greeter.wasm");
    let versions =
        ["greeter_v1", "greeter_v2"].map(|name| std::fs::read(guests::guest(name)).expect("a readable guest"));
    let load = Load::start(gateway.address(), 8, Request::get("/"), version);
    for round in 1..=50 {
        load.until_sent(20).await;
        replace(&plugin_file, "no component");
        assert_eq!(outcome(&gateway.admin().reload().await), "rejected", "plugin, round {round}");
        replace(&plugin_file, &versions[round % 2]);
        gateway.taken_over().await;
        gateway.write(&gateway.sections().with_rest(wrong(&origin)));
        assert_eq!(outcome(&gateway.admin().reload().await), "rejected", "configuration, round {round}");
        gateway.take_over(greeting(&origin, &plugin_file, round)).await;
        assert_eq!(version(&gateway.get("/").await), (1 + round % 2).to_string());
        assert_eq!(gateway.get(&format!("/tag-{round}")).await.field("x-version"), None);
    }
    let tally = load.finish().await;
    tally.is_flawless();
    assert!(tally.kinds.keys().all(|kind| kind == "1" || kind == "2"), "{:?}", tally.kinds);
    assert!(duplicates(&[&origin]).is_empty());
    assert!(gateway.admin().generation().await > 100);
}

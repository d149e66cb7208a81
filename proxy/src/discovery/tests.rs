//! Sources and the sets made of them, with providers that say what they are told to.

use std::collections::VecDeque;

use super::*;
use crate::config;
use crate::plugin::compile::Compilation;
use crate::process::Process;
use crate::running::Running;
use crate::snapshot::{Refresh, Snapshot};
use crate::upstream::tests::spec;

fn endpoints(ports: &[u16]) -> Vec<Endpoint> {
    let endpoint =
        |port: &u16| Endpoint { address: ([127, 0, 0, 1], *port).into(), weight: 100, zone: "".into(), priority: 0 };
    ports.iter().map(endpoint).collect()
}

fn file(name: &str) -> model::Source {
    model::Source { kind: SourceKind::File(name.into()), max_endpoints: 3 }
}

fn source(name: &str) -> Arc<Source> {
    let metrics = Metrics::new().discovery("shop", name);
    let ours: Arc<[SocketAddr]> = Arc::from([SocketAddr::from(([0, 0, 0, 0], 80))]);
    Arc::new(Source::new("shop", file(name), ours, None, metrics))
}

fn told(ports: &[u16]) -> Result<Answer, Failure> {
    Ok(Answer { endpoints: endpoints(ports), left_out: None })
}

fn ports(endpoints: &[Endpoint]) -> Vec<u16> {
    endpoints.iter().filter_map(|endpoint| endpoint.address.port()).collect()
}

#[test]
fn only_another_set_and_the_first_word_are_news() {
    let source = source("a");
    assert!(source.take(Err(Failure("down".into()))), "whoever waits must look again");
    assert!(!source.take(Err(Failure("down".into()))));
    assert!(source.take(told(&[])), "nothing is an answer too");
    assert!(source.take(told(&[1, 2])));
    assert!(!source.take(told(&[1, 2])));
    assert!(source.take(told(&[1])));
}

#[test]
fn a_provider_that_fails_or_lies_leaves_the_last_good_set() {
    let source = source("a");
    source.take(told(&[1, 2]));
    for bad in [Err(Failure("down".into())), told(&[1, 2, 3, 4])] {
        source.take(bad);
        assert_eq!(ports(&source.endpoints().unwrap()), [1, 2]);
        assert!(source.facts().problem.is_some());
    }
    assert!(source.facts().problem.unwrap().why.contains("4 endpoints, more than max_endpoints = 3"));
    source.take(told(&[2]));
    assert_eq!((source.facts().problem, source.facts().endpoints), (None, Some(1)));
}

#[test]
fn an_address_of_ours_and_a_second_of_the_same_are_left_out_and_told() {
    let source = source("a");
    source.take(told(&[80, 1, 1]));
    assert_eq!(ports(&source.endpoints().unwrap()), [1]);
    let why = source.facts().problem.unwrap().why;
    assert_eq!(why, "127.0.0.1:80 is a listener of this gateway; 127.0.0.1:1 is there twice");
}

#[test]
fn the_file_goes_first_and_each_address_is_there_once() {
    let spec = spec("shop", &[1, 2]);
    let (a, b) = (source("a"), source("b"));
    a.take(told(&[3, 2]));
    b.take(told(&[4, 3]));
    let known = union::of(&spec, &[&a, &b], false);
    assert_eq!((ports(&known.endpoints), known.awaited), (vec![1, 2, 3, 4], false));
    assert!(union::of(&spec, &[&a, &source("c")], false).awaited);
}

/// Says these things one after the other, then nothing more.
struct Scripted(VecDeque<Result<Answer, Failure>>);

#[async_trait]
impl Provider for Scripted {
    async fn next(&mut self) -> Result<Answer, Failure> {
        match self.0.pop_front() {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn a_source_is_asked_until_its_task_ends() {
    let source = source("a");
    let news = watch::Sender::new(0);
    let mut heard = news.subscribe();
    let script = Scripted([Err(Failure("down".into())), told(&[1]), told(&[1, 2])].into());
    let task = tokio::spawn(source::keep(Arc::clone(&source), Box::new(script), news));
    heard.wait_for(|count| *count == 3).await.unwrap();
    assert_eq!(ports(&source.endpoints().unwrap()), [1, 2]);
    task.abort();
}

fn with_discovery(sources: &[&str]) -> model::Upstream {
    let mut spec = spec("shop", &[]);
    spec.named = sources.iter().map(|name| file(name)).collect();
    spec
}

#[tokio::test]
async fn a_source_that_is_replaced_counts_until_the_new_one_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.toml"), folder.path().join("new.toml"));
    std::fs::write(&old, "endpoint = [{ address = \"127.0.0.1:1\" }]").unwrap();
    let before = with_discovery(&[old.to_str().unwrap()]);
    let after = with_discovery(&[new.to_str().unwrap()]);
    let discovery = Discovery::new(Handle::current(), Arc::new(Metrics::new()));
    discovery.reconcile(std::slice::from_ref(&before), &Arc::from([]));
    assert!(discovery.endpoints(&before).awaited);
    assert!(discovery.first_answers(Duration::from_secs(20)).await);
    assert_eq!(ports(&discovery.endpoints(&before).endpoints), [1]);
    assert_eq!(ports(&discovery.endpoints(&after).endpoints), [1], "before its snapshot takes effect");
    discovery.reconcile(std::slice::from_ref(&after), &Arc::from([]));
    discovery.first_answers(Duration::from_secs(20)).await;
    assert_eq!(ports(&discovery.endpoints(&after).endpoints), [1], "there is no new file yet");
    let mut news = discovery.news();
    std::fs::write(&new, "endpoint = [{ address = \"127.0.0.1:2\" }]").unwrap();
    let is_new = |_: &u64| ports(&discovery.endpoints(&after).endpoints) == [2];
    tokio::time::timeout(Duration::from_secs(20), news.wait_for(is_new)).await.unwrap().unwrap();
    discovery.reconcile(&[], &Arc::from([]));
    assert!(discovery.facts().is_empty());
}

/// `cargo test --release -p tidegate --lib ten_thousand -- --nocapture` tells how long.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "a figure for whoever asks for it")]
async fn a_change_of_ten_thousand_discovered_endpoints_is_taken_up() {
    const MANY: usize = 10_000;
    let list = |from: usize| -> String {
        let endpoint =
            |n: usize| format!("[[endpoint]]\naddress = \"10.{}.{}.{}:80\"\n", n >> 16, n >> 8 & 255, n & 255);
        (from..from + MANY).map(endpoint).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("endpoints.toml");
    std::fs::write(&file, list(0)).unwrap();
    let text = format!(
        "[access_log]\nformat = \"off\"\n[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n\
         [[upstream]]\nname = \"shop\"\nbalancer = \"peak-ewma\"\ndiscovery = {{ file = {file:?} }}\n\
         [[route]]\nname = \"shop\"\nupstream = \"shop\"\n"
    );
    let loaded = Arc::new(config::parse("test.toml", "".as_ref(), &text).unwrap());
    let process = Process::new(Handle::current(), &loaded.config, Compilation::in_process());
    let first = Snapshot::build(&process, loaded, None, Refresh::Everything).unwrap();
    let running = Running::new(Arc::new(process), Arc::new(first));
    assert!(running.process.discovery.first_answers(Duration::from_secs(60)).await);
    let take_up = |what: &str| {
        let began = std::time::Instant::now();
        let previous = running.snapshot();
        let next = Snapshot::build(&running.process, Arc::clone(&previous.loaded), Some(&previous), Refresh::Endpoints);
        let built = began.elapsed();
        running.swap(Arc::new(next.unwrap()));
        eprintln!("{MANY} endpoints, {what}: built in {built:?}, in force after {:?}", began.elapsed());
        assert_eq!(running.snapshot().upstreams["shop"].members.len(), MANY);
    };
    take_up("all new");
    for (shift, what) in [(1, "one of them new"), (MANY / 10, "a tenth of them new"), (MANY * 2, "all others")] {
        let mut news = running.process.discovery.news();
        std::fs::write(&file, list(shift)).unwrap();
        tokio::time::timeout(Duration::from_secs(60), news.changed()).await.unwrap().unwrap();
        take_up(what);
    }
}

//! What one call into a plugin costs: instance taken or started, guest run, decision checked, instance given back or dropped.
//! And what the policies of a route cost a request whose decisions are remembered.

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion};
use http::request::Parts;
use tidegate::config;
use tidegate::consumers::Consumer;
use tidegate::plugin::compile::Compilation;
use tidegate::policy::chain::ChainOutcome;
use tidegate::policy::decision::RequestDecision;
use tidegate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};
use tidegate::process::Process;
use tidegate::route::Lookup;
use tidegate::snapshot::{Refresh, Route, Snapshot};

/// What the gateway allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The plugins as `make plugins` builds them, with settings that let every call pass.
const CONFIGURATION: &str = r#"
[access_log]
format = "off"

[[listener]]
name = "http"
address = "127.0.0.1:0"

[[upstream]]
name = "none"
[[upstream.endpoint]]
address = "127.0.0.1:9"

[[plugin]]
name = "api-key"
path = "../plugins/dist/api_key.wasm"
grants = ["consumers"]

[[plugin]]
name = "rate-limit"
path = "../plugins/dist/rate_limit.wasm"

[[plugin]]
name = "api-key-per-request"
path = "../plugins/dist/api_key.wasm"
grants = ["consumers"]
instances = "per-request"

[[plugin]]
name = "rate-limit-per-request"
path = "../plugins/dist/rate_limit.wasm"
instances = "per-request"

[[policy]]
name = "api-key"
plugin = "api-key"

[[policy]]
name = "api-key-per-request"
plugin = "api-key-per-request"

[[policy]]
name = "rate-limit"
plugin = "rate-limit"
[policy.config]
limit = 1000000000
window = "1s"
by = "consumer"

[[policy]]
name = "rate-limit-per-request"
plugin = "rate-limit-per-request"
[policy.config]
limit = 1000000000
window = "1s"
by = "consumer"

[[consumer]]
name = "alice"
keys = ["bench-key-alice"]

[[route]]
name = "all"
upstream = "none"
policies = ["api-key", "rate-limit"]
"#;

/// As a browser sends it: the key is one field among a dozen.
fn head() -> Result<Parts, http::Error> {
    let request = http::Request::builder()
        .uri("/items?page=2")
        .header("host", "shop.example")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
        .header("accept-language", "en-GB,en;q=0.7,de;q=0.3")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("referer", "https://shop.example/items?page=1")
        .header("cookie", "session=0b1f7d6c5a4e3928; theme=dark")
        .header("upgrade-insecure-requests", "1")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-site", "same-origin")
        .header("apikey", "bench-key-alice")
        .body(())?;
    Ok(request.into_parts().0)
}

fn facts() -> RequestFacts {
    let client = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    let id = RequestId::new("01890a5d-ac96-774b-bcce-b302099a8057").unwrap_or_default();
    let mut facts = RequestFacts::new(client, id, "all".into(), Scheme::Http, "shop.example".to_owned());
    facts.consumer = Some(Arc::new(Consumer::new("alice".to_owned(), Vec::new())));
    facts
}

/// The result of what has nothing to wait for.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

/// From a request's head to what its policies leave in its response's; head, facts and response are dropped in the time.
fn bench_route(group: &mut BenchmarkGroup<'_, WallTime>, route: &Route, parts: &Parts) {
    group.bench_function(BenchmarkId::new("remembered", "route"), |bencher| {
        let fresh = || (parts.clone(), facts(), http::Response::new(()).into_parts().0);
        let run = |(mut head, mut facts, mut response): (Parts, RequestFacts, http::response::Parts)| {
            let outcome = at_once(route.chain.run_request(&mut head, &mut facts));
            facts.change_response(&mut response.headers);
            black_box(&response);
            outcome
        };
        assert!(matches!(run(fresh()), Some(ChainOutcome::Forward)), "the policies are to let the request pass");
        bencher.iter_batched(fresh, run, BatchSize::SmallInput);
    });
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let base = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = config::parse("bench.toml", base, CONFIGURATION).map_err(|report| report.render(false))?;
    let process = Process::new(runtime.handle().clone(), &loaded.config, Compilation::in_process());
    let snapshot = Snapshot::build(&process, Arc::new(loaded), None, Refresh::Everything)
        .map_err(|report| format!("{}\nrun `make plugins` first", report.render(false)))?;

    let (parts, facts) = (head()?, facts());
    let view = HttpRequestView { parts: &parts, facts: &facts };
    let mut group = criterion.benchmark_group("policy call");
    for (name, policy) in &snapshot.policies {
        let decision = policy.on_request(&view)?;
        if !matches!(decision, RequestDecision::Forward(_)) {
            return Err(format!("{name} is to let the request pass, not: {decision:?}").into());
        }
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| policy.on_request(black_box(&view)));
        });
        if policy.remembers() {
            group.bench_function(BenchmarkId::new("remembered", name), |bencher| {
                bencher.iter(|| at_once(policy.decide(black_box(&view)).wait()));
            });
        }
    }
    let (Parts { method, headers, uri, .. }, host) = (&parts, "shop.example");
    let lookup = Lookup { host, path: uri.path(), query: uri.query(), method, headers };
    bench_route(&mut group, snapshot.routes.find(&lookup).ok_or("no route")?, &parts);
    group.finish();
    criterion.final_summary();
    Ok(())
}

//! What a pick costs, and what a change of a set costs, among few endpoints and among many.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion};
use http::request::Parts;
use tidegate::config::model::EndpointAddress;
use tidegate::config::problem::Report;
use tidegate::config::{self, Loaded, model};
use tidegate::observe::metrics::Metrics;
use tidegate::plugin::compile::Compilation;
use tidegate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};
use tidegate::process::Process;
use tidegate::reload::{ReloadOutcome, Reloader, Trigger};
use tidegate::running::Running;
use tidegate::snapshot::{Refresh, Snapshot};
use tidegate::upstream::overlay::Overlays;
use tidegate::upstream::registry::EndpointRegistry;
use tidegate::upstream::transport::Transport;
use tidegate::upstream::{Listing, Upstream};

/// What the gateway allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each with the keys that choose it. The hash of 10 000 endpoints has the slots it needs.
const BALANCERS: [(&str, &str); 8] = [
    ("round robin", "balancer = \"round-robin\""),
    ("least request", "balancer = \"least-request\""),
    ("random", "balancer = \"random\""),
    ("peak ewma", "balancer = \"peak-ewma\""),
    ("ring", "balancer = { hash = \"header\", name = \"x-user\", load_factor = 0 }"),
    ("ring, bounded", "balancer = { hash = \"header\", name = \"x-user\" }"),
    ("maglev", "balancer = { hash = \"header\", name = \"x-user\", table = \"maglev\", load_factor = 0 }"),
    ("sticky", "sticky = { cookie = \"at\" }"),
];

const SIZES: [usize; 3] = [10, 100, 10_000];

/// A file with one upstream of so many endpoints.
fn text(keys: &str, endpoints: usize) -> String {
    let mut text = format!(
        "[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n[[upstream]]\nname = \"shop\"\n{keys}\n\
         [[route]]\nname = \"all\"\nupstream = \"shop\"\n"
    );
    for endpoint in 0..endpoints {
        let (high, low) = (endpoint / 250, endpoint % 250 + 1);
        text += &format!("[[upstream.endpoint]]\naddress = \"10.0.{high}.{low}:80\"\n");
    }
    text
}

fn parse(text: &str) -> Result<Loaded, Box<dyn Error>> {
    config::parse("bench.toml", Path::new(""), text).map_err(|report| report.render(false).into())
}

/// The upstream of that file.
fn spec(keys: &str, endpoints: usize) -> Result<model::Upstream, Box<dyn Error>> {
    let loaded = parse(&text(keys, endpoints))?;
    loaded.config.upstreams.into_iter().next().ok_or_else(|| "no upstream".into())
}

fn build(spec: &model::Upstream, known: &(EndpointRegistry, Metrics), previous: Option<&Upstream>) -> Upstream {
    Upstream::build(spec, Listing::of_file(spec), &known.0, &known.1, previous, None, Transport::default())
}

fn request() -> Result<(Parts, RequestFacts), Box<dyn Error>> {
    let request = http::Request::get("/items?page=2")
        .header("x-user", "b1946ac92492d234")
        .header("cookie", "theme=dark; at=b1946ac92492d2347c6235b4d2611184")
        .body(())?;
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let facts = RequestFacts::new(client, RequestId::default(), "all".into(), Scheme::Http, String::new());
    Ok((request.into_parts().0, facts))
}

fn picks(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let (parts, facts) = request()?;
    let view = HttpRequestView { parts: &parts, facts: &facts };
    for size in SIZES {
        let mut group = criterion.benchmark_group(format!("pick among {size}"));
        for (name, keys) in BALANCERS {
            let known = (EndpointRegistry::default(), Metrics::new());
            let upstream = build(&spec(keys, size)?, &known, None);
            let known_latency = |(member, us)| {
                let member: &tidegate::upstream::member::Member = member;
                member.endpoint.record_latency(Duration::from_micros(us));
            };
            upstream.members.iter().zip((500..1500).cycle()).for_each(known_latency);
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| upstream.pick(black_box(&view), &[]).map(|picked| picked.index));
            });
        }
    }
    Ok(())
}

/// One endpoint more: what stands between the change and the first request that sees it, the file's reading left aside.
fn changes(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("one endpoint more than 10000");
    group.sample_size(10);
    for (name, keys) in BALANCERS {
        let known = (EndpointRegistry::default(), Metrics::new());
        let before = Arc::new(build(&spec(keys, 10_000)?, &known, None));
        let after = spec(keys, 10_001)?;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_with_large_drop(|| build(black_box(&after), &known, Some(&before)));
        });
    }
    Ok(())
}

/// The same in a whole gateway: from the change to the swap of snapshots, with all that is told of it. Once as an endpoint
/// comes or goes at run time, once as a file is read again.
fn applications(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tidegate.toml");
    let mut group = criterion.benchmark_group("one endpoint more or less of 10000, applied");
    group.sample_size(10);
    for (name, keys) in BALANCERS {
        let (less, more) = (text(keys, 10_000), text(keys, 10_001));
        let loaded = Arc::new(parse(&less)?);
        let process = Process::new(runtime.handle().clone(), &loaded.config, Compilation::in_process());
        let first = Snapshot::build(&process, loaded, None, Refresh::Everything);
        let first = first.map_err(|report| report.render(false))?;
        let reloader = Reloader::new(Arc::new(Running::new(Arc::new(process), Arc::new(first))), file.clone());
        let mut is_there = false;
        group.bench_function(BenchmarkId::new("at run time", name), |bencher| {
            bencher.iter(|| {
                is_there = !is_there;
                let changed = reloader.change_endpoints(|overlays, snapshot| {
                    change(overlays, snapshot, is_there).map_err(|why| Report::message(why.to_string()))
                });
                assert!(runtime.block_on(changed).is_ok(), "the change was refused");
            });
        });
        let mut texts = [&more, &less].into_iter().cycle();
        group.bench_function(BenchmarkId::new("from the file", name), |bencher| {
            let write = || texts.next().map(|text| fs::write(&file, text));
            let reload = |_| {
                let outcome = runtime.block_on(reloader.reload(Trigger::Admin));
                assert!(matches!(outcome, ReloadOutcome::Applied { .. }), "{outcome:?}");
            };
            bencher.iter_batched(write, reload, BatchSize::PerIteration);
        });
    }
    Ok(())
}

/// Adds an endpoint at run time, or takes it away again.
fn change(overlays: &mut Overlays, snapshot: &Snapshot, add: bool) -> Result<(), Box<dyn Error>> {
    let spec = snapshot.loaded.config.upstreams.first().ok_or("no upstream")?;
    let address = EndpointAddress::from(([10, 1, 0, 1], 80));
    match add {
        true => overlays.edit(spec, &spec.endpoints).add(address, 100)?,
        false => overlays.edit(spec, &spec.endpoints).remove(&address)?,
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    picks(&mut criterion)?;
    changes(&mut criterion)?;
    applications(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

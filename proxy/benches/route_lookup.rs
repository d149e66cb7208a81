//! What it costs to find a request's route, among few routes and among many.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion};
use http::{HeaderMap, Method};
use tidegate::config::model::{HostPattern, PathPattern, RouteMatch};
use tidegate::route::{Lookup, RouteTable};

/// What the gateway allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests that end at each kind of pattern, and one that ends nowhere.
const REQUESTS: [(&str, &str, &str); 5] = [
    ("exact path", "shop-3.example", "/items/7"),
    ("prefix", "shop-3.example", "/files/2026/11/chart.png"),
    ("suffix host", "eu.tenant-3.example", "/files/chart.png"),
    ("regex", "shop-3.example", "/orders/4711/lines"),
    ("no route", "unknown.example", "/items/7"),
];

fn matches(host: HostPattern, path: PathPattern) -> RouteMatch {
    RouteMatch { hosts: vec![host], path, methods: Vec::new(), headers: Vec::new(), query: BTreeMap::new() }
}

/// Four routes for each of `shops` hosts.
fn table(shops: usize) -> Result<RouteTable<usize>, regex::Error> {
    let order_lines = regex::Regex::new("^(?:/orders/[0-9]+/lines)$")?;
    let mut entries = Vec::new();
    for shop in 0..shops {
        let host = || HostPattern::Exact(format!("shop-{shop}.example"));
        let tenant = HostPattern::Suffix(format!(".tenant-{shop}.example"));
        entries.push(matches(host(), PathPattern::Exact("/items/7".to_owned())));
        entries.push(matches(host(), PathPattern::Prefix("/files".to_owned())));
        entries.push(matches(host(), PathPattern::Regex(order_lines.clone())));
        entries.push(matches(tenant, PathPattern::Prefix("/".to_owned())));
    }
    Ok(RouteTable::new(entries.into_iter().enumerate().map(|(at, route)| (route, Arc::new(at))).collect()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let headers = HeaderMap::new();
    for shops in [5, 1_000] {
        let table = table(shops)?;
        let mut group = criterion.benchmark_group(format!("route lookup among {}", shops * 4));
        for (kind, host, path) in REQUESTS {
            let lookup = Lookup { host, path, query: None, method: &Method::GET, headers: &headers };
            group.bench_function(BenchmarkId::from_parameter(kind), |bencher| {
                bencher.iter(|| table.find(black_box(&lookup)).map(Arc::as_ref));
            });
        }
    }
    criterion.final_summary();
    Ok(())
}

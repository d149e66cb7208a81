//! What it costs to read and validate a configuration, as every reload does.

use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput};
use tidegate::config;

/// What the gateway allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A listener, and `routes` routes that each have an upstream of three endpoints and a consumer.
fn text(routes: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::from("[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:8080\"\n");
    for at in 0..routes {
        writeln!(text, "[[consumer]]\nname = \"consumer-{at}\"\nkeys = [\"key-of-consumer-{at}\"]")?;
        writeln!(text, "[[upstream]]\nname = \"upstream-{at}\"\n[upstream.timeouts]\nread = \"5s\"")?;
        for endpoint in 1..=3 {
            writeln!(text, "[[upstream.endpoint]]\naddress = \"10.{}.{}.{endpoint}:80\"", at / 256, at % 256)?;
        }
        writeln!(
            text,
            "[[route]]\nname = \"route-{at}\"\nupstream = \"upstream-{at}\"\nhosts = [\"shop-{at}.example\"]"
        )?;
    }
    Ok(text)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("configuration load");
    for routes in [1, 10, 1_000] {
        let text = text(routes)?;
        if let Err(report) = config::parse("bench.toml", Path::new("."), &text) {
            return Err(format!("the configuration of this benchmark is not right any more: {report:?}").into());
        }
        group.throughput(Throughput::Bytes(text.len().try_into()?));
        group.bench_function(BenchmarkId::from_parameter(format!("{routes} routes")), |bencher| {
            bencher.iter(|| config::parse("bench.toml", Path::new("."), black_box(&text)).is_ok());
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

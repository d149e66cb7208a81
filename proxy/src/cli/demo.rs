//! `tidegate demo`: three sample instances and a gateway before them, from nothing but the binary.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{LogArguments, print, run};
use crate::observe::log;
use crate::server::Server;

/// Plugins of the moment this binary was built; empty where they were not built before it.
const SHIPPED: [(&str, &[u8]); 3] = [
    ("api_key.wasm", include_bytes!(concat!(env!("OUT_DIR"), "/api_key.wasm"))),
    ("rate_limit.wasm", include_bytes!(concat!(env!("OUT_DIR"), "/rate_limit.wasm"))),
    ("least_latency.wasm", include_bytes!(concat!(env!("OUT_DIR"), "/least_latency.wasm"))),
];

/// Where the demo listens.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArguments {
    /// Port of the gateway on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the admin API on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 9900)]
    admin_port: u16,
    /// Print one JSON line per listener to standard output once it accepts, then {"ready":true}.
    #[arg(long)]
    ready_json: bool,
    #[command(flatten)]
    log: LogArguments,
}

/// Runs the demo until SIGTERM or SIGINT.
pub(super) fn main(arguments: &DemoArguments) -> anyhow::Result<()> {
    log::init(&arguments.log.log, arguments.log.log_format).context("log")?;
    let folder = tempfile::Builder::new().prefix("tidegate-demo-").tempdir().context("a folder for the demo")?;
    for (name, component) in SHIPPED {
        anyhow::ensure!(!component.is_empty(), "this binary was built before its plugins; run: make run");
        std::fs::write(folder.path().join(name), component).context("write the demo's plugins")?;
    }
    let runtime = run::control_runtime().context("demo runtime")?;
    let instances = runtime.block_on(start_instances()).context("start the sample instances")?;
    let file = folder.path().join("tidegate.toml");
    std::fs::write(&file, configuration(arguments, &instances)).context("write the demo's configuration")?;
    if arguments.ready_json {
        return run::serve(&file, run::Ready::Json);
    }
    run::serve(&file, run::Ready::Told(&|server, admin| explain(server, admin, &file)))
}

async fn start_instances() -> std::io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for name in ["inventory-1", "inventory-2", "inventory-3"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?);
        let app = Router::new()
            .route("/health", get(|| async { "ok\n" }))
            .fallback(sample)
            .with_state(Arc::<str>::from(name));
        tokio::spawn(async move { axum::serve(listener, app).await });
    }
    Ok(addresses)
}

/// Says which instance answered and what it was asked.
async fn sample(State(instance): State<Arc<str>>, request: Request) -> Response {
    let seen = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = serde_json::json!({
        "instance": &*instance,
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "consumer": seen("x-consumer-name"),
        "request_id": seen("x-request-id"),
        "forwarded_for": seen("x-forwarded-for"),
    });
    ([("x-instance-id", instance.to_string())], axum::Json(body)).into_response()
}

fn configuration(arguments: &DemoArguments, instances: &[SocketAddr]) -> String {
    let endpoints: String =
        instances.iter().map(|address| format!("[[upstream.endpoint]]\naddress = \"{address}\"\n\n")).collect();
    include_str!("demo.toml")
        .replace("{port}", &arguments.port.to_string())
        .replace("{admin_port}", &arguments.admin_port.to_string())
        .replace("{endpoints}\n", &endpoints)
}

fn explain(server: &Server, admin: Option<SocketAddr>, file: &Path) {
    // The demo's configuration has one of each.
    let (Some((_, gateway)), Some(admin)) = (server.addresses().next(), admin) else { return };
    print(&format!(
        "\
Three instances of a sample service run behind a gateway. Try:

  curl -i http://{gateway}/products                            401: a key is wanted (api-key, a Wasm policy)
  curl -i -H 'apikey: alice-key' http://{gateway}/products     200: which instance, which consumer, RateLimit
  for i in $(seq 12); do curl -s -o /dev/null -w '%{{http_code}} ' -H 'apikey: bob-key' http://{gateway}/; done; echo
                                                                  429 after 10: the limit is per consumer (rate-limit)
  curl -s http://{admin}/upstreams                          health, requests in flight, latency
  curl -s http://{admin}/plugins                            policies with their instances, calls, failures
  curl -s http://{admin}/metrics | grep tidegate_requests    what Prometheus scrapes
  open http://{admin}/                                      the same as a page

  {}
                                                                  edit it and save: it is reloaded while it serves
Ctrl-C ends it.
",
        file.display()
    ));
}

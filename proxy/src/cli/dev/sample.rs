//! A service for a gateway under development to ask: it answers with what it was sent.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::cli::run;

/// Where it listens unless told otherwise; what `tidegate plugin new` writes asks it there.
pub(super) const ADDRESS: &str = "127.0.0.1:9001";
/// The longest body that is shown.
const BODY_BYTES: usize = 64 << 10;

/// Starts it; it ends with the runtime.
///
/// # Errors
/// The address cannot be used.
pub(super) fn start(address: SocketAddr) -> anyhow::Result<Runtime> {
    let runtime = run::control_runtime().context("runtime of the sample service")?;
    let listener = runtime
        .block_on(TcpListener::bind(address))
        .with_context(|| format!("the sample service cannot listen at {address}\nhint: --sample ADDRESS"))?;
    tracing::info!(%address, "sample service listening");
    runtime.spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    Ok(runtime)
}

/// The request as text: its line, its fields and its body.
async fn echo(request: Request) -> String {
    let (head, body) = request.into_parts();
    let mut seen = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        // Writing to a string does not fail.
        let _ = writeln!(seen, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    match axum::body::to_bytes(body, BODY_BYTES).await {
        Ok(body) if body.is_empty() => {}
        Ok(body) => seen.extend(["\n", &String::from_utf8_lossy(&body)]),
        Err(_) => seen.push_str("\n(a body that is cut off, or longer than 64 KiB)\n"),
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_asks_the_service_where_it_listens() {
        let written = include_str!("../plugin/templates/shared/tidegate.toml");
        assert!(written.contains(&format!("address = {ADDRESS:?}")), "{written}");
    }
}

//! The calls of the admin listener.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};

use super::Control;
use super::answer::Problem;
use super::endpoints;
use super::entry::Entry;
use super::keyset::KeysetStatus;
use super::plugin::PluginStatus;
use super::status::{ReloadReport, Status};
use super::targets;
use super::upstream::{EventStatus, UpstreamStatus};

/// All calls, as an unknown path is told.
pub(super) const ROUTES: [&str; 19] = [
    "GET /",
    "GET /healthz",
    "GET /status",
    "GET /upstreams",
    "GET /upstreams/{name}",
    "POST /upstreams/{name}/endpoints",
    "PATCH /upstreams/{name}/endpoints/{address}",
    "DELETE /upstreams/{name}/endpoints/{address}",
    "GET /upstreams/{name}/health",
    "GET /upstreams/{name}/targets",
    "POST /upstreams/{name}/targets",
    "PATCH /upstreams/{name}/targets/{host:port}",
    "DELETE /upstreams/{name}/targets/{host:port}",
    "GET /events",
    "GET /plugins",
    "GET /keysets",
    "GET /config",
    "POST /reload",
    "GET /metrics",
];

const BODY_BYTES: usize = 64 * 1024;
/// A reload compiles plugins; everything else is done at once.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The page is one file: nothing is fetched but this listener's own answers, and nobody may frame it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Controlled = State<Arc<dyn Control>>;

/// The calls, behind the checks of `entry`.
pub(super) fn router(control: Arc<dyn Control>, entry: Entry) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(async || "ok\n"))
        .route("/status", get(status))
        .route("/upstreams", get(upstreams))
        .route("/upstreams/{name}", get(upstream))
        .route("/upstreams/{name}/endpoints", post(endpoints::add))
        .route("/upstreams/{name}/endpoints/{address}", patch(endpoints::update).delete(endpoints::remove))
        .route("/upstreams/{name}/health", get(targets::health))
        .route("/upstreams/{name}/targets", get(targets::list).post(targets::add))
        .route("/upstreams/{name}/targets/{address}", patch(targets::update).delete(targets::remove))
        .route("/events", get(events))
        .route("/plugins", get(plugins))
        .route("/keysets", get(keysets))
        .route("/config", get(config))
        .route("/reload", post(reload))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn(within_time))
        .layer(middleware::from_fn_with_state(entry, guard))
        .with_state(control)
}

async fn guard(State(entry): State<Entry>, request: Request, next: Next) -> Response {
    let checked = entry.check(request.uri().path(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(CALL_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::GATEWAY_TIMEOUT, "the call takes too long; it goes on without an answer")
            .hint("`GET /status` tells what a reload came to")
            .into_response(),
    }
}

async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(include_str!("page.html")))
}

async fn status(State(control): Controlled) -> Json<Status> {
    Json(control.status())
}

async fn upstreams(State(control): Controlled) -> Json<Vec<UpstreamStatus>> {
    Json(control.upstreams())
}

async fn upstream(State(control): Controlled, Path(name): Path<String>) -> Result<Json<UpstreamStatus>, Problem> {
    find_upstream(&*control, &name).map(Json)
}

/// The upstream of this name, or the problem that there is none.
pub(super) fn find_upstream(control: &dyn Control, name: &str) -> Result<UpstreamStatus, Problem> {
    let found = control.upstreams().into_iter().find(|upstream| upstream.name == name);
    found.ok_or_else(|| unknown_upstream(control, name))
}

async fn events(State(control): Controlled) -> Json<Vec<EventStatus>> {
    Json(control.events())
}

async fn plugins(State(control): Controlled) -> Json<Vec<PluginStatus>> {
    Json(control.plugins())
}

async fn keysets(State(control): Controlled) -> Json<Vec<KeysetStatus>> {
    Json(control.keysets())
}

async fn config(State(control): Controlled) -> Json<serde_json::Value> {
    Json(control.running_config())
}

async fn metrics(State(control): Controlled) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], control.metrics())
}

async fn reload(State(control): Controlled) -> Response {
    match tokio::spawn(async move { control.reload().await }).await {
        Ok(report) => (reload_status(&report), Json(report)).into_response(),
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the reload failed: {error}")).into_response()
        }
    }
}

fn reload_status(report: &ReloadReport) -> StatusCode {
    match report {
        ReloadReport::Unchanged | ReloadReport::Applied { .. } => StatusCode::OK,
        ReloadReport::Rejected { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ReloadReport::NeedsRestart { .. } => StatusCode::CONFLICT,
    }
}

async fn unknown(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no {}", uri.path())).routes(&ROUTES)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} takes no {method}", uri.path())).routes(&ROUTES)
}

/// The problem of a name nobody has, with the nearest that somebody has.
pub(super) fn unknown_upstream(control: &dyn Control, name: &str) -> Problem {
    let names = control.upstreams().into_iter().map(|upstream| upstream.name);
    let nearest = names
        .map(|known| (strsim::jaro_winkler(&known, name), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let hint = nearest
        .map_or_else(|| "`GET /upstreams` lists them".to_owned(), |(_, known)| format!("did you mean `{known}`?"));
    Problem::new(StatusCode::NOT_FOUND, format!("no upstream is named `{name}`")).hint(hint)
}

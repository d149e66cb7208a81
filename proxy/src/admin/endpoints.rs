//! The calls that change endpoints.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Control;
use super::answer::Problem;
use super::routes::unknown_upstream;
use super::upstream::{ChangeError, EndpointChange, UpstreamStatus};
use crate::config::model::EndpointAddress;

/// What a new endpoint weighs where nobody says: the default of the configuration file.
const DEFAULT_WEIGHT: u32 = 100;

pub(super) type Body = Result<Bytes, BytesRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addition {
    address: String,
    #[serde(default = "default_weight")]
    weight: u32,
}

pub(super) fn default_weight() -> u32 {
    DEFAULT_WEIGHT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    weight: Option<u32>,
    draining: Option<bool>,
}

pub(super) async fn add(
    State(control): State<Arc<dyn Control>>,
    Path(upstream): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let example = r#"{"address": "10.0.0.4:80", "weight": 100}"#;
    let Addition { address, weight } = read(body, example)?;
    let address = parse_address(&address)?;
    let status = change(control, upstream, EndpointChange::Add { address, weight }).await?;
    Ok((StatusCode::CREATED, status).into_response())
}

pub(super) async fn update(
    State(control): State<Arc<dyn Control>>,
    Path((upstream, address)): Path<(String, String)>,
    body: Body,
) -> Result<Json<UpstreamStatus>, Problem> {
    let address = parse_address(&address)?;
    let example = r#"{"weight": 50, "draining": true}"#;
    let Settings { weight, draining } = read(body, example)?;
    if weight.is_none() && draining.is_none() {
        return Err(
            Problem::new(StatusCode::BAD_REQUEST, "nothing to change").hint(format!("send {example}, either or both"))
        );
    }
    change(control, upstream, EndpointChange::Update { address, weight, draining }).await
}

pub(super) async fn remove(
    State(control): State<Arc<dyn Control>>,
    Path((upstream, address)): Path<(String, String)>,
) -> Result<Json<UpstreamStatus>, Problem> {
    let address = parse_address(&address)?;
    change(control, upstream, EndpointChange::Remove { address }).await
}

/// Applies the change in a task of its own, so that a caller who hangs up does not stop it half-way.
pub(super) async fn change(
    control: Arc<dyn Control>,
    upstream: String,
    change: EndpointChange,
) -> Result<Json<UpstreamStatus>, Problem> {
    let name = upstream.clone();
    let task = Arc::clone(&control);
    let changed = tokio::spawn(async move { task.change_endpoint(&name, change).await }).await;
    match changed {
        Ok(Ok(status)) => Ok(Json(status)),
        Ok(Err(error)) => Err(refusal(&error, &*control, &upstream)),
        Err(error) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the change failed: {error}"))),
    }
}

fn refusal(error: &ChangeError, control: &dyn Control, upstream: &str) -> Problem {
    let problem = |status| Problem::new(status, error.to_string());
    match error {
        ChangeError::UnknownUpstream => unknown_upstream(control, upstream),
        ChangeError::UnknownEndpoint(_) => {
            problem(StatusCode::NOT_FOUND).hint(format!("`GET /upstreams/{upstream}` lists its endpoints"))
        }
        ChangeError::AlreadyThere(_) => problem(StatusCode::CONFLICT).hint("`PATCH` changes one that is there"),
        ChangeError::OwnListener(_) => problem(StatusCode::BAD_REQUEST).hint("name the address of the service itself"),
        ChangeError::Weight(_) => {
            problem(StatusCode::BAD_REQUEST).hint("0 takes no new requests, 1 to 1000 is a share")
        }
        ChangeError::NotApplied(_) => problem(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

pub(super) fn parse_address(text: &str) -> Result<EndpointAddress, Problem> {
    text.parse().map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("`{text}` {error}"))
            .hint("as in `10.0.0.4:80`, `[::1]:80` or `unix:/run/shop.sock`")
    })
}

pub(super) fn read<T: DeserializeOwned>(body: Body, example: &str) -> Result<T, Problem> {
    let body = body.map_err(|error| Problem::new(error.status(), error.body_text().to_lowercase()))?;
    serde_json::from_slice(&body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("the body is not what this call takes: {error}"))
            .hint(format!("send {example}"))
    })
}

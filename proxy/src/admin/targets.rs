//! Endpoints in the words of Kong's admin API, for scripts that know it. What they change is what `endpoints` changes.
//!
//! Not here: names and addresses without a port as targets, weights over 1000, ids and times of creation (a target is its
//! address), `tags` (taken, and not kept), pages (there is one), `PUT`, `/targets/all`, and `/targets/{target}/healthy` and
//! `unhealthy`. `/health` knows `HEALTHY` and `UNHEALTHY` alone, also where nothing is checked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Control;
use super::answer::Problem;
use super::endpoints::{Body, change, default_weight, parse_address, read};
use super::routes::find_upstream;
use super::upstream::{EndpointChange, EndpointStatus, UpstreamStatus};
use crate::config::model::EndpointAddress;

/// A page of a list; there is never another.
#[derive(Serialize)]
pub(super) struct Page<T> {
    data: Vec<T>,
    next: Option<String>,
}

impl<T> Page<T> {
    fn of(data: Vec<T>) -> Json<Self> {
        Json(Self { data, next: None })
    }
}

/// An endpoint, by its name there.
#[derive(Serialize)]
pub(super) struct Target {
    target: EndpointAddress,
    weight: u32,
    upstream: Named,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

/// How an endpoint is.
#[derive(Serialize)]
pub(super) struct TargetHealth {
    #[serde(flatten)]
    target: Target,
    health: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addition {
    target: String,
    #[serde(default = "default_weight")]
    weight: u32,
    #[serde(default, rename = "tags")]
    _tags: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    weight: u32,
    #[serde(default, rename = "tags")]
    _tags: IgnoredAny,
}

type Controlled = State<Arc<dyn Control>>;

fn target(upstream: &str, endpoint: &EndpointStatus) -> Target {
    let upstream = Named { name: upstream.to_owned() };
    Target { target: endpoint.address.clone(), weight: endpoint.weight, upstream }
}

/// The one that was meant, as it is now.
fn one(upstream: &UpstreamStatus, address: &EndpointAddress) -> Result<Json<Target>, Problem> {
    let found = upstream.endpoints.iter().find(|endpoint| endpoint.address == *address);
    let gone = || Problem::new(StatusCode::NOT_FOUND, format!("the upstream has no endpoint {address} any more"));
    found.map(|endpoint| Json(target(&upstream.name, endpoint))).ok_or_else(gone)
}

pub(super) async fn list(State(control): Controlled, Path(name): Path<String>) -> Result<Json<Page<Target>>, Problem> {
    let upstream = find_upstream(&*control, &name)?;
    Ok(Page::of(upstream.endpoints.iter().map(|endpoint| target(&name, endpoint)).collect()))
}

pub(super) async fn health(
    State(control): Controlled,
    Path(name): Path<String>,
) -> Result<Json<Page<TargetHealth>>, Problem> {
    let upstream = find_upstream(&*control, &name)?;
    let health = |endpoint: &EndpointStatus| {
        let is_up = endpoint.healthy && endpoint.ejection.is_none();
        TargetHealth { target: target(&name, endpoint), health: if is_up { "HEALTHY" } else { "UNHEALTHY" } }
    };
    Ok(Page::of(upstream.endpoints.iter().map(health).collect()))
}

pub(super) async fn add(
    State(control): Controlled,
    Path(upstream): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let Addition { target, weight, .. } = read(body, r#"{"target": "10.0.0.4:80", "weight": 100}"#)?;
    let address = parse_address(&target)?;
    let changed = change(control, upstream, EndpointChange::Add { address: address.clone(), weight }).await?;
    Ok((StatusCode::CREATED, one(&changed, &address)?).into_response())
}

pub(super) async fn update(
    State(control): Controlled,
    Path((upstream, address)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Target>, Problem> {
    let address = parse_address(&address)?;
    let Settings { weight, .. } = read(body, r#"{"weight": 50}"#)?;
    let update = EndpointChange::Update { address: address.clone(), weight: Some(weight), draining: None };
    one(&*change(control, upstream, update).await?, &address)
}

pub(super) async fn remove(
    State(control): Controlled,
    Path((upstream, address)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let address = parse_address(&address)?;
    change(control, upstream, EndpointChange::Remove { address }).await.map(|_| StatusCode::NO_CONTENT)
}

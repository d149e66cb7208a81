//! A version of the contract for tests: as small as one can be, and other than 0.1 where both have something.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Instance as GuestInstance, InstancePre, Linker, Resource, TypedFunc};

use super::waiting;
use crate::counters::{Algorithm, Limit, Quota};
use crate::plugin::checked::Rules;
use crate::plugin::failure::Fault;
use crate::plugin::instance::{Configured, HostState};
use crate::plugin::policy::{Candidate, Exchange};
use crate::plugin::view::{RequestHandle, the_request};
use crate::policy::body::{Attention, Piece, Step};
use crate::policy::decision::{LocalResponse, RequestDecision, ResponseDecision, final_status};
use crate::policy::limits::Limits;
use crate::upstream::member::Member;
use bindings::exports::tidegate::gateway::request_policy;
use bindings::tidegate::gateway::http;

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/plugin/contract/probe/contract.wit",
        world: "plugin",
        imports: { default: trappable },
        with: { "tidegate:gateway/http.request": crate::plugin::view::RequestHandle },
    });
}

/// It in full.
pub(in crate::plugin) const VERSION: &str = "0.99.0";
pub(in crate::plugin) const WIT: &str = include_str!("probe/contract.wit");
pub(super) const INTERFACES: &[&str] = &["http", "request-policy"];

const ON_REQUEST: [&str; 2] = ["tidegate:gateway/request-policy@0.99.0", "on-request"];

pub(in crate::plugin) struct ExportIndices(request_policy::GuestIndices);

pub(in crate::plugin) struct Exports {
    indices: Arc<ExportIndices>,
    guest: GuestInstance,
    waiting: Option<TypedFunc<(Resource<RequestHandle>,), (u16,)>>,
}

impl http::Host for HostState {}

impl http::HostRequest for HostState {
    fn drop(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<()> {
        Ok(())
    }
}

pub(super) fn lend(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    http::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)
}

impl ExportIndices {
    pub(super) fn find(component: &InstancePre<HostState>) -> wasmtime::Result<Self> {
        request_policy::GuestIndices::new(component).map(Self)
    }
}

/// What it has.
impl Exports {
    pub(super) fn new(indices: Arc<ExportIndices>, guest: GuestInstance) -> Self {
        Self { indices, guest, waiting: None }
    }

    pub(in crate::plugin) fn look_up(&self, store: &mut Store<HostState>) -> wasmtime::Result<()> {
        self.indices.0.load(store, &self.guest).map(|_| ())
    }

    pub(in crate::plugin) fn on_request(
        &self,
        store: &mut Store<HostState>,
        _: Rules<'_>,
    ) -> Result<Option<RequestDecision>, Fault> {
        let request = self.indices.0.load(&mut *store, &self.guest)?;
        decision(request.call_on_request(store, the_request())?)
    }

    pub(in crate::plugin) async fn on_request_waiting(
        &mut self,
        store: &mut Store<HostState>,
        guest: GuestInstance,
        _: Rules<'_>,
    ) -> Result<Option<RequestDecision>, Fault> {
        decision(waiting::call(guest, store, ON_REQUEST, &mut self.waiting, (the_request(),)).await?)
    }
}

fn decision(status: u16) -> Result<Option<RequestDecision>, Fault> {
    if status == 0 {
        return Ok(Some(RequestDecision::default()));
    }
    let answer = LocalResponse { status: final_status(status)?, headers: Vec::new(), body: Bytes::new() };
    Ok(Some(RequestDecision::Respond(answer.into())))
}

/// What it does not have.
impl Exports {
    pub(in crate::plugin) fn configure(&self, _: &mut Store<HostState>, _: &str) -> wasmtime::Result<Configured> {
        Ok(Ok(()))
    }

    pub(in crate::plugin) async fn configure_waiting(
        &self,
        _: &mut Store<HostState>,
        _: GuestInstance,
        _: &str,
    ) -> wasmtime::Result<Configured> {
        Ok(Ok(()))
    }

    pub(in crate::plugin) fn limits_of(
        &self,
        _: &mut Store<HostState>,
        _: Rules<'_>,
        _: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Option<Limits>, Fault> {
        Ok(None)
    }

    pub(in crate::plugin) async fn limits_of_waiting(
        &mut self,
        _: &mut Store<HostState>,
        _: GuestInstance,
        _: Rules<'_>,
        _: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Option<Limits>, Fault> {
        Ok(None)
    }

    pub(in crate::plugin) fn on_response(
        &self,
        _: &mut Store<HostState>,
        _: Rules<'_>,
    ) -> Result<Option<ResponseDecision>, Fault> {
        Ok(None)
    }

    pub(in crate::plugin) async fn on_response_waiting(
        &mut self,
        _: &mut Store<HostState>,
        _: GuestInstance,
        _: Rules<'_>,
    ) -> Result<Option<ResponseDecision>, Fault> {
        Ok(None)
    }

    pub(in crate::plugin) fn attend_request(&self, _: &mut Store<HostState>) -> wasmtime::Result<Option<Attention>> {
        Ok(None)
    }

    pub(in crate::plugin) fn attend_response(&self, _: &mut Store<HostState>) -> wasmtime::Result<Option<Attention>> {
        Ok(None)
    }

    pub(in crate::plugin) fn on_request_body(
        &self,
        _: &mut Store<HostState>,
        _: Piece<'_>,
        _: Rules<'_>,
        _: usize,
    ) -> Result<Option<Step>, Fault> {
        Ok(None)
    }

    pub(in crate::plugin) fn on_response_body(
        &self,
        _: &mut Store<HostState>,
        _: Piece<'_>,
        _: Rules<'_>,
        _: usize,
    ) -> Result<Option<Step>, Fault> {
        Ok(None)
    }

    pub(in crate::plugin) fn update(&self, _: &mut Store<HostState>, _: &[Member]) -> wasmtime::Result<()> {
        Ok(())
    }

    pub(in crate::plugin) fn pick(
        &mut self,
        _: &mut Store<HostState>,
        _: &[Candidate],
    ) -> wasmtime::Result<Option<u32>> {
        Ok(None)
    }

    pub(in crate::plugin) fn on_exchange(
        &self,
        _: &mut Store<HostState>,
        _: Option<u16>,
        _: &Exchange<'_>,
    ) -> wasmtime::Result<()> {
        Ok(())
    }
}

//! The calls that may wait: no balancer, body or observer, since nobody would wait for it there.

use wasmtime::Store;
use wasmtime::component::{Instance as GuestInstance, Resource, TypedFunc};

use super::bindings::{limit_policy, request_policy, response_policy, types};
use super::decisions;
use super::exports::{Exports, configured};
use crate::counters::{Algorithm, Limit, Quota};
use crate::plugin::checked::Rules;
use crate::plugin::contract::waiting;
use crate::plugin::failure::Fault;
use crate::plugin::instance::{Configured, HostState};
use crate::plugin::view::{RequestHandle, ResponseHandle, the_request, the_response};
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::policy::limits::Limits;

const CONFIGURE: [&str; 2] = ["tidegate:gateway/configuration@0.1.0", "configure"];
const ON_REQUEST: [&str; 2] = ["tidegate:gateway/request-policy@0.1.0", "on-request"];
const LIMITS_OF: [&str; 2] = ["tidegate:gateway/limit-policy@0.1.0", "limits-of"];
const ON_RESPONSE: [&str; 2] = ["tidegate:gateway/response-policy@0.1.0", "on-response"];

type Configure = TypedFunc<(String,), (Result<(), Vec<types::Problem>>,)>;
type OnRequest = TypedFunc<(Resource<RequestHandle>,), (request_policy::Decision,)>;
type LimitsOf = TypedFunc<(Resource<RequestHandle>,), (limit_policy::Limits,)>;
type OnResponse = TypedFunc<(Resource<RequestHandle>, Resource<ResponseHandle>), (response_policy::Decision,)>;

#[derive(Default)]
pub(super) struct WaitingExports {
    on_request: Option<OnRequest>,
    limits_of: Option<LimitsOf>,
    on_response: Option<OnResponse>,
}

impl Exports {
    pub(in crate::plugin) async fn configure_waiting(
        &self,
        store: &mut Store<HostState>,
        guest: GuestInstance,
        text: &str,
    ) -> wasmtime::Result<Configured> {
        if self.indices.configuration.is_none() {
            return Ok(Ok(()));
        }
        let configure: Configure = waiting::find(guest, store, CONFIGURE)?;
        configure.call_async(store, (text.to_owned(),)).await.map(|(outcome,)| configured(outcome))
    }

    pub(in crate::plugin) async fn on_request_waiting(
        &mut self,
        store: &mut Store<HostState>,
        guest: GuestInstance,
        rules: Rules<'_>,
    ) -> Result<Option<RequestDecision>, Fault> {
        if self.indices.request.is_none() {
            return Ok(None);
        }
        let known = &mut self.waiting.on_request;
        let decision = waiting::call(guest, store, ON_REQUEST, known, (the_request(),)).await?;
        Ok(Some(decisions::on_request(decision, rules)?))
    }

    pub(in crate::plugin) async fn limits_of_waiting(
        &mut self,
        store: &mut Store<HostState>,
        guest: GuestInstance,
        rules: Rules<'_>,
        limit: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Option<Limits>, Fault> {
        if self.indices.limit.is_none() {
            return Ok(None);
        }
        let known = &mut self.waiting.limits_of;
        let limits = waiting::call(guest, store, LIMITS_OF, known, (the_request(),)).await?;
        Ok(Some(decisions::limits(limits, rules, limit)?))
    }

    pub(in crate::plugin) async fn on_response_waiting(
        &mut self,
        store: &mut Store<HostState>,
        guest: GuestInstance,
        rules: Rules<'_>,
    ) -> Result<Option<ResponseDecision>, Fault> {
        if self.indices.response.is_none() {
            return Ok(None);
        }
        let known = &mut self.waiting.on_response;
        let messages = (the_request(), the_response());
        let decision = waiting::call(guest, store, ON_RESPONSE, known, messages).await?;
        Ok(Some(decisions::on_response(decision, rules)?))
    }
}

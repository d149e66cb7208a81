//! `consumers`: the clients the operator knows by name.

use wasmtime::component::Resource;

use crate::consumers::{Consumer, ConsumerId, Consumers, TokenSubject};
use crate::plugin::contract::v0_1::bindings::consumers::{Host, KeyError};
use crate::plugin::instance::HostState;
use crate::plugin::scope;
use crate::plugin::view::{self, Ambiguity, RequestHandle};

impl Host for HostState {
    fn find_by_key_header(
        &mut self,
        _: Resource<RequestHandle>,
        name: String,
    ) -> wasmtime::Result<Result<u64, KeyError>> {
        scope::see("`consumers`", |call| {
            let key = view::peek_sole(call, &name)?;
            call.consumers.by_api_key(key).map(|consumer| consumer.id.0).ok_or(KeyError::Unknown)
        })
    }

    fn find_by_key(&mut self, key: Vec<u8>) -> wasmtime::Result<Option<u64>> {
        known(|consumers| consumers.by_api_key(&key).map(|consumer| consumer.id.0))
    }

    fn find_by_name(&mut self, name: String) -> wasmtime::Result<Option<u64>> {
        known(|consumers| consumers.by_name(&name).map(|consumer| consumer.id.0))
    }

    fn find_by_subject(&mut self, issuer: String, subject: String) -> wasmtime::Result<Option<u64>> {
        let subject = TokenSubject { issuer, subject };
        known(|consumers| consumers.by_subject(&subject).map(|consumer| consumer.id.0))
    }

    fn find_by_certificate(&mut self, sha256: Vec<u8>) -> wasmtime::Result<Option<u64>> {
        known(|consumers| consumers.by_certificate(&sha256).map(|consumer| consumer.id.0))
    }

    fn verify_hmac(&mut self, key_id: String, message: Vec<u8>, hmac: Vec<u8>) -> wasmtime::Result<Option<u64>> {
        known(|consumers| consumers.by_hmac(&key_id, &message, &hmac).map(|consumer| consumer.id.0))
    }

    fn name(&mut self, id: u64) -> wasmtime::Result<Option<String>> {
        known(|consumers| with(consumers, id).map(|consumer| consumer.name.clone()))
    }

    fn tags(&mut self, id: u64) -> wasmtime::Result<Vec<String>> {
        known(|consumers| with(consumers, id).map(|consumer| consumer.tags.clone()).unwrap_or_default())
    }
}

impl From<Ambiguity> for KeyError {
    fn from(ambiguity: Ambiguity) -> Self {
        match ambiguity {
            Ambiguity::Missing => Self::Missing,
            Ambiguity::Repeated => Self::Repeated,
        }
    }
}

fn known<R>(look: impl FnOnce(&Consumers) -> R) -> wasmtime::Result<R> {
    scope::see("`consumers`", |call| look(call.consumers))
}

fn with(consumers: &Consumers, id: u64) -> Option<&Consumer> {
    consumers.by_id(ConsumerId(id)).map(|consumer| &**consumer)
}

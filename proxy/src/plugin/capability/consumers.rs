//! `consumers`: the clients the operator knows by name.

use crate::plugin::bindings::consumers::{Consumer, Host};
use crate::plugin::instance::HostState;
use crate::plugin::scope;

impl Host for HostState {
    fn find_by_key(&mut self, key: Vec<u8>) -> wasmtime::Result<Option<Consumer>> {
        scope::see("`consumers`", |call| {
            let consumer = call.consumers.by_api_key(&key)?;
            Some(Consumer { name: consumer.name.clone(), tags: consumer.tags.clone() })
        })
    }
}

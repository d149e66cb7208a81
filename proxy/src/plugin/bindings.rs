//! The contract as Rust types and traits, generated from `wit/`.
//!
//! The world `plugin` has all roles; which of them a component exports is found out at load (`component`).

wasmtime::component::bindgen!({
    path: "../wit",
    world: "plugin",
    imports: { "tidegate:gateway/http-client.send": async | trappable, default: trappable },
    with: {
        "tidegate:gateway/http.request": super::view::RequestHandle,
        "tidegate:gateway/http.response": super::view::ResponseHandle,
    },
});

pub(super) use self::exports::tidegate::gateway::{
    balancer, body_policy, configuration, observer, request_policy, response_policy,
};
pub(super) use self::tidegate::gateway::{
    clock, consumers, counters, http, http_client, keysets, log, metrics, random, shared_data, types,
};

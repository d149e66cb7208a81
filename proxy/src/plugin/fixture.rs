//! Components for tests, written as WebAssembly text: small, and able to do what no toolchain would.
//!
//! A fixture is a core module with the canonical ABI done by hand, made a component of one of the worlds below.

pub(crate) mod image;
pub(crate) mod tokens;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::compile::Compilation;
use super::component::{LoadError, LoadedPlugin};
use super::contract::probe;
use super::engine::{EngineCapacity, PluginEngine};
use super::instance::Setup;
use super::outbound::Nowhere;
use super::policy::{ConfigureProblem, PolicyRuntime, PolicyServices};
use crate::config::model::{Counting, FailureMode, Grants, InstanceMode, Plugin, PluginLimits, Policy};
use crate::consumers::{Consumer, Consumers, Credentials, PasswordChecks};
use crate::counters::Counters;
use crate::keysets::Keysets;
use crate::observe::metrics::Metrics;
use crate::shared_data::SharedData;

const CONTRACT: [&str; 5] = [
    include_str!("../../../wit/types.wit"),
    include_str!("../../../wit/http.wit"),
    include_str!("../../../wit/capabilities.wit"),
    include_str!("../../../wit/policies.wit"),
    include_str!("../../../wit/worlds.wit"),
];

/// Worlds that the contract does not offer, one of them as language runtimes make it.
const WORLDS: &str = "
    package test:worlds;
    interface elsewhere { run: func(); }
    world bare { include tidegate:gateway/imports@0.1.0; export tidegate:gateway/request-policy@0.1.0; }
    world none { export elsewhere; }
    world naming-bodies { include tidegate:gateway/body-role@0.1.0; export tidegate:gateway/limit-policy@0.1.0; }
    world asking-balancer { include tidegate:gateway/imports@0.1.0; include tidegate:gateway/balancer-role@0.1.0; }
    world guarded { include tidegate:gateway/request-role@0.1.0; export tidegate:gateway/limit-policy@0.1.0; }
    interface things { resource thing; }
    world hoarding { include bare; export things; }
    world foreign { import elsewhere; include tidegate:gateway/request-role@0.1.0; }
    world runtime {
        import wasi:cli/environment@0.2.6;
        import wasi:cli/exit@0.2.6;
        import wasi:cli/stdout@0.2.6;
        import wasi:clocks/wall-clock@0.2.6;
        import wasi:random/random@0.2.6;
        import wasi:random/insecure-seed@0.2.6;
        include tidegate:gateway/request-role@0.1.0;
    }
    world balancing-runtime { import wasi:clocks/wall-clock@0.2.6; include tidegate:gateway/balancer-role@0.1.0; }
";
/// A component of the version that only tests have, which asks 0.1 for the time.
const MIXED: &str = "
    package test:mixed;
    world mixed { import tidegate:gateway/clock@0.1.0; include tidegate:gateway/plugin@0.99.0; }
";
/// As much of WASI as the world `runtime` imports.
const WASI: [&str; 4] = [
    "package wasi:io@0.2.6;
     interface error { resource error; }
     interface streams {
         use error.{error};
         variant stream-error { last-operation-failed(error), closed }
         resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
     }",
    "package wasi:cli@0.2.6;
     interface environment { get-environment: func() -> list<tuple<string, string>>; }
     interface exit { exit: func(status: result); }
     interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }",
    "package wasi:clocks@0.2.6;
     interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    "package wasi:random@0.2.6;
     interface random { get-random-u64: func() -> u64; }
     interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }",
];

/// A core module in the making.
#[derive(Clone, Default)]
pub(crate) struct Fixture {
    world: &'static str,
    version: &'static str,
    imports: String,
    functions: String,
    memory: &'static str,
    /// Instead of a bump allocator.
    realloc: Option<&'static str>,
    /// What the contract says, and what the guest was told it says.
    misread: Option<[&'static str; 2]>,
    data: image::Image,
}

impl Fixture {
    pub(crate) fn new(world: &'static str) -> Self {
        Self { world, version: "0.1.0", memory: "2", ..Self::default() }
    }

    /// A guest that decides on requests by running `body`, after it has let go of the request.
    pub(crate) fn request(body: &str) -> Self {
        Self::new("request-role").accepting().on_request(&format!("(call $drop-request (local.get 0)) {body}"))
    }

    /// A guest of a language whose runtime does this when it starts, in the middle of `configure`.
    pub(crate) fn starting(body: &str) -> Self {
        let configure = format!("{body} (i32.const 0)");
        Self::new("runtime").configure(&configure).on_request("(call $drop-request (local.get 0)) (i32.const 0)")
    }

    /// A guest whose decision is `decision`, always.
    pub(crate) fn deciding(image: image::Image, decision: u32) -> Self {
        Self { data: image, ..Self::request(&format!("(i32.const {decision})")) }
    }

    /// The same, made a component of another world.
    pub(crate) fn of(self, world: &'static str) -> Self {
        Self { world, ..self }
    }

    /// A guest that runs `body` whenever the gateway asks it for memory, once `$armed` is not 0.
    pub(crate) fn realloc(self, body: &'static str) -> Self {
        Self { realloc: Some(body), ..self }
    }

    /// A guest built against a contract that says `theirs` where it says `ours`.
    pub(crate) fn misreading(self, ours: &'static str, theirs: &'static str) -> Self {
        Self { misread: Some([ours, theirs]), ..self }
    }

    pub(crate) fn version(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    /// The limits of its memory, in pages.
    pub(crate) fn memory(self, memory: &'static str) -> Self {
        Self { memory, ..self }
    }

    pub(crate) fn data(self, data: image::Image) -> Self {
        Self { data, ..self }
    }

    pub(crate) fn import(mut self, interface: &str, name: &str, signature: &str) -> Self {
        self.imports += &format!("(import \"tidegate:gateway/{interface}@{}\" \"{name}\" {signature})\n", self.version);
        self
    }

    pub(crate) fn raw_import(mut self, import: &str) -> Self {
        self.imports += import;
        self
    }

    pub(crate) fn export(mut self, interface: &str, name: &str, rest: &str) -> Self {
        let version = self.version;
        self.functions += &format!("(func (export \"tidegate:gateway/{interface}@{version}#{name}\") {rest})\n");
        self
    }

    pub(crate) fn raw_export(mut self, function: &str) -> Self {
        self.functions += function;
        self
    }

    pub(crate) fn accepting(self) -> Self {
        self.configure("(i32.const 0)")
    }

    pub(crate) fn configure(self, body: &str) -> Self {
        self.export("configuration", "configure", &format!("(param i32 i32) (result i32) {body}"))
    }

    pub(crate) fn on_request(self, body: &str) -> Self {
        self.import("http", "[resource-drop]request", "(func $drop-request (param i32))").export(
            "request-policy",
            "on-request",
            &format!("(param i32) (result i32) {body}"),
        )
    }

    /// `body` runs with the handle dropped.
    pub(crate) fn limits_of(self, body: &str) -> Self {
        self.import("http", "[resource-drop]request", "(func $drop-limited (param i32))").export(
            "limit-policy",
            "limits-of",
            &format!("(param i32) (result i32) (call $drop-limited (local.get 0)) {body}"),
        )
    }

    /// `body` runs with both handles dropped.
    pub(crate) fn on_response(self, body: &str) -> Self {
        let drops = "(call $drop-request2 (local.get 0)) (call $drop-response (local.get 1))";
        self.import("http", "[resource-drop]request", "(func $drop-request2 (param i32))")
            .import("http", "[resource-drop]response", "(func $drop-response (param i32))")
            .export("response-policy", "on-response", &format!("(param i32 i32) (result i32) {drops} {body}"))
    }

    /// A guest that wants to see every body by pieces, and answers each piece of a request with `step`, where `$piece` and
    /// `$length` are its bytes. It knows nothing of responses.
    pub(crate) fn seeing_bodies(step: &str) -> Self {
        let drop = "(call $drop-request (local.get 0))";
        Self::new("body-role")
            .accepting()
            .import("http", "[resource-drop]request", "(func $drop-request (param i32))")
            .export("body-policy", "attend-request", &format!("(param i32) (result i32) {drop} (i32.const 1)"))
            .export("body-policy", "attend-response", "(param i32 i32) (result i32) (unreachable)")
            .export(
                "body-policy",
                "on-request-body",
                &format!(
                    "(param i32) (param $piece i32) (param $length i32) (param i32 i32 i32) (result i32) {drop} {step}"
                ),
            )
            .export("body-policy", "on-response-body", "(param i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable)")
    }

    /// `update` counts itself in the byte at 8; `pick` runs `body`.
    pub(crate) fn balancing(body: &str) -> Self {
        Self::balancing_in("balancer-role", body).accepting()
    }

    /// The same in this world, not told how it is configured.
    pub(crate) fn balancing_in(world: &'static str, body: &str) -> Self {
        Self::new(world)
            .import("http", "[resource-drop]request", "(func $drop-request (param i32))")
            .export(
                "balancer",
                "update",
                "(param i32 i32) (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))",
            )
            .export(
                "balancer",
                "pick",
                &format!("(param i32 i32 i32 i32 i32 i32 i32) (result i32) (call $drop-request (local.get 0)) {body}"),
            )
    }

    fn core(&self) -> Vec<u8> {
        let text = format!(
            "(module {imports}
               (memory (export \"memory\") {memory})
               (global $heap (mut i32) (i32.const 65536))
               (global $armed (mut i32) (i32.const 0))
               (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (local $at i32)
                 (if (global.get $armed) (then {realloc}))
                 (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                 (global.set $heap (i32.add (local.get $at) (local.get 3)))
                 (local.get $at))
               {functions}
               (data (i32.const {base}) \"{data}\"))",
            imports = self.imports,
            memory = self.memory,
            realloc = self.realloc.unwrap_or_default(),
            functions = self.functions,
            base = image::BASE,
            data = self.data.escaped(),
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The bytes of the component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let bodies: Vec<String> =
            CONTRACT.iter().map(|file| file.replacen("package tidegate:gateway@0.1.0;", "", 1)).collect();
        let version = if self.version == probe::VERSION { "0.1.0" } else { self.version };
        let contract = format!("package tidegate:gateway@0.1.0;\n{}", bodies.join("\n")).replace("0.1.0", version);
        let contract =
            self.misread.map_or_else(|| contract.clone(), |[ours, theirs]| contract.replacen(ours, theirs, 1));
        let mut package = resolve.push_source("contract.wit", &contract).unwrap();
        for package in WASI {
            resolve.push_source("wasi.wit", package).unwrap();
        }
        let worlds = match self.version {
            "0.1.0" => resolve.push_source("worlds.wit", WORLDS).unwrap(),
            probe::VERSION => {
                package = resolve.push_source("probe.wit", probe::WIT).unwrap();
                resolve.push_source("mixed.wit", MIXED).unwrap()
            }
            _ => package,
        };
        let world =
            [package, worlds].into_iter().find_map(|p| resolve.select_world(&[p], Some(self.world)).ok()).unwrap();
        let mut module = self.core();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }
}

/// One engine for all tests.
pub(crate) fn engine() -> PluginEngine {
    static ENGINE: OnceLock<PluginEngine> = OnceLock::new();
    let capacity = EngineCapacity { instances: 200, memory: 64 << 20 };
    ENGINE.get_or_init(|| PluginEngine::new(capacity, Arc::new(Compilation::in_process())).unwrap()).clone()
}

pub(crate) fn all_grants() -> Grants {
    Grants::all()
}

pub(crate) const LIMITS: PluginLimits = PluginLimits {
    cpu: Duration::from_millis(5),
    memory: 4 << 20,
    output: 64 << 10,
    output_fields: 256,
    instances: 4,
    calls_per_instance: 1000,
    decisions: 0,
    table_elements: 10_000,
    handles: 1000,
    body: 1 << 20,
    log_lines: 100,
    shared_data: 1 << 20,
    counters: 10_000,
    http_calls: 4,
    http_timeout: Duration::from_secs(2),
    http_body: 64 << 10,
};

/// A file with these bytes, loaded as a plugin named `guest`.
pub(crate) fn load(bytes: &[u8], grants: Grants, limits: PluginLimits) -> Result<Arc<LoadedPlugin>, LoadError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    LoadedPlugin::load(&engine(), &plugin(file.path(), grants, limits))
}

/// `[[plugin]]` with this file.
pub(crate) fn plugin(path: &std::path::Path, grants: Grants, limits: PluginLimits) -> Plugin {
    Plugin {
        name: "guest".into(),
        path: path.to_owned(),
        sha256: None,
        grants,
        upstreams: Vec::new(),
        counters: Counting::Local,
        instances: InstanceMode::Reused,
        quarantine: None,
        limits,
    }
}

pub(crate) fn spec(config: serde_json::Value) -> Policy {
    Policy { name: "policy".into(), plugin: "guest".into(), config, on_failure: FailureMode::Deny }
}

/// The number of the consumer that [`services`] knows.
pub(crate) fn alice() -> u64 {
    Consumer::new("alice".into(), Vec::new()).id.0
}

/// Alice is known, and her key is `secret`.
pub(crate) fn services() -> PolicyServices {
    use sha2::{Digest, Sha256};
    let alice = Consumer::new("alice".into(), vec!["gold".into()]);
    let credentials = Credentials { api_key_hashes: vec![Sha256::digest(b"secret").into()], ..Credentials::default() };
    let metrics = Metrics::new();
    PolicyServices {
        counters: Counters::default().policy("policy", LIMITS.counters),
        shared_counters: None,
        shared_data: SharedData::default().policy("policy"),
        consumers: Arc::new(Consumers::new([(alice, credentials)])),
        passwords: Arc::new(PasswordChecks::in_place()),
        keysets: Arc::new(Keysets::default()),
        outbound: Arc::new(Nowhere),
        metrics: metrics.policy("policy", "guest"),
        series: metrics.policy_series("policy"),
    }
}

/// What instances of this plugin have in common, without a policy around them.
pub(super) fn setup(plugin: &LoadedPlugin) -> Arc<Setup> {
    Arc::new(Setup::new(plugin, &spec(serde_json::json!({})), "{}".into(), &services()))
}

pub(crate) fn try_bind(fixture: &Fixture, limits: PluginLimits) -> Result<Arc<PolicyRuntime>, Vec<ConfigureProblem>> {
    let plugin = load(&fixture.build(), all_grants(), limits).unwrap();
    PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services())
}

/// A policy made of this guest, with every grant, where the plugin is configured in its own way.
pub(crate) fn bind_as(
    fixture: &Fixture,
    adjust: impl FnOnce(Plugin) -> Plugin,
    services: PolicyServices,
) -> Arc<PolicyRuntime> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), fixture.build()).unwrap();
    let plugin = LoadedPlugin::load(&engine(), &adjust(plugin(file.path(), all_grants(), LIMITS))).unwrap();
    PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services).unwrap()
}

/// A policy made of this guest, with every grant.
pub(crate) fn bind(fixture: &Fixture) -> Arc<PolicyRuntime> {
    try_bind(fixture, LIMITS).unwrap()
}

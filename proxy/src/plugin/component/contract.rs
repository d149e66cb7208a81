//! What a component imports and exports, held against the contract and the grants.

use semver::Version;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::LoadProblem;
use crate::config::model::{Capability, Grants};
use crate::plugin::policy::Roles;

/// The newest version of the contract that this gateway knows.
pub(in crate::plugin) const VERSION: &str = "0.1.0";
const PACKAGE: &str = "tidegate:gateway/";

/// An interface of the contract, as a component names it.
struct Interface<'a> {
    name: &'a str,
    /// `None` where it is none.
    version: Option<Version>,
}

impl<'a> Interface<'a> {
    /// `None` for what is not of our package.
    fn parse(full: &'a str) -> Option<Self> {
        let rest = full.strip_prefix(PACKAGE)?;
        let (name, version) = rest.split_once('@').unwrap_or((rest, ""));
        Some(Self { name, version: Version::parse(version).ok() })
    }

    /// A `0.1.x` only ever adds to the ones before it.
    fn is_known_version(&self) -> bool {
        self.version.as_ref().is_some_and(|version| (version.major, version.minor) == (0, 1))
    }
}

/// The capability that an interface of the contract is, where it is one.
fn capability(interface: &str) -> Option<Capability> {
    Capability::ALL.into_iter().find(|capability| capability.name() == interface)
}

/// What a component says about itself.
pub(super) struct Survey {
    pub(super) imports: Vec<String>,
    pub(super) roles: Roles,
    pub(super) configuration: bool,
    pub(super) contract: String,
    /// Whether a call may wait for an answer from outside.
    pub(super) waits: bool,
    exports: Vec<String>,
}

impl Survey {
    pub(super) fn of(component: &Component, engine: &Engine) -> Self {
        let ty = component.component_type();
        let imports: Vec<String> = ty.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<String> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let exported = |wanted| exports.iter().filter_map(|name| Interface::parse(name)).any(|e| e.name == wanted);
        Self {
            roles: Roles {
                request: exported("request-policy"),
                response: exported("response-policy"),
                body: exported("body-policy"),
                balancer: exported("balancer"),
                observer: exported("observer"),
            },
            configuration: exported("configuration"),
            contract: newest_version(imports.iter().chain(&exports)),
            waits: imports
                .iter()
                .filter_map(|name| Interface::parse(name))
                .any(|i| i.name == Capability::HttpClient.name()),
            imports,
            exports,
        }
    }

    /// Everything that keeps the component from running with these grants.
    pub(super) fn problems(&self, grants: Grants) -> Vec<LoadProblem> {
        let mut problems = Vec::new();
        problems.extend(self.foreign_imports());
        problems.extend(self.imports.iter().chain(&self.exports).filter_map(|name| unknown_to_contract(name)));
        problems.extend(self.missing_grants(grants));
        problems.extend(self.impatient_roles());
        if self.roles == Roles::default() {
            problems.push(LoadProblem::new(
                "exports none of `request-policy`, `response-policy`, `body-policy`, `balancer` and `observer`",
                format!("export at least one of them, as tidegate:gateway/request-policy@{VERSION}"),
            ));
        }
        problems
    }

    /// Whether it imports this.
    pub(super) fn imports_capability(&self, capability: Capability) -> bool {
        self.imports.iter().filter_map(|name| Interface::parse(name)).any(|i| i.name == capability.name())
    }

    /// Where it waits, only what is waited for.
    fn impatient_roles(&self) -> Option<LoadProblem> {
        let impatient =
            [("body-policy", self.roles.body), ("balancer", self.roles.balancer), ("observer", self.roles.observer)];
        let names: Vec<&str> = impatient.into_iter().filter(|(_, exported)| *exported).map(|(name, _)| name).collect();
        (self.waits && !names.is_empty()).then(|| {
            LoadProblem::new(
                format!("imports {PACKAGE}http-client and exports {}, which nobody waits for", names.join(", ")),
                "make two plugins of it: one that asks upstreams, and one with the other roles",
            )
        })
    }

    fn foreign_imports(&self) -> Option<LoadProblem> {
        let foreign: Vec<&str> =
            self.imports.iter().map(String::as_str).filter(|name| Interface::parse(name).is_none()).collect();
        (!foreign.is_empty()).then(|| {
            LoadProblem::new(
                format!("imports what no policy is given: {}", foreign.join(", ")),
                "a policy has no files, sockets or environment: build it for wasm32-unknown-unknown, or stub WASI out",
            )
        })
    }

    fn missing_grants(&self, grants: Grants) -> Vec<LoadProblem> {
        let wanted = |capability: &Capability| self.imports_capability(*capability);
        let missing: Vec<Capability> = Capability::ALL.into_iter().filter(|c| wanted(c) && !grants.has(*c)).collect();
        let line: Vec<String> = Capability::ALL
            .into_iter()
            .filter(|capability| grants.has(*capability) || missing.contains(capability))
            .map(|capability| format!("{:?}", capability.name()))
            .collect();
        let problem = |capability: Capability| {
            LoadProblem::new(
                format!("imports {PACKAGE}{0}, and the grant \"{0}\" is missing", capability.name()),
                format!("if it may use this: grants = [{}]", line.join(", ")),
            )
            .about("grants")
        };
        missing.into_iter().map(problem).collect()
    }
}

/// An interface or a version that this gateway's contract does not have.
fn unknown_to_contract(full: &str) -> Option<LoadProblem> {
    let interface = Interface::parse(full)?;
    if !interface.is_known_version() {
        return Some(LoadProblem::new(
            format!("is built against {full}, and this gateway knows contract {VERSION}"),
            "build it against the `wit` folder of this gateway",
        ));
    }
    let is_role = matches!(
        interface.name,
        "configuration" | "request-policy" | "response-policy" | "body-policy" | "balancer" | "observer"
    );
    let is_known = is_role || matches!(interface.name, "http" | "types") || capability(interface.name).is_some();
    (!is_known).then(|| {
        LoadProblem::new(
            format!("uses {full}, which contract {VERSION} does not have"),
            "build it against the `wit` folder of this gateway",
        )
    })
}

fn newest_version<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let versions = names.filter_map(|name| Interface::parse(name)?.version);
    versions.max().map_or_else(|| VERSION.to_owned(), |version| version.to_string())
}

//! What a component says about itself, held against the contract and the grants: nothing is compiled for it, or run.

mod names;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::contract::{self, ContractVersion, Interface, PACKAGE};
use super::policy::{Role, Roles};
use super::problem::LoadProblem;
use super::runtime_imports;
use crate::config::model::{Capability, Grants};
use names::Names;

/// What a component imports and exports, and what that means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// SHA-256 of the component, in lower-case hex.
    pub sha256: String,
    /// Size of the component, in bytes.
    pub bytes: usize,
    /// The contract's version it was built against, in full; the newest where it names several, and none where it names
    /// none.
    pub contract: Option<String>,
    /// What it decides on.
    pub roles: Roles,
    /// Whether it takes a configuration.
    pub configuration: bool,
    /// The grants it cannot be loaded without.
    pub grants: Grants,
    /// The grants that its language's runtime wants besides, where it asks for the time or for random numbers. It is loaded
    /// without them, and a call in which it asks traps.
    pub optional_grants: Grants,
    /// What it imports, as it says it.
    pub imports: Vec<String>,
    /// What it exports of the contract, as it says it.
    pub exports: Vec<String>,
    /// What else it exports: nobody asks for it. Some tool chains leave such things.
    pub unused_exports: Vec<String>,
    /// Those of its imports that its language's runtime brought along (WASI). They are answered by an empty world, and give
    /// no power.
    pub runtime_imports: Vec<String>,
}

/// Looks at a component.
///
/// What it says is not proven: whether it is valid is found out when it is compiled.
///
/// # Errors
/// The bytes are no component, or cannot be read as one.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadProblem> {
    let Names { imports, exports } = names::read(bytes)?;
    let grants: Grants = imports.iter().filter_map(|name| Interface::parse(name)?.capability()).collect();
    let (exports, unused_exports): (Vec<_>, Vec<_>) =
        exports.into_iter().partition(|name| Interface::parse(name).is_some());
    let exported = |wanted| exports.iter().filter_map(|name| Interface::parse(name)).any(|e| e.name == wanted);
    Ok(Inspection {
        sha256: hex::encode(Sha256::digest(bytes)),
        bytes: bytes.len(),
        contract: newest_version(imports.iter().chain(&exports)),
        roles: Roles {
            request: exported(Role::Request.name()),
            limit: exported(Role::Limit.name()),
            response: exported(Role::Response.name()),
            body: exported(Role::Body.name()),
            balancer: exported(Role::Balancer.name()),
            observer: exported(Role::Observer.name()),
        },
        configuration: exported("configuration"),
        grants,
        optional_grants: runtime_imports::ungranted(&imports, grants).map(|(_, capability)| capability).collect(),
        runtime_imports: imports.iter().filter(|name| runtime_imports::is_one(name)).cloned().collect(),
        imports,
        exports,
        unused_exports,
    })
}

impl Inspection {
    /// The version of the contract that it is linked and called by, which is the one it names where it has no
    /// [`Self::problems`]. One that names none has nothing to link or call.
    #[must_use]
    pub fn served_contract(&self) -> ContractVersion {
        let mut named = self.imports.iter().chain(&self.exports).filter_map(|name| Interface::parse(name)?.contract());
        named.next().unwrap_or(ContractVersion::V0_1)
    }

    /// Whether its calls may wait for an answer from outside.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.grants.iter().any(Capability::waits)
    }

    /// Whether its decisions can depend on nothing but what it reads of the messages, on who the consumers are, and on keys. What a
    /// language's runtime brings along may tell it more.
    #[must_use]
    pub fn decides_by_reading(&self) -> bool {
        self.runtime_imports.is_empty() && self.grants.iter().all(Capability::is_a_lookup)
    }

    /// Everything that keeps the component from running with these grants.
    #[must_use]
    pub fn problems(&self, grants: Grants) -> Vec<LoadProblem> {
        let mut problems = Vec::new();
        problems.extend(self.foreign_imports());
        problems.extend(self.mixed_versions().or_else(|| self.unserved_versions()));
        problems.extend(self.imports.iter().chain(&self.exports).filter_map(|name| unknown_interface(name)));
        problems.extend(self.missing_grants(grants));
        problems.extend(self.no_role());
        problems.extend(self.impatient_roles());
        problems
    }

    fn foreign_imports(&self) -> Option<LoadProblem> {
        let is_foreign = |name: &&String| Interface::parse(name).is_none() && !runtime_imports::is_one(name);
        let foreign: Vec<&str> = self.imports.iter().filter(is_foreign).map(String::as_str).collect();
        (!foreign.is_empty()).then(|| {
            LoadProblem::new(
                format!("imports what no policy is given: {}", foreign.join(", ")),
                "a policy is lent what the contract has, and nothing else: leave out what needs this",
            )
        })
    }

    /// Versions that it names beside one another: a call of one version knows nothing of what another one lends.
    fn mixed_versions(&self) -> Option<LoadProblem> {
        let imported = self.imports.iter().map(|name| ("imports", name));
        let exported = self.exports.iter().map(|name| ("exports", name));
        let mut versions = BTreeMap::<(u64, u64), Vec<String>>::new();
        for (does, name) in imported.chain(exported) {
            if let Some(version) = Interface::parse(name).and_then(|interface| interface.version) {
                versions.entry((version.major, version.minor)).or_default().push(format!("{does} {name}"));
            }
        }
        let told = versions.iter().map(|((major, minor), names)| format!("{major}.{minor} ({})", names.join(", ")));
        (versions.len() > 1).then(|| {
            LoadProblem::new(
                format!("mixes versions of the contract: {}", told.collect::<Vec<_>>().join(" and ")),
                format!("build all of it against one version; this gateway speaks contract {}", contract::served()),
            )
        })
    }

    /// One problem for all interfaces of the contract that are of another version: they were built as one.
    fn unserved_versions(&self) -> Option<LoadProblem> {
        let is_unserved =
            |name: &&String| Interface::parse(name).is_some_and(|interface| interface.contract().is_none());
        let unserved: Vec<&str> =
            self.imports.iter().chain(&self.exports).filter(is_unserved).map(String::as_str).collect();
        (!unserved.is_empty()).then(|| {
            LoadProblem::new(
                format!("is built against {}, and this gateway speaks contract {}", unserved.join(", "), contract::served()),
                format!(
                    "build it against the `wit` folder of this gateway (contract {}), or run a gateway that speaks its version",
                    ContractVersion::NEWEST
                ),
            )
        })
    }

    fn missing_grants(&self, grants: Grants) -> Vec<LoadProblem> {
        let all: Grants = grants.iter().chain(self.grants.iter()).collect();
        let problem = |capability: Capability| {
            LoadProblem::new(
                format!("imports {PACKAGE}{0}, and the grant \"{0}\" is missing", capability.name()),
                format!("if it may use this: grants = {all}"),
            )
            .about("grants")
        };
        self.grants.iter().filter(|capability| !grants.has(*capability)).map(problem).collect()
    }

    /// What keeps it from counting together with other gateways: an answer has to be waited for.
    #[must_use]
    pub fn cannot_share_counters(&self) -> Option<LoadProblem> {
        if !self.roles.limit && !self.grants.has(Capability::Counters) {
            let message = format!("counts nothing: it neither imports {PACKAGE}counters nor exports limit-policy");
            return Some(LoadProblem::new(message, "leave `counters` out").about("counters"));
        }
        let names = self.impatient_names().filter(|_| self.grants.has(Capability::Counters))?;
        let message = format!("its counters cannot be shared: it exports {names}, which nobody waits for");
        Some(LoadProblem::new(message, "leave `counters` out").about("counters"))
    }

    /// Where it waits, it may have such roles only as are waited for.
    fn impatient_roles(&self) -> Option<LoadProblem> {
        let names = self.impatient_names()?;
        let waiting = self.grants.iter().find(|capability| capability.waits())?;
        Some(LoadProblem::new(
            format!("imports {PACKAGE}{} and exports {names}, which nobody waits for", waiting.name()),
            "make two plugins of it: one that waits, and one with the other roles",
        ))
    }

    /// Those of its roles that nobody waits for.
    fn impatient_names(&self) -> Option<String> {
        let names = self.roles.keeping_workers();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn no_role(&self) -> Option<LoadProblem> {
        (self.roles == Roles::default()).then(|| {
            LoadProblem::new(
                "exports none of `request-policy`, `limit-policy`, `response-policy`, `body-policy`, `balancer` and `observer`",
                format!("export at least one of them, as {PACKAGE}request-policy@{}", ContractVersion::NEWEST),
            )
        })
    }
}

/// An interface that its version of the contract does not have.
fn unknown_interface(full: &str) -> Option<LoadProblem> {
    let interface = Interface::parse(full)?;
    let contract = interface.contract()?;
    (!interface.is_known(contract)).then(|| {
        LoadProblem::new(
            format!("uses {full}, which contract {contract} does not have"),
            "build it against the `wit` folder of this gateway",
        )
    })
}

fn newest_version<'a>(names: impl Iterator<Item = &'a String>) -> Option<String> {
    names.filter_map(|name| Interface::parse(name)?.version).max().map(|version| version.to_string())
}

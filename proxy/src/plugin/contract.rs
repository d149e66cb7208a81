//! The versions of the contract that are served, and how a component names what is of it.
//!
//! A version has a module of its own: its bindings, what links to them, and the calls made by them. Beside these modules
//! only `capability` names bindings, the rest of the host speaks of host values; `v0_2` will stand beside `v0_1` here, and
//! wherever `exports` tells versions apart.

mod exports;
#[cfg(test)]
pub(super) mod probe;
pub(super) mod v0_1;
mod waiting;

use semver::Version;

use crate::config::model::Capability;
pub(super) use exports::{ExportIndices, Exports, by_version};

/// What every interface of the contract is called before its own name.
pub(super) const PACKAGE: &str = "tidegate:gateway/";

/// A version of the contract that this gateway serves.
///
/// A `0.1.x` only ever adds to the ones before it, so that one case stands for all of them. The next one is another case
/// here and in [`Self::ALL`], and the compiler then shows every place that has to tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContractVersion {
    /// `0.1.x`
    V0_1,
    /// What tests load beside it, to see that two are served at once.
    #[cfg(test)]
    Probe,
}

impl ContractVersion {
    /// All that are served, the oldest first.
    pub const ALL: &[Self] = &[
        Self::V0_1,
        #[cfg(test)]
        Self::Probe,
    ];
    /// The one to build new plugins against, in full.
    pub const NEWEST: &str = "0.1.0";

    /// The served version that this one is of.
    #[must_use]
    pub fn of(version: &Version) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.numbers() == (version.major, version.minor))
    }

    fn numbers(self) -> (u64, u64) {
        match self {
            Self::V0_1 => (0, 1),
            #[cfg(test)]
            Self::Probe => (0, 99),
        }
    }
}

impl std::fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor) = self.numbers();
        write!(f, "{major}.{minor}")
    }
}

/// All versions that are served, as a person reads them.
pub(super) fn served() -> String {
    let versions: Vec<String> = ContractVersion::ALL.iter().map(ContractVersion::to_string).collect();
    versions.join(" and ")
}

/// An interface of the contract, as a component names it.
pub(super) struct Interface<'a> {
    pub(super) name: &'a str,
    /// `None` where it names none.
    pub(super) version: Option<Version>,
}

impl<'a> Interface<'a> {
    /// `None` for what is not of our package.
    pub(super) fn parse(full: &'a str) -> Option<Self> {
        let rest = full.strip_prefix(PACKAGE)?;
        let (name, version) = rest.split_once('@').unwrap_or((rest, ""));
        Some(Self { name, version: Version::parse(version).ok() })
    }

    /// The version it is served in.
    pub(super) fn contract(&self) -> Option<ContractVersion> {
        self.version.as_ref().and_then(ContractVersion::of)
    }

    /// The capability it is, where it is one.
    pub(super) fn capability(&self) -> Option<Capability> {
        Capability::ALL.into_iter().find(|capability| capability.name() == self.name)
    }

    /// Whether the contract has an interface of this name.
    pub(super) fn is_known(&self, contract: ContractVersion) -> bool {
        match contract {
            ContractVersion::V0_1 => {
                let is_role = matches!(
                    self.name,
                    "configuration"
                        | "request-policy"
                        | "limit-policy"
                        | "response-policy"
                        | "body-policy"
                        | "balancer"
                        | "observer"
                );
                is_role || matches!(self.name, "http" | "types") || self.capability().is_some()
            }
            #[cfg(test)]
            ContractVersion::Probe => probe::INTERFACES.contains(&self.name),
        }
    }
}

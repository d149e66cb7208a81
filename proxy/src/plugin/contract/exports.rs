//! What a component exports, by the version of the contract it is of.
//!
//! A version gives two types of one name, with methods of one name each: what is missing in one the compiler tells.

use std::sync::Arc;

use wasmtime::component::{Instance as GuestInstance, InstancePre, Linker};

#[cfg(test)]
use super::probe;
use super::{ContractVersion, v0_1};
use crate::config::model::Grants;
use crate::plugin::instance::HostState;
use crate::plugin::roles::Roles;

/// Where the exports of a component are.
pub(in crate::plugin) enum ExportIndices {
    V0_1(Arc<v0_1::ExportIndices>),
    #[cfg(test)]
    Probe(Arc<probe::ExportIndices>),
}

/// The exports of one instance, to be called through [`by_version!`].
#[cfg_attr(test, expect(clippy::large_enum_variant, reason = "the probe has one role"))]
pub(in crate::plugin) enum Exports {
    V0_1(v0_1::Exports),
    #[cfg(test)]
    Probe(probe::Exports),
}

/// Makes a call by the version that an instance is of.
macro_rules! by_version {
    ($exports:expr, $version:ident => $call:expr) => {
        match $exports {
            $crate::plugin::contract::Exports::V0_1($version) => $call,
            #[cfg(test)]
            $crate::plugin::contract::Exports::Probe($version) => $call,
        }
    };
}
pub(in crate::plugin) use by_version;

impl ContractVersion {
    /// Lends the views, and these capabilities; counters that are shared with other gateways have functions that wait.
    pub(in crate::plugin) fn lend(
        self,
        linker: &mut Linker<HostState>,
        capabilities: Grants,
        shares_counters: bool,
    ) -> wasmtime::Result<()> {
        match self {
            Self::V0_1 => v0_1::lend(linker, capabilities, shares_counters),
            #[cfg(test)]
            Self::Probe => probe::lend(linker),
        }
    }

    /// Finds what a component of this version exports.
    pub(in crate::plugin) fn find(
        self,
        component: &InstancePre<HostState>,
        roles: Roles,
        configuration: bool,
    ) -> wasmtime::Result<ExportIndices> {
        Ok(match self {
            Self::V0_1 => ExportIndices::V0_1(Arc::new(v0_1::ExportIndices::find(component, roles, configuration)?)),
            #[cfg(test)]
            Self::Probe => ExportIndices::Probe(Arc::new(probe::ExportIndices::find(component)?)),
        })
    }
}

impl ExportIndices {
    /// The same of an instance of that component.
    pub(in crate::plugin) fn of(&self, guest: GuestInstance) -> Exports {
        match self {
            Self::V0_1(indices) => Exports::V0_1(v0_1::Exports::new(Arc::clone(indices), guest)),
            #[cfg(test)]
            Self::Probe(indices) => Exports::Probe(probe::Exports::new(Arc::clone(indices), guest)),
        }
    }
}

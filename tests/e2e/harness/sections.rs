//! Sections of a configuration, as text.

use std::fmt::Write as _;
use std::path::Path;

use super::origin::Origin;

/// An upstream of these origins, in this order.
pub(crate) fn upstream(name: &str, origins: &[&Origin]) -> String {
    weighted(name, &origins.iter().map(|origin| (*origin, 100)).collect::<Vec<_>>())
}

/// An upstream of origins with weights.
pub(crate) fn weighted(name: &str, origins: &[(&Origin, u32)]) -> String {
    upstream_with(name, "", origins)
}

/// An upstream with further keys and tables between its name and its endpoints.
pub(crate) fn upstream_with(name: &str, more: &str, origins: &[(&Origin, u32)]) -> String {
    let mut text = format!("[[upstream]]\nname = \"{name}\"\n{more}\n");
    for (origin, weight) in origins {
        let _ = write!(text, "[[upstream.endpoint]]\naddress = \"{}\"\nweight = {weight}\n", origin.address());
    }
    text
}

/// A route with further keys, such as `path = { prefix = "/a" }`.
pub(crate) fn route(name: &str, upstream: &str, more: &str) -> String {
    format!("[[route]]\nname = \"{name}\"\nupstream = \"{upstream}\"\n{more}\n")
}

/// A plugin of this file with further keys, such as `grants = ["log"]`.
pub(crate) fn plugin(name: &str, file: &Path, more: &str) -> String {
    format!("[[plugin]]\nname = \"{name}\"\npath = \"{}\"\n{more}\n", file.display())
}

/// A policy of the same name as its plugin, with further keys, `[policy.config]` last.
pub(crate) fn policy(name: &str, plugin: &str, more: &str) -> String {
    format!("[[policy]]\nname = \"{name}\"\nplugin = \"{plugin}\"\n{more}\n")
}

/// A consumer with one API key.
pub(crate) fn consumer(name: &str, key: &str) -> String {
    format!("[[consumer]]\nname = \"{name}\"\nkeys = [\"{key}\"]\n")
}

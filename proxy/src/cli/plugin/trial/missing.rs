//! What is asked of a role that a component does not have.

use crate::plugin::policy::{Role, Roles};

/// A role that is asked and not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {} (it has {})", .role.name(), .has.names().join(", "))]
pub(in crate::cli::plugin) struct MissingRole {
    pub(super) role: Role,
    pub(super) has: Roles,
}

impl MissingRole {
    /// How `run` and `bench` ask the roles that are there.
    pub(in crate::cli::plugin) fn hint(self) -> String {
        let ways: Vec<String> = self.has.iter().map(|role| format!("{}: {}", role.name(), way_to_ask(role))).collect();
        format!("what asks {}", ways.join("; "))
    }
}

fn way_to_ask(role: Role) -> &'static str {
    match role {
        Role::Request | Role::Limit => "--request 'GET /' alone",
        Role::Response => "--response 200",
        Role::Body => "--body TEXT, with --response 200 where it is that of a response",
        Role::Balancer => "--endpoint 10.0.0.1:80, once for each",
        Role::Observer => "a case with `exchange = {}`, by --cases and --case",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_a_role_that_is_not_there_is_told_how_to_ask_those_that_are() {
        let has = Roles { limit: true, body: true, ..Roles::default() };
        let missing = MissingRole { role: Role::Response, has };
        assert_eq!(missing.to_string(), "no response-policy (it has limit-policy, body-policy)");
        let hint = missing.hint();
        assert!(hint.starts_with("what asks limit-policy: --request 'GET /' alone; body-policy: --body"), "{hint}");
    }
}

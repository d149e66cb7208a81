//! What is asked of a role that a component does not have.

use crate::plugin::policy::Roles;

/// A role that is asked and not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {role} (it has {})", .has.names().join(", "))]
pub(in crate::cli::plugin) struct MissingRole {
    pub(super) role: &'static str,
    pub(super) has: Roles,
}

impl MissingRole {
    /// How `run` and `bench` ask the roles that are there.
    pub(in crate::cli::plugin) fn hint(self) -> String {
        let ways: Vec<String> =
            self.has.names().into_iter().map(|role| format!("{role}: {}", way_to_ask(role))).collect();
        format!("what asks {}", ways.join("; "))
    }
}

fn way_to_ask(role: &str) -> &'static str {
    match role {
        "response-policy" => "--response 200",
        "body-policy" => "--body TEXT, with --response 200 where it is that of a response",
        "balancer" => "--endpoint 10.0.0.1:80, once for each",
        "observer" => "a case with `exchange = {}`, by --cases and --case",
        _ => "--request 'GET /' alone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_a_role_that_is_not_there_is_told_how_to_ask_those_that_are() {
        let has = Roles { limit: true, body: true, ..Roles::default() };
        let missing = MissingRole { role: "response-policy", has };
        assert_eq!(missing.to_string(), "no response-policy (it has limit-policy, body-policy)");
        let hint = missing.hint();
        assert!(hint.starts_with("what asks limit-policy: --request 'GET /' alone; body-policy: --body"), "{hint}");
    }
}

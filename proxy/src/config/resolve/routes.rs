//! Routes: references, rewrites that fit the path, no two that match the same.

use std::collections::HashMap;

use super::{Known, each};
use crate::config::model::{self, FailureMode, PathPattern, Rewrite, RouteMatch, RoutePolicy};
use crate::config::problems::Problems;
use crate::config::value::{Wrong, quoted};
use crate::config::written::{At, Route, Step};

/// All routes.
pub(super) fn resolve(
    written: Vec<Route>,
    known: &Known,
    policies: &[model::Policy],
    problems: &mut Problems<'_>,
) -> Option<Vec<model::Route>> {
    check_matches(&written, problems);
    each(written, |route| one(route, known, policies, problems))
}

fn one(
    mut written: Route,
    known: &Known,
    policies: &[model::Policy],
    problems: &mut Problems<'_>,
) -> Option<model::Route> {
    let steps = std::mem::take(&mut written.policies).into_iter();
    let steps = steps.map(|step| resolved(step, known, policies, problems)).collect();
    if let Some(upstream) = &written.upstream {
        known.upstreams.check(upstream, problems);
    }
    check_rewrite(&written, problems);
    Some(model::Route {
        name: written.name?.value,
        matches: written.matches,
        policies: steps,
        upstream: written.upstream?.value,
        rewrite: written.rewrite.map_or(Rewrite::Keep, |rewrite| rewrite.value),
        timeouts: written.timeouts,
        hedge_after: written.hedge_after,
    })
}

fn resolved(step: At<Step>, known: &Known, policies: &[model::Policy], problems: &mut Problems<'_>) -> RoutePolicy {
    let At { value: step, at } = step;
    match step {
        Step::One(name) => {
            let name = At { value: name, at };
            known.policies.check(&name, problems);
            RoutePolicy::One(name.value)
        }
        Step::AnyOf(names) => {
            names.iter().for_each(|name| known.policies.check(name, problems));
            check_alternatives(&names, policies, problems);
            RoutePolicy::AnyOf(names.into_iter().map(|name| name.value).collect())
        }
    }
}

/// Where one that is passed over when it fails were enough, whoever makes it fail would be let in.
fn check_alternatives(names: &[At<String>], policies: &[model::Policy], problems: &mut Problems<'_>) {
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|earlier| earlier.value == name.value) {
            let message = format!("policy {} is among these alternatives twice", quoted(&name.value));
            problems.at_value(&name.at, Wrong::new(message));
        }
        let is_passed_over =
            |policy: &model::Policy| policy.name == name.value && policy.on_failure == FailureMode::Allow;
        if policies.iter().any(is_passed_over) {
            let message =
                format!("policy {} is passed over when it fails, so it can be no alternative", quoted(&name.value));
            problems.at_value(&name.at, Wrong::new(message).hint("take `on_failure = \"allow\"` out of the policy"));
        }
    }
}

fn check_rewrite(route: &Route, problems: &mut Problems<'_>) {
    let Some(rewrite) = &route.rewrite else { return };
    if rewrite.value != Rewrite::Keep && !matches!(route.matches.path, PathPattern::Prefix(_)) {
        let wrong = Wrong::new("only a prefix can be rewritten, and this route's path is not one");
        problems.at_value(&rewrite.at, wrong.hint("match by `path = { prefix = \"/...\" }`"));
    }
}

/// Of two routes that match the same, the second would never be taken.
fn check_matches(routes: &[Route], problems: &mut Problems<'_>) {
    let mut seen: HashMap<String, &Route> = HashMap::new();
    for route in routes.iter().filter(|route| route.matches_are_sound) {
        let Some(first) = seen.insert(canonical(&route.matches), route) else { continue };
        let other = first
            .name
            .as_ref()
            .map_or_else(|| "another route".to_owned(), |name| format!("route {}", quoted(&name.value)));
        let hint = format!("the other is on {}", problems.line_of(&first.at));
        problems.at_value(&route.at, Wrong::new(format!("this matches the same requests as {other}")).hint(hint));
    }
}

/// The same text for conditions that differ only in the order in which they are written.
fn canonical(matches: &RouteMatch) -> String {
    let sorted = |mut items: Vec<String>| {
        items.sort_unstable();
        items.dedup();
        items
    };
    let hosts = sorted(matches.hosts.iter().map(|host| format!("{host:?}")).collect());
    let methods = sorted(matches.methods.iter().map(ToString::to_string).collect());
    let headers = sorted(matches.headers.iter().map(|header| format!("{header:?}")).collect());
    format!("{hosts:?} {methods:?} {headers:?} {:?} {:?}", matches.path, matches.query)
}

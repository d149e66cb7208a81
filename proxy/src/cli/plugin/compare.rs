//! Holds what a policy decided against what a case expects.

use crate::config::cases::{Expectation, ExpectedAnswer, ExpectedEdits, ExpectedVerdict, Fieldset};

use super::outcome::Fact;
use super::trial::Outcome;

/// Something that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The key of `expect` that is meant, or what is wrong beside it.
    pub(super) label: &'static str,
    /// What was expected and is not there.
    pub(super) missing: Vec<String>,
    /// What is there and was not expected.
    pub(super) found: Vec<String>,
}

/// What a policy decides otherwise when it is asked the same again.
pub(super) fn contradiction(first: &Outcome, again: &Outcome) -> Option<Difference> {
    let (first, again) = (first.facts(), again.facts());
    let all = |facts: &[Fact]| facts.iter().flat_map(told_values).collect();
    let label = "it decides by more than what it reads, asked the same again";
    (first != again).then(|| Difference { label, missing: all(&first), found: all(&again) })
}

/// Everything that is not as expected. Another decision than the expected one is told with all there is to it, since
/// nothing else can be compared then.
pub(super) fn differences(expect: &Expectation, outcome: &Outcome) -> Vec<Difference> {
    compare(expect, &outcome.facts())
}

fn compare(expect: &Expectation, found: &[Fact]) -> Vec<Difference> {
    let expected = facts(expect);
    let (decision, rest) = match expected.split_first() {
        Some((decision, rest)) if found.first() == Some(decision) => (None, rest),
        Some((decision, _)) => (Some(decision), [].as_slice()),
        None => (None, [].as_slice()),
    };
    if let Some(decision) = decision {
        // Each place of a problem is told with its reason.
        let told_once = found.iter().filter(|fact| fact.label != "problems");
        let all = told_once.flat_map(told_values);
        return vec![Difference { label: "decision", missing: decision.values.clone(), found: all.collect() }];
    }
    rest.iter().filter_map(|expected| difference(expected, found)).collect()
}

/// Problems are told with what is wrong, beside the place: a place is empty where the whole is meant.
fn reasons(places: &[String], facts: &[Fact]) -> Vec<String> {
    let values = |label| facts.iter().filter(move |fact| fact.label == label).flat_map(|fact| &fact.values);
    let mut known: Vec<_> = values("problems").zip(values("reason")).collect();
    let mut reason = |place: &String| {
        let at = known.iter().position(|(known, _)| *known == place)?;
        Some(known.remove(at).1.clone())
    };
    places.iter().map(|place| reason(place).unwrap_or_else(|| place.clone())).collect()
}

fn told_values(fact: &Fact) -> impl Iterator<Item = String> {
    fact.values
        .iter()
        .map(|value| if fact.label == "decision" { value.clone() } else { format!("{} {value}", fact.label) })
}

fn difference(expected: &Fact, facts: &[Fact]) -> Option<Difference> {
    let found = facts.iter().find(|fact| fact.label == expected.label).map(|fact| fact.values.as_slice());
    let (wanted, mut found) = (expected.values.clone(), found.unwrap_or_default().to_vec());
    match expected.label {
        // Fields that are not named are not compared.
        "headers" => found.retain(|line| wanted.iter().any(|wanted| name(wanted) == name(line))),
        "request" | "response" => found.sort(),
        _ => {}
    }
    if wanted == found {
        return None;
    }
    let (missing, extra) = (without(&wanted, &found), without(&found, &wanted));
    // The same in another order: only the whole shows it.
    let (missing, found) = if missing.is_empty() && extra.is_empty() { (wanted, found) } else { (missing, extra) };
    let found = if expected.label == "problems" { reasons(&found, facts) } else { found };
    Some(Difference { label: expected.label, missing, found })
}

/// The values of a list that another one lacks, as often as it lacks them.
fn without(list: &[String], others: &[String]) -> Vec<String> {
    let mut others = others.to_vec();
    let mut rest = list.to_vec();
    rest.retain(|value| match others.iter().position(|other| other == value) {
        Some(index) => {
            others.swap_remove(index);
            false
        }
        None => true,
    });
    rest
}

fn name(line: &str) -> &str {
    line.split_once(':').map_or(line, |(name, _)| name)
}

/// What is expected, by the same labels as what is found; the decision first.
fn facts(expect: &Expectation) -> Vec<Fact> {
    let mut facts = match &expect.verdict {
        ExpectedVerdict::Forward { consumer, target, request, response } => {
            let mut facts = vec![decision("forward")];
            let consumer = consumer.as_ref().map(|name| Some(name.clone()).filter(|name| !name.is_empty()));
            facts.extend(consumer.map(|name| Fact::new("consumer", name)));
            facts.extend(target.clone().map(|target| Fact::new("target", [target])));
            facts.extend(request.as_ref().map(|edits| edit_lines("request", edits)));
            facts.extend(response.as_ref().map(|edits| edit_lines("response", edits)));
            facts
        }
        ExpectedVerdict::Respond(answer) => answer_facts("respond", answer),
        ExpectedVerdict::Replace(answer) => answer_facts("replace", answer),
        ExpectedVerdict::Pick(index) => named("pick", "pick", index.map(|index| index.to_string())),
        ExpectedVerdict::Decline => vec![decision("decline")],
        ExpectedVerdict::Observe => vec![decision("observe")],
        ExpectedVerdict::Skip => vec![decision("skip")],
        ExpectedVerdict::Pass => vec![decision("pass")],
        ExpectedVerdict::Change(body) => std::iter::once(decision("change")).chain(body_fact(body.as_ref())).collect(),
        ExpectedVerdict::TooLarge => vec![decision("too-large")],
        ExpectedVerdict::Failure(word) => named("failure", "failure", word.map(|word| word.as_str().to_owned())),
        ExpectedVerdict::Misconfigured(paths) => {
            let paths = paths.as_ref().map(|paths| Fact::new("problems", paths.iter().cloned()));
            std::iter::once(decision("misconfigured")).chain(paths).collect()
        }
    };
    facts.extend(expect.asked.as_ref().map(|lines| Fact::new("asked", lines.iter().cloned())));
    facts.extend(expect.log.as_ref().map(|lines| Fact::new("log", lines.iter().cloned())));
    facts
}

fn decision(word: &str) -> Fact {
    Fact::new("decision", [word.to_owned()])
}

fn named(word: &str, label: &'static str, value: Option<String>) -> Vec<Fact> {
    std::iter::once(decision(word)).chain(value.map(|value| Fact::new(label, [value]))).collect()
}

fn answer_facts(word: &str, answer: &ExpectedAnswer) -> Vec<Fact> {
    let mut facts = vec![decision(word)];
    facts.extend(answer.status.map(|status| Fact::new("status", [status.to_string()])));
    if !answer.headers.is_empty() {
        facts.push(Fact::new("headers", lines("", &answer.headers)));
    }
    facts.extend(body_fact(answer.body.as_ref()));
    facts
}

/// An empty body is a fact without a value.
fn body_fact(body: Option<&String>) -> Option<Fact> {
    body.map(|body| Fact::new("body", Some(body.clone()).filter(|body| !body.is_empty())))
}

fn edit_lines(label: &'static str, edits: &ExpectedEdits) -> Fact {
    let removed = edits.remove.iter().map(|name| format!("remove {name}"));
    let mut all: Vec<String> =
        lines("set ", &edits.set).chain(lines("append ", &edits.append)).chain(removed).collect();
    all.sort();
    Fact::new(label, all)
}

fn lines<'f>(before: &'static str, fields: &'f Fieldset) -> impl Iterator<Item = String> + 'f {
    fields.iter().flat_map(move |(name, values)| values.iter().map(move |value| format!("{before}{name}: {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(request: ExpectedEdits) -> Expectation {
        let verdict = ExpectedVerdict::Forward { consumer: None, target: None, request: Some(request), response: None };
        Expectation { verdict, log: None, asked: None }
    }

    fn found(word: &str, request: &[&str]) -> Vec<Fact> {
        vec![decision(word), Fact::new("request", request.iter().map(|line| (*line).to_owned()))]
    }

    fn set(name: &'static str, value: &str) -> ExpectedEdits {
        let set = vec![(http::HeaderName::from_static(name), vec![value.to_owned()])];
        ExpectedEdits { set, ..ExpectedEdits::default() }
    }

    #[test]
    fn edits_are_compared_as_a_whole() {
        let expect = forward(set("x-gate", "c"));
        assert_eq!(compare(&expect, &found("forward", &["set x-gate: c"])), []);
        let more = compare(&expect, &found("forward", &["set x-gate: c", "remove apikey"]));
        let extra = Difference { label: "request", missing: Vec::new(), found: vec!["remove apikey".to_owned()] };
        assert_eq!(more, [extra]);
    }

    #[test]
    fn another_decision_is_told_with_all_there_is_to_it() {
        let differences = compare(&forward(ExpectedEdits::default()), &found("respond", &["set x-gate: c"]));
        let [only] = differences.as_slice() else { panic!("{differences:?}") };
        assert_eq!((only.missing.as_slice(), only.found.len()), (&["forward".to_owned()][..], 2));
    }

    #[test]
    fn a_problem_is_compared_by_its_place_and_told_with_its_reason() {
        let expect = |places: &[&str]| Expectation {
            verdict: ExpectedVerdict::Misconfigured(Some(places.iter().map(|place| (*place).to_owned()).collect())),
            log: None,
            asked: None,
        };
        let found = [
            decision("misconfigured"),
            Fact::new("problems", ["realm".to_owned(), String::new()]),
            Fact::new("reason", ["realm: has a quote in it".to_owned(), "missing field `word`".to_owned()]),
        ];
        assert_eq!(compare(&expect(&["realm", ""]), &found), []);
        let [only] = &compare(&expect(&["realm"]), &found)[..] else { panic!("not one difference") };
        assert_eq!((&only.missing[..], &only.found[..]), (&[][..], &["missing field `word`".to_owned()][..]));
        let [only] = &compare(&forward(ExpectedEdits::default()), &found)[..] else { panic!("not one difference") };
        let told = ["misconfigured", "reason realm: has a quote in it", "reason missing field `word`"];
        assert_eq!(only.found, told);
    }

    #[test]
    fn fields_that_an_answer_has_beside_the_expected_ones_are_no_difference() {
        let headers = vec![(http::header::WWW_AUTHENTICATE, vec!["ApiKey".to_owned()])];
        let answer = ExpectedAnswer { status: Some(401), headers, body: None };
        let expect = Expectation { verdict: ExpectedVerdict::Respond(answer), log: None, asked: None };
        let found = |challenge: &str| {
            let headers = [format!("www-authenticate: {challenge}"), "x-other: 1".to_owned()];
            vec![decision("respond"), Fact::new("status", ["401".to_owned()]), Fact::new("headers", headers)]
        };
        assert_eq!(compare(&expect, &found("ApiKey")), []);
        assert_eq!(compare(&expect, &found("Basic")).len(), 1);
    }

    #[test]
    fn lines_in_another_order_are_shown_whole() {
        let lines = |lines: [&str; 2]| lines.map(str::to_owned).to_vec();
        let expect =
            Expectation { verdict: ExpectedVerdict::Decline, log: Some(lines(["info: a", "info: b"])), asked: None };
        let found = [decision("decline"), Fact::new("log", lines(["info: b", "info: a"]))];
        let differences = compare(&expect, &found);
        assert!(matches!(differences.as_slice(), [only] if only.missing.len() == 2 && only.found.len() == 2));
    }
}

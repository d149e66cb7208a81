//! What a policy decided, as people and programs read it.

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::trial::{Outcome, Verdict};
use crate::plugin::policy::{ConfigureProblem, PluginFailure};
use crate::policy::body::Action;
use crate::policy::decision::{Answer, Edit, Forward, LocalResponse, RequestDecision, ResponseDecision};
use crate::policy::limits::Standing;

/// One thing that is true of a decision, by the key it has in a table of cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) values: Vec<String>,
}

impl Fact {
    pub(super) fn new(label: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        Self { label, values: values.into_iter().collect() }
    }
}

impl Outcome {
    /// Everything there is to say, the decision first; what is empty is left out.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts = match &self.verdict {
            Verdict::Request(RequestDecision::Forward(forward)) => passed(forward),
            Verdict::Request(RequestDecision::Respond(answer)) => answered("respond", &response_of(answer)),
            Verdict::Response(ResponseDecision::Forward(edits)) => vec![decision("forward"), edited("response", edits)],
            Verdict::Response(ResponseDecision::Replace(answer)) => answered("replace", answer),
            Verdict::Pick(Some(index)) => vec![decision("pick"), Fact::new("pick", [index.to_string()])],
            Verdict::Pick(None) => vec![decision("decline")],
            Verdict::Observed => vec![decision("observe")],
            Verdict::Body(action) => treated(action.as_ref()),
            Verdict::TooLarge => vec![decision("too-large")],
            Verdict::Unasked(missing) => vec![decision(&missing.to_string())],
            Verdict::Failed(failure) => failed(failure),
            Verdict::Misconfigured(problems) => misconfigured(problems),
        };
        facts.push(Fact::new("asked", self.asked.iter().cloned()));
        facts.push(Fact::new("log", self.log.iter().cloned()));
        facts.retain(|fact| !fact.values.is_empty());
        facts
    }

    /// For people: one line for each fact.
    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        for Fact { label, values } in self.facts() {
            for (index, value) in values.iter().enumerate() {
                let label = if index == 0 { label } else { "" };
                lines.push(format!("{label:<10}{}", shown(value)));
            }
        }
        lines.join("\n")
    }

    /// For programs, in the words of `expect` in a table of cases.
    pub(super) fn json(&self) -> Value {
        let mut object = match &self.verdict {
            Verdict::Request(RequestDecision::Forward(forward)) => forward_json(forward),
            Verdict::Request(RequestDecision::Respond(answer)) => answer_json("respond", &response_of(answer)),
            Verdict::Response(ResponseDecision::Forward(edits)) => {
                json!({ "decision": "forward", "response": edits_json(edits) })
            }
            Verdict::Response(ResponseDecision::Replace(answer)) => answer_json("replace", answer),
            Verdict::Pick(Some(index)) => json!({ "decision": "pick", "pick": index }),
            Verdict::Pick(None) => json!({ "decision": "decline" }),
            Verdict::Observed => json!({ "decision": "observe" }),
            Verdict::Body(action) => treated_json(action.as_ref()),
            Verdict::TooLarge => json!({ "decision": "too-large" }),
            Verdict::Unasked(missing) => json!({ "decision": null, "reason": missing.to_string() }),
            Verdict::Failed(failure) => {
                json!({ "decision": "failure", "failure": word(failure), "reason": failure.to_string() })
            }
            Verdict::Misconfigured(problems) => misconfigured_json(problems),
        };
        if let Some(object) = object.as_object_mut() {
            object.insert("asked".to_owned(), json!(self.asked));
            object.insert("log".to_owned(), json!(self.log));
        }
        object
    }
}

/// One line, whatever is in it.
pub(super) fn shown(value: &str) -> String {
    value.chars().fold(String::with_capacity(value.len()), |mut line, character| {
        if character.is_control() {
            line.extend(character.escape_default())
        } else {
            line.push(character)
        }
        line
    })
}

fn decision(word: &str) -> Fact {
    Fact::new("decision", [word.to_owned()])
}

fn passed(forward: &Forward) -> Vec<Fact> {
    let changes = forward.changes.clone().unwrap_or_default();
    vec![
        decision("forward"),
        Fact::new("consumer", changes.consumer.iter().map(|consumer| consumer.name.clone())),
        Fact::new("target", changes.target.iter().map(ToString::to_string)),
        edited("request", &changes.request),
        edited("response", &edits_of_response(forward)),
    ]
}

/// Those that the policy asked for, then those that tell where the client stands.
fn edits_of_response(forward: &Forward) -> Vec<Edit> {
    let asked = forward.changes.iter().flat_map(|changes| changes.response.iter().cloned());
    let standing = forward.standing.iter().flat_map(Standing::fields);
    asked.chain(standing.map(|(name, value)| Edit::Set(name, value))).collect()
}

/// With the fields that tell where the client stands.
fn response_of(answer: &Answer) -> LocalResponse {
    let Answer { mut response, standing } = answer.clone();
    response.headers.extend(standing.iter().flat_map(Standing::fields));
    response
}

fn edited(label: &'static str, edits: &[Edit]) -> Fact {
    Fact::new(label, edits.iter().map(edit_line))
}

/// An edit as one reads it: `set x-gate: c`.
fn edit_line(edit: &Edit) -> String {
    match edit {
        Edit::Set(name, value) => format!("set {}", field_line(name, value)),
        Edit::Append(name, value) => format!("append {}", field_line(name, value)),
        Edit::Remove(name) => format!("remove {name}"),
    }
}

fn field_line(name: &HeaderName, value: &HeaderValue) -> String {
    format!("{name}: {}", text(value.as_bytes()))
}

fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.escape_ascii().to_string(), str::to_owned)
}

fn answered(word: &str, answer: &LocalResponse) -> Vec<Fact> {
    vec![
        decision(word),
        Fact::new("status", [answer.status.as_u16().to_string()]),
        Fact::new("headers", answer.headers.iter().map(|(name, value)| field_line(name, value))),
        Fact::new("body", (!answer.body.is_empty()).then(|| text(&answer.body))),
    ]
}

/// What becomes of a body that ends here: what is held goes on.
fn treated(action: Option<&Action>) -> Vec<Fact> {
    match action {
        None => vec![decision("skip")],
        Some(Action::Pass | Action::Hold) => vec![decision("pass")],
        Some(Action::Replace(body) | Action::Finish(body)) => {
            vec![decision("change"), Fact::new("body", (!body.is_empty()).then(|| text(body)))]
        }
        Some(Action::Respond(answer)) => answered("respond", answer),
    }
}

fn treated_json(action: Option<&Action>) -> Value {
    match action {
        None => json!({ "decision": "skip" }),
        Some(Action::Pass | Action::Hold) => json!({ "decision": "pass" }),
        Some(Action::Replace(body) | Action::Finish(body)) => json!({ "decision": "change", "body": text(body) }),
        Some(Action::Respond(answer)) => answer_json("respond", answer),
    }
}

fn failed(failure: &PluginFailure) -> Vec<Fact> {
    let reason = Fact::new("reason", [failure.to_string()]);
    vec![decision("failure"), Fact::new("failure", [word(failure).to_owned()]), reason]
}

/// As metrics and tables of cases name it.
fn word(failure: &PluginFailure) -> &'static str {
    match failure {
        PluginFailure::OutOfTime => "out_of_time",
        PluginFailure::Trap(_) => "trap",
        PluginFailure::OutOfMemory => "out_of_memory",
        PluginFailure::Illegal(_) => "illegal",
        PluginFailure::Overloaded => "overloaded",
        PluginFailure::Quarantined => "quarantined",
    }
}

fn misconfigured(problems: &[ConfigureProblem]) -> Vec<Fact> {
    let reasons = problems.iter().map(|problem| match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("{path}: {}", problem.message),
    });
    vec![
        decision("misconfigured"),
        Fact::new("problems", problems.iter().map(|problem| problem.path.clone())),
        Fact::new("reason", reasons),
        Fact::new("hint", problems.iter().filter_map(|problem| problem.hint.map(str::to_owned))),
    ]
}

fn misconfigured_json(problems: &[ConfigureProblem]) -> Value {
    let problem_json = |ConfigureProblem { path, message, hint }: &ConfigureProblem| match hint {
        Some(hint) => json!({ "path": path, "message": message, "hint": hint }),
        None => json!({ "path": path, "message": message }),
    };
    let problems: Vec<_> = problems.iter().map(problem_json).collect();
    json!({ "decision": "misconfigured", "problems": problems })
}

fn forward_json(forward: &Forward) -> Value {
    let changes = forward.changes.clone().unwrap_or_default();
    json!({
        "decision": "forward",
        "consumer": changes.consumer.as_ref().map(|consumer| &consumer.name),
        "target": changes.target.as_ref().map(ToString::to_string),
        "request": edits_json(&changes.request),
        "response": edits_json(&edits_of_response(forward)),
    })
}

fn edits_json(edits: &[Edit]) -> Value {
    let (mut set, mut append, mut removed) = (Map::new(), Map::new(), Vec::new());
    for edit in edits {
        match edit {
            Edit::Set(name, value) => add(&mut set, name, value),
            Edit::Append(name, value) => add(&mut append, name, value),
            Edit::Remove(name) => removed.push(name.as_str()),
        }
    }
    json!({ "set": set, "append": append, "remove": removed })
}

fn add(fields: &mut Map<String, Value>, name: &HeaderName, value: &HeaderValue) {
    let values = fields.entry(name.as_str()).or_insert_with(|| json!([]));
    if let Some(values) = values.as_array_mut() {
        values.push(json!(text(value.as_bytes())));
    }
}

fn answer_json(word: &str, answer: &LocalResponse) -> Value {
    let mut headers = Map::new();
    answer.headers.iter().for_each(|(name, value)| add(&mut headers, name, value));
    json!({ "decision": word, "status": answer.status.as_u16(), "headers": headers, "body": text(&answer.body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_to_mend_a_configuration_is_told_where_the_gateway_knows() {
        let problem = |hint| ConfigureProblem { path: String::new(), message: "too slow".to_owned(), hint };
        let problems = [problem(None), problem(Some("raise `limits.cpu`"))];
        let told = misconfigured(&problems);
        assert!(told.contains(&Fact::new("hint", ["raise `limits.cpu`".to_owned()])), "{told:?}");
        let json = misconfigured_json(&problems);
        assert_eq!(json["problems"][0], json!({ "path": "", "message": "too slow" }));
        assert_eq!(json["problems"][1]["hint"], "raise `limits.cpu`");
    }
}

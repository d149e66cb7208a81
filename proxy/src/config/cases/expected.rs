//! What a case shall come to.

use toml::de::DeValue;

use super::asked::fieldset;
use super::{Expectation, ExpectedAnswer, ExpectedEdits, ExpectedVerdict, FailureWord, Subject};
use crate::config::fields::Fields;
use crate::config::value::http::header_name;
use crate::config::value::quantity::count;
use crate::config::value::{Wrong, string, word};
use crate::config::written::{At, values};

const EXAMPLE: &str = "{ decision = \"forward\" }";

/// The word a decision is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Forward,
    Respond,
    Replace,
    Pick,
    Decline,
    Skip,
    Pass,
    Change,
    TooLarge,
    Observe,
    Failure,
    Misconfigured,
}

const WORDS: [(&str, Word); 12] = [
    ("forward", Word::Forward),
    ("respond", Word::Respond),
    ("replace", Word::Replace),
    ("pick", Word::Pick),
    ("decline", Word::Decline),
    ("skip", Word::Skip),
    ("pass", Word::Pass),
    ("change", Word::Change),
    ("too-large", Word::TooLarge),
    ("observe", Word::Observe),
    ("failure", Word::Failure),
    ("misconfigured", Word::Misconfigured),
];

/// What shall be decided, and the consumer it names, to be looked up later.
pub(super) fn expectation(fields: &mut Fields<'_, '_>, subject: &Subject) -> (Option<Expectation>, Option<At<String>>) {
    let read = fields.inline("expect", EXAMPLE, |fields| {
        let decision = fields.required("decision", word(&WORDS), "\"forward\"");
        let log = fields.list("log", |value| string(value).map(str::to_owned)).map(|lines| values(Some(lines)));
        let asked = fields.list("asked", |value| string(value).map(str::to_owned)).map(|lines| values(Some(lines)));
        let Some(decision) = decision else { return (None, None) };
        if let Some(wrong) = cannot(decision.value, subject) {
            fields.problem_at(&decision.at, wrong);
        }
        let (verdict, consumer) = verdict(fields, decision.value);
        (Some(Expectation { verdict, log, asked }), consumer)
    });
    if !fields.is_written("expect") {
        let at = fields.at().clone();
        fields.problem_at(&at, Wrong::new("missing key `expect`").hint(format!("add `expect = {EXAMPLE}`")));
    }
    read.unwrap_or((None, None))
}

/// Why a role cannot decide this.
fn cannot(word: Word, subject: &Subject) -> Option<Wrong> {
    let is_body = matches!(subject, Subject::RequestBody(_) | Subject::ResponseBody(..));
    let (fits, needs) = match word {
        Word::Respond => (
            is_body || *subject == Subject::Request,
            "is for cases with neither `response` nor `candidates`, or with `body`",
        ),
        Word::Skip | Word::Pass | Word::Change | Word::TooLarge => (is_body, "is for cases with a `body`"),
        Word::Observe => (matches!(subject, Subject::Exchange(..)), "is for cases with an `exchange`"),
        Word::Replace => (matches!(subject, Subject::Response(_)), "is for cases with a `response`"),
        Word::Pick | Word::Decline => (matches!(subject, Subject::Candidates(_)), "is for cases with `candidates`"),
        Word::Forward => {
            (matches!(subject, Subject::Request | Subject::Response(_)), "is for cases without `body` and `candidates`")
        }
        Word::Failure | Word::Misconfigured => return None,
    };
    let written = WORDS.iter().find(|(_, known)| *known == word).map_or("", |(written, _)| *written);
    (!fits).then(|| Wrong::new(format!("{written:?} {needs}")))
}

fn verdict(fields: &mut Fields<'_, '_>, word: Word) -> (ExpectedVerdict, Option<At<String>>) {
    let verdict = match word {
        Word::Forward => return forward(fields),
        Word::Respond => ExpectedVerdict::Respond(answer(fields)),
        Word::Replace => ExpectedVerdict::Replace(answer(fields)),
        Word::Pick => ExpectedVerdict::Pick(fields.optional("pick", count(0..=u32::MAX)).map(|pick| pick.value)),
        Word::Decline => ExpectedVerdict::Decline,
        Word::Observe => ExpectedVerdict::Observe,
        Word::Skip => ExpectedVerdict::Skip,
        Word::Pass => ExpectedVerdict::Pass,
        Word::Change => ExpectedVerdict::Change(fields.optional("body", text).map(|body| body.value)),
        Word::TooLarge => ExpectedVerdict::TooLarge,
        Word::Failure => ExpectedVerdict::Failure(fields.optional("failure", word_of_failure).map(|word| word.value)),
        Word::Misconfigured => {
            let paths = fields.list("problems", |value| string(value).map(str::to_owned));
            ExpectedVerdict::Misconfigured(paths.map(|paths| values(Some(paths))))
        }
    };
    (verdict, None)
}

fn forward(fields: &mut Fields<'_, '_>) -> (ExpectedVerdict, Option<At<String>>) {
    let consumer = fields.optional("consumer", text);
    let verdict = ExpectedVerdict::Forward {
        consumer: consumer.as_ref().map(|consumer| consumer.value.clone()),
        target: fields.optional("target", text).map(|target| target.value),
        request: edits(fields, "request"),
        response: edits(fields, "response"),
    };
    (verdict, consumer.filter(|consumer| !consumer.value.is_empty()))
}

fn edits(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<ExpectedEdits> {
    fields.inline(key, "{ set = { x-gate = \"c\" }, remove = [\"apikey\"] }", |fields| ExpectedEdits {
        set: fieldset(fields, "set"),
        append: fieldset(fields, "append"),
        remove: values(fields.list("remove", |value| header_name(string(value)?))),
    })
}

fn answer(fields: &mut Fields<'_, '_>) -> ExpectedAnswer {
    ExpectedAnswer {
        status: fields.optional("status", count(200..=599)).map(|status| status.value),
        headers: fieldset(fields, "headers"),
        body: fields.optional("body", text).map(|body| body.value),
    }
}

fn word_of_failure(value: &DeValue<'_>) -> Result<FailureWord, Wrong> {
    let all = [FailureWord::Trap, FailureWord::OutOfTime, FailureWord::OutOfMemory, FailureWord::Illegal];
    word(&all.map(|failure| (failure.as_str(), failure)))(value)
}

fn text(value: &DeValue<'_>) -> Result<String, Wrong> {
    string(value).map(str::to_owned)
}

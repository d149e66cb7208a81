//! Tables of cases for a plugin: what it is asked, and what it shall decide.
//!
//! They are read as the configuration is, key by key, so that a mistake in a table is told with its line and a hint.
//! `config/cases/reference.toml` is the language.

mod asked;
mod expected;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, Method};
use serde_json::Value;
use toml::de::DeTable;

use super::fields::{Fields, Reader};
use super::key_path::KeyPath;
use super::model::{Consumer, Grants, Keyset, PluginLimits};
use super::problem::Report;
use super::problems::Problems;
use super::resolve::names::Names;
use super::sources::Sources;
use super::value::quantity::duration;
use super::value::{self, Wrong};
use super::written::{self, At};
use super::{resolve, source};
use crate::config::model::EndpointAddress;

/// As far as the clock moves at once.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The cases of one file.
#[derive(Clone, Debug)]
pub struct CaseTable {
    /// The component, where the file names it.
    pub plugin: Option<PathBuf>,
    /// What it may import: everything where nothing is written, since there is nothing here to protect.
    pub grants: Grants,
    /// What it may use: the gateway's defaults where nothing is written.
    pub limits: PluginLimits,
    /// The clients there are.
    pub consumers: Vec<Consumer>,
    /// The key sets there are.
    pub keysets: Vec<Keyset>,
    /// In the order of the file, in which they run: state lives through it.
    pub cases: Vec<Case>,
}

/// One question and its answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is claimed.
    pub name: String,
    /// Line of the file it begins on.
    pub line: usize,
    /// The policy's configuration: its own, or else that of the file.
    pub config: Value,
    /// Whether it begins with counters and shared data empty.
    pub fresh: bool,
    /// How far the clock moves on before it.
    pub after: Duration,
    /// The request asked about.
    pub request: AskedRequest,
    /// What is asked about it.
    pub subject: Subject,
    /// What upstreams answer that the policy asks, by their names; others are not known.
    pub upstreams: Vec<(String, AskedUpstream)>,
    /// What shall be decided.
    pub expect: Expectation,
}

/// A request as the gateway would hand it to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedRequest {
    /// `GET` where nothing is written.
    pub method: Method,
    /// Path and query; `/` where nothing is written.
    pub target: String,
    /// Whether it came over TLS.
    pub is_https: bool,
    /// Host and port the client asked for.
    pub authority: String,
    /// The client.
    pub client: IpAddr,
    /// Name of the route that matched.
    pub route: String,
    /// SHA-256 of the certificate the client showed, over TLS.
    pub certificate: Option<[u8; 32]>,
    /// Whom an earlier policy identified.
    pub consumer: Option<String>,
    /// Its fields.
    pub headers: Fieldset,
}

/// Fields by name, each with its values in order.
pub type Fieldset = Vec<(HeaderName, Vec<String>)>;

/// Which role of the plugin is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `request-policy`
    Request,
    /// `response-policy`
    Response(AskedResponse),
    /// `body-policy`, about a body of the request, in the pieces it arrives in
    RequestBody(Vec<String>),
    /// `body-policy`, about a body of a response, in the pieces it arrives in
    ResponseBody(AskedResponse, Vec<String>),
    /// `balancer`
    Candidates(Vec<AskedCandidate>),
    /// `observer`, of an exchange with this response, where there was one
    Exchange(AskedExchange, Option<AskedResponse>),
}

/// How an exchange went that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedExchange {
    /// Body bytes received from the client.
    pub request_bytes: u64,
    /// Body bytes sent to the client.
    pub response_bytes: u64,
    /// From the request's head to the response's end.
    pub duration: Duration,
    /// Endpoints asked.
    pub tries: u32,
    /// Why it did not end with the upstream's whole answer, in the words of the access log.
    pub cause: Option<String>,
}

/// What an upstream does when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedUpstream {
    /// It answers.
    Answers(UpstreamAnswer),
    /// There is no answer.
    Fails(UpstreamFault),
}

/// An answer of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamAnswer {
    /// 200 where nothing is written.
    pub status: u16,
    /// Its fields.
    pub headers: Fieldset,
    /// Its body.
    pub body: String,
}

/// Why an upstream gives no answer, in the words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// No endpoint could be asked.
    Unavailable,
    /// The time was over.
    Timeout,
    /// The answer is larger than it may be.
    TooLarge,
    /// The answer is not legal HTTP.
    IllegalResponse,
}

impl UpstreamFault {
    /// All of them, as they are written.
    pub const WORDS: [(&str, Self); 4] = [
        ("unavailable", Self::Unavailable),
        ("timeout", Self::Timeout),
        ("too-large", Self::TooLarge),
        ("illegal-response", Self::IllegalResponse),
    ];
}

/// A response as the gateway would hand it to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedResponse {
    /// 200 where nothing is written.
    pub status: u16,
    /// The endpoint that answered; none where nothing is written.
    pub endpoint: Option<EndpointAddress>,
    /// Its fields.
    pub headers: Fieldset,
}

/// An endpoint that may be picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedCandidate {
    /// Where it listens.
    pub address: EndpointAddress,
    /// Its share.
    pub weight: u32,
    /// Where it is.
    pub zone: String,
    /// Requests under way to it.
    pub in_flight: u32,
    /// Moving average in microseconds, 0 where unknown.
    pub latency_us: u32,
}

/// What a case shall come to; what is `None` is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The decision.
    pub verdict: ExpectedVerdict,
    /// Lines in the log, each as `info: text`.
    pub log: Option<Vec<String>>,
    /// What upstreams were asked, each as `auth GET /check`.
    pub asked: Option<Vec<String>>,
}

/// The decision that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedVerdict {
    /// The message passes.
    Forward {
        /// Who is identified; an empty name for nobody.
        consumer: Option<String>,
        /// The target asked of the upstream.
        target: Option<String>,
        /// All edits of the request.
        request: Option<ExpectedEdits>,
        /// All edits of the response.
        response: Option<ExpectedEdits>,
    },
    /// A request is answered by the policy.
    Respond(ExpectedAnswer),
    /// A response is replaced by the policy's.
    Replace(ExpectedAnswer),
    /// A candidate is picked, from 0.
    Pick(Option<u32>),
    /// The choice is left to the gateway.
    Decline,
    /// The body is not looked at.
    Skip,
    /// The body goes on as it is.
    Pass,
    /// This goes on in the place of the body.
    Change(Option<String>),
    /// More of the body was to be kept than `limits.body`.
    TooLarge,
    /// The exchange was heard of.
    Observe,
    /// The plugin fails.
    Failure(Option<FailureWord>),
    /// The configuration is refused, with problems at these paths.
    Misconfigured(Option<Vec<String>>),
}

/// An answer that is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedAnswer {
    /// Its status.
    pub status: Option<u16>,
    /// Fields that it has, beside others.
    pub headers: Fieldset,
    /// Its body.
    pub body: Option<String>,
}

/// Edits that are expected, and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedEdits {
    /// Fields set.
    pub set: Fieldset,
    /// Values added.
    pub append: Fieldset,
    /// Names removed.
    pub remove: Vec<HeaderName>,
}

/// How a plugin fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureWord {
    /// It traps.
    Trap,
    /// It uses more CPU time than it has.
    OutOfTime,
    /// It wants more memory than it has.
    OutOfMemory,
    /// It returns what is not allowed.
    Illegal,
}

impl FailureWord {
    /// As it is written in a table, and as metrics name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::OutOfTime => "out_of_time",
            Self::OutOfMemory => "out_of_memory",
            Self::Illegal => "illegal",
        }
    }
}

/// Every key of a table, explained.
pub const REFERENCE: &str = include_str!("../../../config/cases/reference.toml");

/// Reads a table of cases; relative paths in it start at its folder.
///
/// # Errors
/// Every problem of the file at once.
pub fn load(path: &Path) -> Result<CaseTable, Report> {
    let text = source::read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    parse(&path.display().to_string(), base, &text)
}

fn parse(file_name: &str, base: &Path, text: &str) -> Result<CaseTable, Report> {
    let sources = Sources::new(file_name, text);
    let document = source::document(&sources)?;
    let mut reader = Reader::new(&sources, base);
    let written = Written::read(&mut reader, document.get_ref());
    let mut problems = reader.into_problems();
    let table = written.resolve(&sources, &mut problems);
    let report = problems.into_report();
    table.filter(|_| report.is_empty()).ok_or(report)
}

/// A table as written.
struct Written {
    plugin: Option<PathBuf>,
    grants: Grants,
    limits: PluginLimits,
    config: Value,
    consumers: Vec<written::Consumer>,
    keysets: Vec<written::Keyset>,
    cases: Vec<WrittenCase>,
}

/// A case as written: a required value that is missing is `None`, and its problem is noted.
struct WrittenCase {
    at: KeyPath,
    name: Option<At<String>>,
    config: Option<Value>,
    fresh: bool,
    after: Duration,
    request: AskedRequest,
    consumer: Option<At<String>>,
    subject: Subject,
    upstreams: Vec<(String, AskedUpstream)>,
    expect: Option<Expectation>,
    expected_consumer: Option<At<String>>,
}

fn grants(fields: &mut Fields<'_, '_>) -> Grants {
    if !fields.is_written("grants") {
        return Grants::all();
    }
    written::plugin::grants(fields).into_iter().map(|capability| capability.value).collect()
}

impl Written {
    fn read<'d>(reader: &mut Reader<'d>, document: &'d DeTable<'d>) -> Self {
        reader.table(KeyPath::root(), document, |fields| Self {
            plugin: fields.file("plugin").map(|file| file.value),
            grants: grants(fields),
            limits: fields.section("limits", written::plugin::limits).unwrap_or_else(written::plugin::default_limits),
            config: fields.json("config"),
            consumers: fields.sections("consumer", written::Consumer::read),
            keysets: fields.sections("keyset", written::Keyset::read),
            cases: fields.sections("case", WrittenCase::read),
        })
    }

    fn resolve(self, sources: &Sources, problems: &mut Problems<'_>) -> Option<CaseTable> {
        let names = Names::new("consumer", self.consumers.iter().map(|consumer| &consumer.name), problems);
        Names::new("keyset", self.keysets.iter().map(|keyset| &keyset.name), problems);
        Names::new("case", self.cases.iter().map(|case| &case.name), problems);
        if self.cases.is_empty() && !problems.concern("case") {
            let hint = "add `[[case]]` with `name = \"...\"` and `expect = { decision = \"forward\" }`";
            problems.at_value(&KeyPath::root().key("case"), Wrong::new("there is no case").hint(hint));
        }
        for consumer in self.cases.iter().flat_map(|case| [&case.consumer, &case.expected_consumer]).flatten() {
            names.check(consumer, problems);
        }
        let consumers = resolve::consumers::resolve(self.consumers, problems);
        let keysets = resolve::keysets::all(self.keysets, problems);
        let cases: Option<_> = self.cases.into_iter().map(|case| case.resolve(&self.config, sources)).collect();
        let (plugin, grants, limits) = (self.plugin, self.grants, self.limits);
        Some(CaseTable { plugin, grants, limits, consumers: consumers?, keysets: keysets?, cases: cases? })
    }
}

impl WrittenCase {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let at = fields.at().clone();
        let name = fields.required("name", value::text, "\"a known key passes\"");
        let config = fields.is_written("config").then(|| fields.json("config"));
        let fresh = fields.or("fresh", value::boolean, false);
        let after = fields.or("after", duration(Duration::ZERO..=LONGEST), Duration::ZERO);
        let (request, consumer) = asked::request(fields);
        let subject = asked::subject(fields);
        let upstreams = asked::upstreams(fields);
        let (expect, expected_consumer) = expected::expectation(fields, &subject);
        Self { at, name, config, fresh, after, request, consumer, subject, upstreams, expect, expected_consumer }
    }

    fn resolve(self, config: &Value, sources: &Sources) -> Option<Case> {
        Some(Case {
            name: self.name?.value,
            line: sources.place_of(self.at.as_str()).map_or(1, |place| place.line),
            config: self.config.unwrap_or_else(|| config.clone()),
            fresh: self.fresh,
            after: self.after,
            request: self.request,
            subject: self.subject,
            upstreams: self.upstreams,
            expect: self.expect?,
        })
    }
}

//! One answer, prepared.

use tidegate_plugin_sdk::template::{CONSUMER, Escape, REQUEST, Template, plain};
use tidegate_plugin_sdk::{Decision, Field, FieldName, LocalResponse, Problem, Request};

use crate::config::{self, PathPattern};
use crate::escape;

/// One answer, and which requests it is for.
#[derive(Debug)]
pub(crate) struct Answer {
    methods: Vec<String>,
    path: Option<PathPattern>,
    status: u16,
    content_type: String,
    headers: Vec<(FieldName, Template)>,
    body: Option<Template>,
    escape: Escape,
}

/// Most of what a plugin may return by default. What is the same for every request is the operator's to make fit.
const LONGEST: usize = 48 * 1024;

impl Answer {
    /// Prepares what is written at this place, and notes what is wrong with it.
    pub(crate) fn new(written: config::Answer, at: &str, problems: &mut Vec<Problem>) -> Self {
        let mut note = |key: &str, message: String| problems.push(Problem::at(format!("{at}.{key}"), message));
        if !(200..600).contains(&written.status) {
            note("status", format!("{} is no final status; take one from 200 to 599", written.status));
        }
        if matches!(written.status, 204 | 205 | 304) && !written.body.is_empty() {
            note("body", format!("an answer {} has no body", written.status));
        }
        for (index, method) in written.methods.iter().enumerate().filter(|(_, method)| !is_method(method)) {
            note(&format!("methods[{index}]"), format!("{method:?} is no method, as in \"GET\""));
        }
        if let Some(PathPattern::Exact(path) | PathPattern::Prefix(path)) = &written.path
            && !path.starts_with('/')
        {
            note("path", format!("{path:?} is no path; it starts with `/`"));
        }
        let is_type =
            written.content_type.contains('/') && written.content_type.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_type {
            note("content_type", format!("{:?} is no media type, as in \"application/json\"", written.content_type));
        }
        let headers = written.headers.iter().filter_map(|(name, text)| field(name, text, &mut note)).collect();
        let (body, escape) = body(&written, &mut note);
        let (status, content_type) = (written.status, written.content_type);
        Self { methods: written.methods, path: written.path, status, content_type, headers, body, escape }
    }

    /// Whether it is for such a request. What is for GET is for HEAD as well: the gateway leaves the body away.
    pub(crate) fn fits(&self, method: &str, path: &str) -> bool {
        let is_meant = |known: &String| known == method || (known == "GET" && method == "HEAD");
        (self.methods.is_empty() || self.methods.iter().any(is_meant)) && self.fits_path(path)
    }

    fn fits_path(&self, path: &str) -> bool {
        match &self.path {
            None => true,
            Some(PathPattern::Exact(exact)) => path == exact,
            Some(PathPattern::Prefix(prefix)) => path
                .strip_prefix(prefix.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }

    /// The answer to this request.
    pub(crate) fn give(&self, request: &Request) -> LocalResponse {
        let response = self.filled(request);
        let fields: usize = response.headers.iter().map(|field| field.value.len()).sum();
        let is_too_long = self.varies() && fields + response.body.len() > LONGEST;
        if is_too_long { Decision::respond(431) } else { response }
    }

    /// Whether the client has a say in how long it is.
    fn varies(&self) -> bool {
        self.headers.iter().map(|(_, template)| template).chain(&self.body).any(|template| template.fixed().is_none())
    }

    fn filled(&self, request: &Request) -> LocalResponse {
        let mut response = Decision::respond(self.status);
        for (name, template) in &self.headers {
            if let Some(value) = template.render(request).filter(|value| Field::is_value(value)) {
                response = response.header(name, value);
            }
        }
        let Some(body) = self.body.as_ref().and_then(|body| body.fill(request, &[], self.escape)) else {
            return response;
        };
        // No browser shall find a script in what was meant as text.
        let response =
            response.header("content-type", self.content_type.as_str()).header("x-content-type-options", "nosniff");
        response.body(body)
    }
}

fn field(name: &str, text: &str, note: &mut impl FnMut(&str, String)) -> Option<(FieldName, Template)> {
    let key = format!("headers.{name}");
    let name = match FieldName::new(name) {
        Ok(name) if name.as_str() == "content-type" => Err("has a key of its own, `content_type`".to_owned()),
        name => name,
    };
    let template = Template::parse(text, &[REQUEST, CONSUMER]).map_err(|error| error.to_string());
    let is_legal = |template: &Template| template.texts().all(|text| Field::is_value(text.as_bytes()));
    match (name, template) {
        (Ok(name), Ok(template)) if is_legal(&template) => return Some((name, template)),
        (Ok(_), Ok(_)) => note(&key, "holds a control character, which no field may".to_owned()),
        (name, template) => name.err().into_iter().chain(template.err()).for_each(|why| note(&key, why)),
    }
    None
}

fn body(written: &config::Answer, note: &mut impl FnMut(&str, String)) -> (Option<Template>, Escape) {
    let unchanged = (None, plain as Escape);
    if written.body.is_empty() {
        return unchanged;
    }
    let template = match Template::parse(&written.body, &[REQUEST, CONSUMER]) {
        Ok(template) => template.or_empty(),
        Err(error) => {
            note("body", error.to_string());
            return unchanged;
        }
    };
    if template.fixed().is_some() {
        return (Some(template), plain);
    }
    match escape::of(&written.content_type) {
        Some(escape) => (Some(template), escape),
        None => {
            let message =
                "values can be put into JSON, HTML, XML and plain text only; they could break out of another type";
            note("body", message.to_owned());
            unchanged
        }
    }
}

/// A token of capital letters: methods are told apart by case (RFC 9110 section 9.1), and none in use has small ones.
fn is_method(method: &str) -> bool {
    !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

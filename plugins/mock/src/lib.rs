//! Answers requests with fixed texts instead of an upstream.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

mod answer;
pub mod config;
mod escape;

use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};

use answer::Answer;
use config::{Config, Otherwise};

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct Mock {
    answers: Vec<Answer>,
    otherwise: Otherwise,
}

impl Policy for Mock {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if config.answers.is_empty() {
            problems.push(Problem::at(
                "answers",
                "must have an answer, as in [{ path = { exact = \"/health\" }, body = \"ok\" }]",
            ));
        }
        let written = config.answers.into_iter().enumerate();
        let answers = written.map(|(index, answer)| Answer::new(answer, &format!("answers[{index}]"), &mut problems));
        let answers = answers.collect();
        if problems.is_empty() { Ok(Self { answers, otherwise: config.otherwise }) } else { Err(problems) }
    }
}

impl RequestPolicy for Mock {
    fn on_request(&self, request: &Request) -> Decision {
        let (method, path) = (request.method(), request.path());
        match (self.answers.iter().find(|answer| answer.fits(&method, &path)), self.otherwise) {
            (Some(answer), _) => answer.give(request).into(),
            (None, Otherwise::Pass) => Decision::forward().into(),
            (None, Otherwise::NotFound) => Decision::respond(404).into(),
        }
    }
}

export!(Mock: request);

#[cfg(test)]
mod tests;

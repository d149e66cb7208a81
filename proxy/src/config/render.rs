//! Problems as a human reads them.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::problem::{Excerpt, Place, Problem, Report};

/// All problems, one blank line between two.
pub(super) fn report(report: &Report, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut shown: Vec<String> = report.problems.iter().map(|problem| one(problem, &renderer)).collect();
    if report.omitted > 0 {
        shown.push(format!("and {} more problems", report.omitted));
    }
    shown.join("\n\n") + "\n"
}

fn one(problem: &Problem, renderer: &Renderer) -> String {
    let title = Level::ERROR.primary_title(problem.message.as_str());
    let mut group = match (&problem.place, &problem.excerpt) {
        (Some(place), Some(excerpt)) => title.element(snippet(place, excerpt)),
        (Some(place), None) => title.element(origin(place)),
        (None, _) => Group::with_title(title),
    };
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    renderer.render(&[group])
}

fn snippet<'a>(place: &'a Place, excerpt: &'a Excerpt) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    Snippet::source(excerpt.line.as_str())
        .line_start(place.line)
        .path(place.file.as_str())
        .annotation(AnnotationKind::Primary.span(excerpt.marked.clone()))
}

fn origin(place: &Place) -> Origin<'_> {
    Origin::path(place.file.as_str()).line(place.line).char_column(place.column)
}

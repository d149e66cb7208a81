//! No text brings the reader down, and every problem points into the text.

use proptest::prelude::*;

use super::{REFERENCE, parse};
use crate::config::problem::Report;

fn points_into(text: &str, report: &Report) {
    for problem in &report.problems {
        let Some(place) = &problem.place else { continue };
        let line = text.split('\n').nth(place.line - 1).unwrap_or_else(|| panic!("{problem:?} is behind the end"));
        assert!(place.column <= line.chars().count() + 1, "{problem:?} is behind its line {line:?}");
    }
    assert!(!report.render(false).is_empty());
    assert!(!report.render(true).is_empty());
}

fn survives(text: &str) {
    if let Err(report) = parse(text) {
        assert!(!report.is_empty(), "refused without a reason: {text:?}");
        points_into(text, &report);
    }
}

/// The text with the characters from `from` on replaced, as far as `length` goes.
fn mutated(text: &str, from: usize, length: usize, by: &str) -> String {
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (start, end) = (boundary(from), boundary(from + length));
    format!("{}{by}{}", &text[..start], &text[end..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_loaded_or_refused(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn any_text_of_toml_pieces_is_loaded_or_refused(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "[", "]", "[[route]]", "[[listener]]", "{", "}", "=", ".", ",", "\n", "\r\n", "\"", "'", "'''", "\\", "#", " ",
                "name", "hosts", "path", "keys", "[admin]\n", "token", "1", "-1e9", "nan", "true", "1979-05-27", "é", "\u{feff}", "\t",
            ]),
            0..40,
        ),
    ) {
        survives(&pieces.concat());
    }

    #[test]
    fn any_change_to_the_reference_is_loaded_or_refused(
        changes in prop::collection::vec((0..REFERENCE.len(), 0..12_usize, "[ -~\\n\\t\u{e4}]{0,6}"), 1..4),
    ) {
        let text = changes.iter().fold(REFERENCE.to_owned(), |text, (from, length, by)| mutated(&text, *from, *length, by));
        survives(&text);
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    survives(&format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)));
    survives(&format!("a{} = 1", ".a".repeat(100_000)));
    survives(&format!("[policy.{}]", "{".repeat(1000)));
}

#[test]
fn a_file_with_too_many_problems_is_shown_in_part() {
    let text: String = (0..1000).map(|number| format!("k{number} = 1\n")).collect();
    let report = parse(&text).unwrap_err();
    assert_eq!(report.problems.len(), 100);
    assert!(report.render(false).ends_with("and 902 more problems\n"), "{}", report.render(false));
}

#[test]
fn a_very_long_line_is_shown_in_part() {
    let report = parse(&format!("x = \"{}\"", "y".repeat(1_000_000))).unwrap_err();
    assert!(report.render(false).len() < 2000);
}

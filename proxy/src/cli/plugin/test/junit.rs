//! The report that CI servers read: JUnit's XML, as far as there is an agreement on it.

use std::fmt::Write;

use super::{CaseResult, Run, difference_lines};

/// All runs as one document.
pub(super) fn report(runs: &[Run]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for run in runs {
        let failures = run.results.iter().filter(|result| !result.differences.is_empty()).count();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">",
            escaped(&run.file),
            run.results.len()
        );
        run.results.iter().for_each(|result| case(&mut xml, run, result));
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

fn case(xml: &mut String, run: &Run, result: &CaseResult) {
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.6}\"",
        escaped(&run.file),
        escaped(&result.name),
        escaped(&run.file),
        result.line,
        result.took.as_secs_f64()
    );
    let Some(first) = result.differences.first() else {
        xml.push_str("/>\n");
        return;
    };
    let text = difference_lines(&result.differences, false).join("\n");
    let _ = writeln!(
        xml,
        ">\n      <failure message=\"{} is not as expected\">{}</failure>\n    </testcase>",
        first.label,
        escaped(&text)
    );
}

/// What XML reads as itself; control characters have no place in it at all.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_can_end_its_attribute() {
        assert_eq!(escaped("a\"><b>&\u{1b}"), "a&quot;&gt;&lt;b&gt;&amp;\u{fffd}");
    }
}

//! The Prometheus text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{Display, Write as _};

/// Label names with their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Labels<'a> {
    pub(super) fn new(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// These and one more.
    pub(super) fn and(&self, name: &'a str, value: &'a str) -> Self {
        Self(self.0.iter().copied().chain([(name, value)]).collect())
    }
}

/// Appends one line: `name + suffix`, labels, value.
pub(super) fn sample(out: &mut String, name: &str, suffix: &str, labels: &Labels<'_>, value: impl Display) {
    out.push_str(name);
    out.push_str(suffix);
    for (index, (label, value)) in labels.0.iter().enumerate() {
        out.push(if index == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        escape(out, value);
        out.push('"');
    }
    if !labels.0.is_empty() {
        out.push('}');
    }
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, " {value}");
}

/// Appends `# HELP` and `# TYPE`.
pub(super) fn header(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_value_cannot_break_out_of_its_line() {
        let mut out = String::new();
        sample(&mut out, "x", "_total", &Labels::new([("a", "q\"\\\nx 1"), ("b", "")]), 7);
        assert_eq!(out, "x_total{a=\"q\\\"\\\\\\nx 1\",b=\"\"} 7\n");
    }
}

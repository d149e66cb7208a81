//! What one scrape is made of: the crate's plain values, and the text they become.

use prometheus::TextEncoder;
use prometheus::proto::{LabelPair, MetricFamily, MetricType};

/// A metric that has no series yet.
pub(super) fn empty(name: &str, help: &str, kind: MetricType) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family
}

/// Label names with their values, shown in the order given.
pub(super) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<LabelPair> {
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    pairs.into_iter().map(pair).collect()
}

/// The Prometheus text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
pub(super) fn text(families: &[MetricFamily]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Fails only on a metric without series, and none such is ever gathered; what stands before it is kept.
    let _ = TextEncoder::new().encode_utf8(families, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use prometheus::proto::Metric;

    use super::*;

    #[test]
    fn a_label_value_cannot_break_out_of_its_line() {
        let mut family = empty("x_total", "Help.", MetricType::COUNTER);
        family.mut_metric().push(Metric::from_label(labels([("a", "q\"\\\nx 1"), ("b", "")])));
        let text = text(&[family]);
        assert_eq!(text.lines().last(), Some("x_total{a=\"q\\\"\\\\\\nx 1\",b=\"\"} 0"));
    }
}

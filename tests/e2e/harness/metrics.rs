//! Prometheus text, read back.

/// One sample.
#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: String,
    value: f64,
}

/// One scrape.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    text: String,
    samples: Vec<Sample>,
}

impl Metrics {
    /// Reads a scrape; a line that is no sample fails the test.
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect();
        Self { text: text.to_owned(), samples }
    }

    /// The sum of all samples of this name that carry these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let fits = |sample: &&Sample| sample.name == name && wanted.iter().all(|label| sample.labels.contains(label));
        self.samples.iter().filter(fits).map(|sample| sample.value).sum()
    }

    /// The scrape as it came.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let value = value.parse().unwrap_or_else(|_| panic!("no value: {line:?}"));
    Sample { name: name.to_owned(), labels: labels.to_owned(), value }
}

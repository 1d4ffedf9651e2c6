//! One scrape of `/metrics`, and questions to it.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_parse::{Sample, Value};

/// One scrape.
pub struct Scrape {
    /// The text as it was served.
    pub text: String,
    samples: Vec<Sample>,
}

impl Scrape {
    /// Parses a scrape's text.
    ///
    /// # Panics
    ///
    /// If it is not the text format, or has one series twice.
    pub fn parse(text: String) -> Self {
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let samples = prometheus_parse::Scrape::parse(lines)
            .expect("text format")
            .samples;
        let scrape = Self { text, samples };
        scrape.assert_no_duplicates();
        scrape
    }

    fn assert_no_duplicates(&self) {
        let mut seen = BTreeSet::new();
        for line in self.text.lines().filter(|line| !line.starts_with('#')) {
            let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
            assert!(
                seen.insert(series),
                "a series twice in one scrape: {series}"
            );
        }
    }

    /// Samples of a metric whose labels include these.
    pub fn select<'a>(
        &'a self,
        metric: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.metric == metric
                && labels
                    .iter()
                    .all(|(name, value)| sample.labels.get(name) == Some(value))
        })
    }

    /// Sum of the samples of a metric whose labels include these; `None` if there are none.
    pub fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.select(metric, labels).filter_map(value).peekable();
        found.peek()?;
        Some(found.sum())
    }

    /// A metric's samples of one process by the value of a label.
    pub fn by_label(&self, metric: &str, pid: u32, label: &str) -> BTreeMap<String, f64> {
        let pid = pid.to_string();
        self.select(metric, &[("pid", &pid)])
            .filter_map(|sample| Some((sample.labels.get(label)?.to_owned(), value(sample)?)))
            .collect()
    }

    /// Whether any series names this process.
    pub fn names_process(&self, pid: u32) -> bool {
        self.text.contains(&format!("pid=\"{pid}\""))
    }
}

fn value(sample: &Sample) -> Option<f64> {
    match sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => Some(value),
        Value::Histogram(_) | Value::Summary(_) => None,
    }
}

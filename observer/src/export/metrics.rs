//! Samples by metric, for the `prometheus` crate's encoder.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use prometheus::proto::{self, LabelPair, MetricFamily, MetricType};

use super::catalogue::{CATALOGUE, Kind, Metric, Scope};

/// Values of labels: those of a scope with their names, then those of a metric in the order of
/// its row.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    scope: Vec<(&'static str, String)>,
    own: Vec<String>,
}

impl Labels {
    /// The labels of a scope.
    pub(super) fn of(scope: &[(&'static str, &str)]) -> Self {
        let scope = scope
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Self {
            scope,
            own: Vec::new(),
        }
    }

    /// These and more.
    pub(super) fn with(&self, own: &[&str]) -> Self {
        let mut labels = self.clone();
        labels
            .own
            .extend(own.iter().map(|value| (*value).to_owned()));
        labels
    }

    fn pairs(&self, metric: &Metric) -> Vec<LabelPair> {
        debug_assert_eq!(self.own.len(), metric.labels.len(), "{}", metric.name);
        debug_assert!(
            scope_labels(metric.scope).contains(&self.scope.len()),
            "{}",
            metric.name
        );
        let scope = self.scope.iter().map(|(name, value)| pair(name, value));
        scope
            .chain(
                metric
                    .labels
                    .iter()
                    .zip(&self.own)
                    .map(|(name, own)| pair(name, own)),
            )
            .collect()
    }
}

/// A process has a name and a pid, and in Kubernetes up to three labels of its pod.
const fn scope_labels(scope: Scope) -> RangeInclusive<usize> {
    match scope {
        Scope::Process => 2..=5,
        Scope::Observer => 0..=0,
    }
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

/// Samples by metric.
#[derive(Debug, Default)]
pub(super) struct Families {
    samples: HashMap<&'static str, Vec<proto::Metric>>,
    series: usize,
}

impl Families {
    /// Adds a sample of a counter or gauge.
    pub(super) fn add(&mut self, metric: &'static Metric, labels: &Labels, value: f64) {
        let mut sample = proto::Metric::from_label(labels.pairs(metric));
        if metric.kind == Kind::Counter {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            sample.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            sample.set_gauge(gauge);
        }
        self.push(metric, sample, 1);
    }

    /// Adds a histogram of (upper bound, count in the bucket).
    pub(super) fn add_histogram(
        &mut self,
        metric: &'static Metric,
        labels: &Labels,
        buckets: impl Iterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
    ) {
        let mut cumulative = 0;
        let buckets: Vec<_> = buckets
            .map(|(bound, count)| {
                cumulative += count;
                let mut bucket = proto::Bucket::default();
                bucket.set_upper_bound(bound);
                bucket.set_cumulative_count(cumulative);
                bucket
            })
            .collect();
        let series = buckets.len() + 3;
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum);
        let mut sample = proto::Metric::from_label(labels.pairs(metric));
        sample.set_histogram(histogram);
        self.push(metric, sample, series);
    }

    /// Series added so far, every bucket of a histogram counted.
    pub(super) fn series(&self) -> usize {
        self.series
    }

    /// The families that have samples, in the order of the catalogue.
    pub(super) fn into_proto(mut self) -> Vec<MetricFamily> {
        let rows = CATALOGUE.iter();
        rows.filter_map(|metric| Some(family(metric, self.samples.remove(metric.name)?)))
            .collect()
    }

    fn push(&mut self, metric: &'static Metric, sample: proto::Metric, series: usize) {
        self.samples.entry(metric.name).or_default().push(sample);
        self.series += series;
    }
}

fn family(metric: &Metric, samples: Vec<proto::Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(metric.name.to_owned());
    family.set_help(metric.help.to_owned());
    family.set_field_type(match metric.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    family.set_metric(samples);
    family
}

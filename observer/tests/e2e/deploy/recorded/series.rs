//! Scrapes as the series of a test of `promtool`: one value a scrape, written short.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a scrape of the observer adds.
const TARGET: &str = r#"job="parkwatch-observer",instance="10.0.0.7:9464",node="n1""#;

/// The values of every series of processes; a scrape in which it was not is `None`.
#[derive(Debug, Default)]
pub struct Series {
    values: BTreeMap<String, Vec<Option<f64>>>,
    scrapes: usize,
}

impl Series {
    /// Those of some scrapes, one after another.
    pub fn of(scrapes: &[String]) -> Self {
        let mut series = Self::default();
        scrapes.iter().for_each(|scrape| series.add(scrape));
        series
    }

    fn add(&mut self, scrape: &str) {
        let ours = |line: &&str| {
            line.starts_with("parkwatch_") && !line.starts_with("parkwatch_observer_")
        };
        for line in scrape.lines().filter(ours) {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let (metric, labels) = name.split_once('{').expect("labels");
            let name = format!("{metric}{{{TARGET},{labels}");
            let values = self.values.entry(name).or_default();
            values.resize(self.scrapes, None);
            values.push(Some(value.parse().expect("a number")));
        }
        self.scrapes += 1;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// As `input_series` of a test.
    pub fn to_promtool(&self) -> Value {
        let one = |(name, values): (&String, &Vec<Option<f64>>)| {
            let mut values = values.clone();
            values.resize(self.scrapes, None);
            json!({"series": name, "values": notation(&values)})
        };
        self.values.iter().map(one).collect()
    }
}

/// The values in promtool's notation: `7x2` is three sevens, `_x2` are two gaps, and `stale` is the
/// first of the gaps behind a value, as a scrape marks it.
fn notation(values: &[Option<f64>]) -> String {
    let mut words = Vec::new();
    let mut previous = None;
    for run in values.chunk_by(|a, b| a == b) {
        let length = run.len();
        match (run[0], previous) {
            (Some(value), _) if length == 1 => words.push(format!("{value}")),
            (Some(value), _) => words.push(format!("{value}x{}", length - 1)),
            (None, None) => words.push(format!("_x{length}")),
            (None, Some(_)) if length == 1 => words.push("stale".to_owned()),
            (None, Some(_)) => words.push(format!("stale _x{}", length - 1)),
        }
        previous = run[0];
    }
    words.join(" ")
}

#[test]
fn runs_of_equal_values_and_gaps_are_written_short() {
    let values = [
        None,
        None,
        Some(7.0),
        Some(7.0),
        Some(7.5),
        None,
        None,
        Some(1.0),
    ];
    assert_eq!(notation(&values), "_x2 7x1 7.5 stale _x1 1");
}

#[test]
fn a_series_has_the_labels_of_the_scrape_and_a_gap_where_it_was_not() {
    let scrapes = [
        "parkwatch_tasks_live{pid=\"7\"} 3\nparkwatch_observer_series 1\nprocess_x 1\n",
        "# TYPE parkwatch_tasks_live gauge\n",
        "parkwatch_tasks_live{pid=\"7\"} 4\n",
    ];
    let series = Series::of(&scrapes.map(str::to_owned)).to_promtool();
    let name = format!("parkwatch_tasks_live{{{TARGET},pid=\"7\"}}");
    assert_eq!(series, json!([{"series": name, "values": "3 stale 4"}]));
}

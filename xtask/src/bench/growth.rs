//! What an operation costs as the number of tasks grows: the points of the part `curves`, and
//! their tables. Pure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write;

use super::row::duration;
use super::statistics::median;

/// One number of tasks of one workload, on one runtime with so many workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The workload, as the contestants know it.
    pub workload: String,
    /// The runtime.
    pub runtime: String,
    /// Its workers.
    pub workers: u32,
    /// Tasks at a time.
    pub tasks: u64,
    /// Nanoseconds per operation, a round.
    pub samples: Vec<f64>,
}

/// The points of one runtime with so many workers, in the order of their tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<'a> {
    /// The runtime.
    pub runtime: &'a str,
    /// Its workers.
    pub workers: u32,
    /// Tasks, and the median of what an operation costs.
    pub medians: Vec<(u64, f64)>,
}

/// The curves of a workload, by workers and then as the points come.
pub fn curves<'a>(points: &'a [Point], workload: &str) -> Vec<Curve<'a>> {
    let mut curves: Vec<Curve> = Vec::new();
    let measured = |point: &&Point| point.workload == workload && !point.samples.is_empty();
    for point in points.iter().filter(measured) {
        let same =
            |curve: &Curve| (curve.runtime, curve.workers) == (&point.runtime, point.workers);
        let at = curves.iter().position(same).unwrap_or_else(|| {
            curves.push(Curve {
                runtime: &point.runtime,
                workers: point.workers,
                medians: Vec::new(),
            });
            curves.len() - 1
        });
        let middle = median(&point.samples);
        curves[at].medians.push((point.tasks, middle));
    }
    for curve in &mut curves {
        curve.medians.sort_by_key(|(tasks, _)| *tasks);
    }
    curves.sort_by_key(|curve| curve.workers);
    curves
}

impl Curve<'_> {
    /// The largest factor by which an operation becomes dearer from one number of tasks to the
    /// next, and that next number; `None` of a single point.
    pub fn steepest(&self) -> Option<(f64, u64)> {
        let steps = self.medians.windows(2);
        steps
            .map(|two| (two[1].1 / two[0].1, two[1].0))
            .max_by(|one, other| one.0.total_cmp(&other.0))
    }
}

/// The table of a workload: a line a runtime and number of workers, a column a number of tasks.
pub fn render(points: &[Point], workload: &str) -> String {
    let curves = curves(points, workload);
    let numbers = curves.iter().flat_map(|curve| &curve.medians);
    let numbers: BTreeSet<u64> = numbers.map(|(tasks, _)| *tasks).collect();
    let heads: String = numbers.iter().map(|tasks| format!(" {tasks} |")).collect();
    let mut text = format!(
        "| workers | runtime |{heads} steepest step |\n|---:|---|{}---:|\n",
        "---:|".repeat(numbers.len())
    );
    for curve in &curves {
        let cell = |tasks: &u64| {
            let found = curve.medians.iter().find(|(number, _)| number == tasks);
            found.map_or_else(
                || " – |".to_owned(),
                |(_, ns)| format!(" {} |", duration(*ns)),
            )
        };
        let cells: String = numbers.iter().map(cell).collect();
        let steepest = curve.steepest().map_or_else(
            || "–".to_owned(),
            |(factor, tasks)| format!("× {factor:.2} to {tasks}"),
        );
        let (workers, runtime) = (curve.workers, curve.runtime);
        let _ = writeln!(text, "| {workers} | {runtime} |{cells} {steepest} |");
    }
    text
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A curve of these medians, from a hundred tasks on.
    pub fn points(workload: &str, runtime: &str, workers: u32, medians: &[f64]) -> Vec<Point> {
        let point = |(at, ns): (usize, &f64)| Point {
            workload: workload.to_owned(),
            runtime: runtime.to_owned(),
            workers,
            tasks: 10_u64.pow(at as u32 + 2),
            samples: vec![*ns; 3],
        };
        medians.iter().enumerate().map(point).collect()
    }

    #[test]
    fn a_curve_is_ordered_and_knows_its_steepest_step() {
        let mut all = points("waves", "ours", 2, &[100.0, 90.0, 180.0, 200.0]);
        all.reverse();
        all.extend(points("pairs", "ours", 2, &[1.0]));
        let curves = curves(&all, "waves");
        assert_eq!(curves.len(), 1);
        assert_eq!(curves[0].medians[0], (100, 100.0));
        assert_eq!(curves[0].steepest(), Some((2.0, 10_000)));
    }

    #[test]
    fn the_table_has_a_column_a_number_of_tasks() {
        let mut all = points("waves", "ours", 2, &[100.0, 150.0]);
        all.extend(points("waves", "go", 1, &[200.0]));
        let table = render(&all, "waves");
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "| workers | runtime | 100 | 1000 | steepest step |",
                "|---:|---|---:|---:|---:|",
                "| 1 | go | 200 ns | – | – |",
                "| 2 | ours | 100 ns | 150 ns | × 1.50 to 1000 |",
            ]
        );
    }
}

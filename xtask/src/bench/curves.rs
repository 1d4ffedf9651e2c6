//! The part `curves`: what an operation costs with 100 to 1,000,000 tasks and one to four workers,
//! on ours, tokio and Go. may, which can have 30,000 tasks, is left out.

use anyhow::Result;

use super::conditions::Conditions;
use super::contestants::{Contestants, MAY};
use super::growth::{self, Point};
use super::peers::{answer, sample};
use super::row::{Sample, duration};
use super::sheet::Sheet;
use super::{CURVES, Options, leave_out, selected};
use crate::plan;
use crate::workspace::Workspace;

/// Rounds, unless the caller says otherwise.
const ROUNDS: u32 = 3;
/// The fewest operations of a round: small numbers of tasks do theirs again and again.
const FEWEST_OPERATIONS: u64 = 200_000;
/// The fewest round trips of a pair.
const TRIPS_OF_A_PAIR: u64 = 10;
/// Numbers of workers.
const WORKERS: [u32; 3] = [1, 2, 4];
/// The smallest number of tasks; the next is ten times that.
const FEWEST_TASKS: u64 = 100;

/// Runs all rounds of all points, round by round.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if selected(&CURVES, &options.names).is_empty() {
        leave_out("curves");
        return Ok(());
    }
    let contestants = Contestants::build(workspace)?;
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let method = format!("{rounds} rounds of all points, a process per measurement");
    let conditions = Conditions::begin(workspace, method, "mimalloc (but of Go)");
    let sheet = Sheet::open(workspace, "curves", conditions)?;
    let mut points = points(&contestants, options);
    for round in 0..rounds {
        let mut said = (String::new(), 0);
        for point in &mut points {
            let group = (point.workload.clone(), point.workers);
            if said != group {
                let (workload, workers) = &group;
                let round = round + 1;
                plan::say(&format!(
                    "round {round} of {rounds}: {workload}, workers: {workers}"
                ));
                said = group;
            }
            measure(workspace, &contestants, point, options)?;
        }
        sheet.keep(&render(&points))?;
        sheet.keep_samples(&points)?;
    }
    sheet.publish(workspace, &render(&points))
}

/// All points, those that are compared beside each other.
fn points(contestants: &Contestants, options: &Options) -> Vec<Point> {
    let mut points = Vec::new();
    for workload in selected(&CURVES, &options.names) {
        let runtimes = contestants.of(workload).into_iter();
        let runtimes: Vec<_> = runtimes.filter(|name| *name != MAY).collect();
        for workers in WORKERS {
            for tasks in numbers_of_tasks(options.most) {
                points.extend(runtimes.iter().map(|runtime| Point {
                    workload: workload.to_owned(),
                    runtime: (*runtime).to_owned(),
                    workers,
                    tasks,
                    samples: Vec::new(),
                }));
            }
        }
    }
    points
}

fn numbers_of_tasks(most: u64) -> impl Iterator<Item = u64> {
    let next = |tasks: &u64| tasks.checked_mul(10);
    std::iter::successors(Some(FEWEST_TASKS), next).take_while(move |tasks| *tasks <= most)
}

/// Operations of a round.
fn operations(workload: &str, tasks: u64, fewest: u64) -> u64 {
    match workload {
        // The number is what is measured.
        "sleepers" => tasks,
        "pairs" => fewest.max(tasks / 2 * TRIPS_OF_A_PAIR),
        _ => fewest.max(tasks),
    }
}

fn measure(
    workspace: &Workspace,
    contestants: &Contestants,
    point: &mut Point,
    options: &Options,
) -> Result<()> {
    let fewest = options.count.unwrap_or(FEWEST_OPERATIONS);
    let count = operations(&point.workload, point.tasks, fewest);
    let call = contestants
        .call(&point.runtime, point.workers)
        .args(["--bench", &point.workload])
        .args(["--count", &count.to_string()])
        .args(["--tasks", &point.tasks.to_string()]);
    if let Sample::Value(ns) = sample(&answer(workspace, &call)?)? {
        let (tasks, runtime) = (point.tasks, &point.runtime);
        println!("    {tasks} tasks, {runtime}: {}", duration(ns));
        point.samples.push(ns);
    }
    Ok(())
}

/// The tables of all workloads.
pub fn render(points: &[Point]) -> String {
    let measured = |workload: &&&str| points.iter().any(|point| point.workload == **workload);
    let tables = CURVES.iter().filter(measured).map(|workload| {
        let title = title(workload);
        format!("{title}:\n\n{}", growth::render(points, workload))
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// What a workload measures.
pub fn title(workload: &str) -> &'static str {
    match workload {
        "waves" => "Spawn so many tasks, then join them; time per task",
        "pairs" => {
            "Round trips over channels, by so many tasks in pairs, all of them there; time per round trip"
        }
        _ => "So many tasks sleep at once; processor time per task",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_tasks_grows_by_ten() {
        assert!(numbers_of_tasks(1_000_000).eq([100, 1_000, 10_000, 100_000, 1_000_000]));
        assert!(numbers_of_tasks(5_000).eq([100, 1_000]));
    }

    #[test]
    fn few_tasks_do_their_work_again_and_again() {
        assert_eq!(operations("waves", 100, 200_000), 200_000);
        assert_eq!(operations("waves", 1_000_000, 200_000), 1_000_000);
        assert_eq!(operations("pairs", 1_000_000, 200_000), 5_000_000);
        assert_eq!(operations("sleepers", 100, 200_000), 100);
    }

    #[test]
    fn each_workload_that_was_measured_has_a_table() {
        let points = growth::tests::points("pairs", "ours", 1, &[3.0]);
        let text = render(&points);
        assert!(text.starts_with(title("pairs")), "{text}");
        assert!(!text.contains(title("waves")), "{text}");
    }
}

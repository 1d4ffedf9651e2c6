//! The part `monitor`: the share of a core that the monitor's thread of a target takes, idle and
//! with a million parked tasks, unwatched and watched; and what the observer takes meanwhile.
//!
//! The example `target` parks the tasks over a thousand sites and wakes a tenth of them when it is
//! told to, every two seconds. The kernel accounts the thread's time, the traps included.

use anyhow::{Context, Result};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Options;
use super::available;
use super::conditions::Conditions;
use super::conversation::Conversation;
use super::cpu::{Account, Window};
use super::semaphores::Armed;
use super::shares::{self, Row};
use super::sheet::Sheet;
use super::watch::Watch;
use crate::build;
use crate::command::Invocation;
use crate::plan;
use crate::workspace::Workspace;

/// The thread whose price is measured.
const THREAD: &str = "monitor";
/// Sites over which the tasks are spread.
const SITES: u64 = 1_000;
/// How often a tenth of the tasks is woken.
const WAKE_EVERY: Duration = Duration::from_secs(2);
/// Memory that a parked task of the target wants, with its stack, generously.
const TASK_BYTES: u64 = 12_000;
/// The most that the thread is to take of a core while watched.
const BOUND_WATCHED: f64 = 0.01;
/// The most that it is to take idle and unwatched.
const BOUND_IDLE: f64 = 0.001;
/// Windows thrown away because somebody else watched, before we give up.
const MOST_DISTURBED: u32 = 10;

/// What the target does during a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    /// It has no tasks but its own.
    Empty,
    /// All tasks are parked.
    Parked,
    /// A tenth of them is woken again and again.
    Woken,
}

/// The rows: the load, who watches, and the promised bound.
const STATES: [(Load, Armed, Option<f64>); 5] = [
    (Load::Empty, Armed::Off, Some(BOUND_IDLE)),
    (Load::Parked, Armed::Off, Some(BOUND_IDLE)),
    (Load::Woken, Armed::Off, None),
    (Load::Parked, Armed::Ledger, Some(BOUND_WATCHED)),
    (Load::Woken, Armed::Ledger, Some(BOUND_WATCHED)),
];

/// Measures all states of one target, one after the other.
pub fn run(workspace: &Workspace, options: &Options, observer: &Path) -> Result<()> {
    let available = available::memory_bytes();
    if available < options.tasks * TASK_BYTES {
        plan::say(&format!(
            "`monitor` left out: {} parked tasks want {} MB, {} MB are free; `--tasks` takes fewer",
            options.tasks,
            options.tasks * TASK_BYTES / 1_000_000,
            available / 1_000_000
        ));
        return Ok(());
    }
    let program = build::examples(workspace, &["target"])?.join("target");
    let method = format!("{} windows of {} s", options.windows, options.seconds);
    let conditions = Conditions::begin(workspace, method, "the system's");
    let sheet = Sheet::open(workspace, "monitor", conditions)?;
    let mut target = Target::start(workspace, &program, observer)?;
    let mut rows = Vec::new();
    for (load, armed, bound) in STATES {
        rows.push(target.measure(load, armed, bound, options)?);
        sheet.keep(&shares::render(&rows))?;
    }
    sheet.publish(workspace, &shares::render(&rows))
}

/// The running target.
struct Target {
    target: Conversation,
    watch: Watch,
    tasks: u64,
}

impl Target {
    fn start(workspace: &Workspace, program: &Path, observer: &Path) -> Result<Self> {
        let target = Conversation::start(&Invocation::new(program))?;
        let watch = Watch::new(workspace, observer, program, target.pid())?;
        Ok(Self {
            target,
            watch,
            tasks: 0,
        })
    }

    /// All windows of one state.
    fn measure(
        &mut self,
        load: Load,
        armed: Armed,
        bound: Option<f64>,
        options: &Options,
    ) -> Result<Row> {
        if load != Load::Empty {
            self.have_parked(options.tasks)?;
        }
        let mut row = Row {
            load: describe(load, options.tasks),
            watched: if armed == Armed::Off {
                "no"
            } else {
                "ledger mode"
            },
            bound,
            monitor: Vec::new(),
            observer: Vec::new(),
        };
        plan::say(&format!("{}, watched: {}", row.load, row.watched));
        let mut disturbed = 0;
        while row.monitor.len() < options.windows as usize {
            self.watch.switch(armed)?;
            let (monitor, observer) = self.window(load, options)?;
            if self.watch.undisturbed()? {
                println!("    monitor's thread: {}", shares::shown(monitor));
                row.monitor.push(monitor);
                row.observer.extend(observer);
            } else {
                disturbed += 1;
                anyhow::ensure!(disturbed <= MOST_DISTURBED, "other observers come and go");
            }
        }
        Ok(row)
    }

    /// One window: the shares of the monitor's thread and of the observer.
    fn window(&mut self, load: Load, options: &Options) -> Result<(f64, Option<f64>)> {
        if load == Load::Woken {
            // The first time is not like those that follow.
            self.wake()?;
        }
        let monitor = Window::begin(Account::thread(self.target.pid(), THREAD)?)?;
        let observer = self.watch.observer().map(Account::process);
        let observer = observer.map(Window::begin).transpose()?;
        self.pass(load, Duration::from_secs(options.seconds))?;
        let monitor = monitor.end()?;
        Ok((monitor, observer.map(Window::end).transpose()?))
    }

    /// Lets time pass, with the load.
    fn pass(&mut self, load: Load, time: Duration) -> Result<()> {
        let begin = Instant::now();
        let mut next = Duration::ZERO;
        while begin.elapsed() < time {
            if load == Load::Woken {
                self.wake()?;
            }
            next += WAKE_EVERY;
            std::thread::sleep(next.min(time).saturating_sub(begin.elapsed()));
        }
        Ok(())
    }

    fn wake(&mut self) -> Result<()> {
        self.target.ask(&format!("wake {}", self.tasks / 10))?;
        Ok(())
    }

    /// Spawns the tasks, once, and waits until all have run and parked.
    fn have_parked(&mut self, tasks: u64) -> Result<()> {
        if self.tasks == tasks {
            return Ok(());
        }
        plan::say(&format!("parking {tasks} tasks at {SITES} sites"));
        self.target.ask(&format!("spawn {SITES} {tasks}"))?;
        while self.started()? < tasks {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.tasks = tasks;
        Ok(())
    }

    /// How many tasks have begun to run, by the target's own count.
    fn started(&mut self) -> Result<u64> {
        let truth = self.target.ask("truth")?;
        let sites = truth["sites"].as_array().context("no `sites`")?;
        Ok(sites
            .iter()
            .filter_map(|site| site["started"].as_u64())
            .sum())
    }
}

fn describe(load: Load, tasks: u64) -> String {
    match load {
        Load::Empty => "idle, no tasks".to_owned(),
        Load::Parked => format!("{tasks} tasks parked at {SITES} sites"),
        Load::Woken => format!(
            "the same, {} of them woken every {} s",
            tasks / 10,
            WAKE_EVERY.as_secs()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_names_its_numbers() {
        assert_eq!(
            describe(Load::Woken, 1_000_000),
            "the same, 100000 of them woken every 2 s"
        );
    }
}

//! The part `observed`: each of our workloads unobserved and observed, in turn, in one process.
//!
//! One contestant stays up and runs a round for each line that it is sent. Between rounds an
//! observer is started for it or ended, and its semaphores say when the probes are armed or no
//! longer are. A pair during which another observer came or went is measured again.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::conditions::Conditions;
use super::conversation::Conversation;
use super::pairs::{self, Pair, Row, Side};
use super::semaphores::Armed;
use super::sheet::Sheet;
use super::watch::Watch;
use super::{BENCHES, Options, build_contestants, selected};
use crate::command::Invocation;
use crate::plan;
use crate::workspace::Workspace;

/// The modes, and what they are called on the observer's command line.
const MODES: [(Armed, &str); 2] = [(Armed::Ledger, "ledger"), (Armed::Events, "events")];
/// A pair of it takes eight seconds, of which two are what is slept, so that all of them in both
/// modes take as long as half of the rest: measured when it is named.
const LONGEST: &str = "sleepers_1m";
/// How often a progress line is printed.
const PROGRESS: Duration = Duration::from_secs(10);

/// Runs all pairs of all measurements, in ledger mode first.
pub fn run(workspace: &Workspace, options: &Options, observer: &Path) -> Result<()> {
    let programs = Programs {
        contestant: build_contestants(workspace)?,
        observer: observer.to_owned(),
    };
    let method = format!(
        "{} pairs in alternating order, one process per row, two workers, the observer on the \
         same cores, after one pair that is not counted",
        options.pairs
    );
    let conditions = Conditions::begin(workspace, method, "mimalloc");
    let sheet = Sheet::open(workspace, "observed", conditions)?;
    if options.names.is_empty() {
        plan::say(&format!(
            "left out for its length: `--bench {LONGEST}` (10 min)"
        ));
    }
    let mut rows = Vec::new();
    for (armed, mode) in MODES {
        for name in measurements(&options.names) {
            plan::say(&format!("{name}, {mode} mode: {} pairs", options.pairs));
            let mut bout = Bout::start(workspace, &programs, name, armed)?;
            rows.push(bout.measure(mode, options)?);
            sheet.keep(&pairs::render(&rows))?;
        }
    }
    sheet.publish(workspace, &pairs::render(&rows))
}

/// The measurements to take: all but the longest when none is named.
fn measurements(names: &[String]) -> Vec<&'static str> {
    let mut all = selected(&BENCHES, names);
    if names.is_empty() {
        all.retain(|name| *name != LONGEST);
    }
    all
}

struct Programs {
    contestant: PathBuf,
    observer: PathBuf,
}

/// One contestant, watched in turn.
struct Bout {
    name: &'static str,
    armed: Armed,
    contestant: Conversation,
    watch: Watch,
}

impl Bout {
    fn start(
        workspace: &Workspace,
        programs: &Programs,
        name: &'static str,
        armed: Armed,
    ) -> Result<Self> {
        let call = Invocation::new(&programs.contestant)
            .args(["--runtime", "ours", "--interactive"])
            .args(["--bench", name]);
        let contestant = Conversation::start(&call)?;
        let watch = Watch::new(
            workspace,
            &programs.observer,
            &programs.contestant,
            contestant.pid(),
        )?;
        Ok(Self {
            name,
            armed,
            contestant,
            watch,
        })
    }

    fn measure(&mut self, mode: &'static str, options: &Options) -> Result<Row> {
        let mut row = Row {
            name: self.name,
            mode,
            operations: self.operations(options.count)?,
            pairs: Vec::new(),
            disturbed: 0,
        };
        let mut said = Instant::now();
        while row.pairs.len() < options.pairs as usize {
            match self.pair(row.pairs.len() as u32, row.operations)? {
                Some(pair) => row.pairs.push(pair),
                None => row.disturbed += 1,
            }
            if row.disturbed > options.pairs + 10 {
                bail!("other observers come and go: end them, or wait until they have ended");
            }
            let done = row.pairs.len() as u32;
            if done == options.pairs || said.elapsed() >= PROGRESS {
                println!("    pair {done} of {}: {}", options.pairs, row.last());
                said = Instant::now();
            }
        }
        Ok(row)
    }

    /// Runs the pair that is not counted, and takes the size of the others from it.
    fn operations(&mut self, count: Option<u64>) -> Result<u64> {
        let mut slower_ns: f64 = 0.0;
        let mut own = 0;
        for side in pairs::order(0) {
            self.watch.switch(self.state(side))?;
            let round = self.round(count)?;
            slower_ns = slower_ns.max(round.ns_per_op);
            own = round.operations;
        }
        Ok(count.unwrap_or_else(|| pairs::operations(self.name, own, slower_ns)))
    }

    /// Both rounds of a pair; nothing if somebody else watched meanwhile.
    fn pair(&mut self, number: u32, operations: u64) -> Result<Option<Pair>> {
        let mut pair = Pair {
            unobserved_ns: 0.0,
            observed_ns: 0.0,
        };
        for side in pairs::order(number) {
            self.watch.switch(self.state(side))?;
            let ns = self.round(Some(operations))?.ns_per_op;
            if !self.watch.undisturbed()? {
                return Ok(None);
            }
            match side {
                Side::Unobserved => pair.unobserved_ns = ns,
                Side::Observed => pair.observed_ns = ns,
            }
        }
        Ok(Some(pair))
    }

    fn state(&self, side: Side) -> Armed {
        match side {
            Side::Unobserved => Armed::Off,
            Side::Observed => self.armed,
        }
    }

    fn round(&mut self, operations: Option<u64>) -> Result<Round> {
        let line = operations.map_or_else(String::new, |number| number.to_string());
        let answer = self.contestant.ask(&line)?;
        let ns = answer["ns_per_op"].as_f64().filter(|ns| *ns > 0.0);
        Ok(Round {
            ns_per_op: ns.with_context(|| format!("no positive `ns_per_op`: {answer}"))?,
            operations: answer["count"]
                .as_u64()
                .with_context(|| format!("no `count`: {answer}"))?,
        })
    }
}

/// What a contestant answers about one round.
struct Round {
    ns_per_op: f64,
    operations: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_measurement_is_taken_when_it_is_named() {
        assert!(!measurements(&[]).contains(&LONGEST));
        assert!(measurements(&[]).contains(&"spawn_join"));
        assert_eq!(measurements(&[LONGEST.to_owned()]), [LONGEST]);
    }
}

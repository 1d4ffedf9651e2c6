//! Asks a process for its tasks: arms `task`, collects a census, copies the stacks.
//!
//! The process's monitor begins a pass when it finds the probe armed that was not at its last tick.
//! So a question is: disarm, wait until it was seen, arm again. Another observer that dumps the
//! process at the same time keeps the probe armed, and our question unheard, until it asks anew
//! itself: what it is told is told to us too, and what is missing we ask for again.
//!
//! A pass is over when the process has had a tick since the last record (its `monitor` probe says
//! so, which is armed all the while), or when nothing has come for long. It was whole if it named
//! as many tasks as the process says live: else we may have heard the end of a pass only.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use observer_ebpf_abi::{
    Loss, MonitorValue, RECORD_EXEC, RECORD_EXIT, RECORD_TASK, Record, SiteKey, incarnation_tgid,
};
use runtime_abi::ProbeId;

use super::census::{Census, Task, Wanted};
use crate::attach::{Kernel, Links, LoadOptions, Mode};
use crate::collect::{Collector, Ring, Text};
use crate::discover::{Carrier, Discovery, Found};
use crate::stacks::{Registers, StackCopy, WalkError, Walked, Walker};
use crate::sys::clock;

/// How often the ring is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// A monitor that has more to report does so every 100 ms: twice that is long enough for one to
/// see that the probe is disarmed, and what comes later than this is of another tick.
const TWO_TICKS: Duration = Duration::from_millis(220);

/// Records of one tick are this close to each other.
const TICK_NS: u64 = 80_000_000;

/// A monitor looks every 0.5 s whether it is armed; after this time it is asked again, and after
/// twice that its pass is over in any case.
const SILENCE: Duration = Duration::from_millis(1_200);

/// How long a process may say nothing before it is given up.
const NO_ANSWER: Duration = Duration::from_secs(6);

/// How long parks may take to settle, after the first answer. Tasks that run all the time never do.
const SETTLE: Duration = Duration::from_secs(2);

/// Questions at most.
const MAX_QUESTIONS: u32 = 24;

/// From this question on a pass is taken for whole in any case: where tasks come and go all the
/// time, no pass has exactly as many as live at one moment.
const CONTENT: u32 = 6;

/// What a process answered.
pub(super) struct Answer {
    pub found: Found,
    /// By slot.
    pub tasks: Vec<Task>,
    /// Sites of the tasks by their addresses, as far as they could be read.
    pub sites: HashMap<u64, Text>,
    /// Their stacks, or why there are none.
    pub walked: Result<Walked, WalkError>,
    /// Why stacks could not be copied: the first refusal.
    pub refused: Option<io::Error>,
    /// What is missing, if anything is.
    pub incomplete: Option<String>,
}

/// Asks for all tasks of a process; with their stacks, or in half the time without.
///
/// # Errors
///
/// There is no such process, it has no probes, it may not be looked at, or it does not answer.
pub(super) fn ask(pid: u32, with_stacks: bool) -> anyhow::Result<Answer> {
    let found = find(pid)?;
    let mut kernel = Kernel::load(&LoadOptions::default()).context(
        "cannot load the kernel programs: root or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and \
         CAP_DAC_READ_SEARCH are needed, and `observer doctor` says what is missing",
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let ring = runtime.block_on(async { Ring::new(&mut kernel) });
    let mut question = Question {
        pid,
        carriers: &found.carriers,
        collector: Collector::new(&kernel),
        kernel: &kernel,
        ring: ring.context("cannot read the ring")?,
        links: Vec::new(),
        questions: 0,
        asked: Instant::now(),
        asked_ns: 0,
        last: None,
        census: Census::new(with_stacks),
        incarnation: None,
        walker: with_stacks.then(|| Walker::start(pid)).transpose()?,
        failed: None,
        refused: None,
        buffer: Vec::new(),
    };
    let incomplete = question.collect()?;
    let sites = question.sites();
    let Question {
        census,
        walker,
        failed,
        refused,
        ..
    } = question;
    let walked = match (failed, walker) {
        (Some(error), _) => Err(error),
        (None, Some(walker)) => walker.finish(),
        (None, None) => Ok(Walked::default()),
    };
    Ok(Answer {
        tasks: census.finish(),
        found,
        sites,
        walked,
        refused,
        incomplete,
    })
}

fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn find(pid: u32) -> anyhow::Result<Found> {
    if !is_there(pid) {
        bail!("there is no process {pid}: `observer list` names those that can be dumped");
    }
    let found = Discovery::new()
        .examine(pid)
        .context("it cannot be looked at: run this as root, or see `observer doctor`")?;
    found.with_context(|| {
        format!(
            "process {pid} carries no probes of the provider `parkwatch`: `observer list` names \
             those that do"
        )
    })
}

/// Whether a pass named every task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

/// A dump in the making.
struct Question<'a> {
    pid: u32,
    carriers: &'a [Arc<Carrier>],
    kernel: &'a Kernel,
    collector: Collector,
    ring: Ring,
    /// To each of the carriers, or to none of them yet.
    links: Vec<Links>,
    questions: u32,
    /// When the last question was asked, by either clock.
    asked: Instant,
    asked_ns: u64,
    /// The last record since then: when it came, and when it was fired.
    last: Option<(Instant, u64)>,
    census: Census,
    incarnation: Option<u64>,
    walker: Option<Walker>,
    failed: Option<WalkError>,
    refused: Option<io::Error>,
    buffer: Vec<u8>,
}

impl Question<'_> {
    /// Collects all tasks; says what is missing, if the process stopped answering.
    fn collect(&mut self) -> anyhow::Result<Option<String>> {
        let began = Instant::now();
        let mut first = None;
        self.ask()?;
        loop {
            self.take_records()?;
            if self.last.is_some() {
                first.get_or_insert_with(Instant::now);
            }
            let over = self.pass_over()?;
            if over == Some(Whole::Yes) {
                self.census.pass_is_over();
            }
            let settling = first.is_some_and(|first: Instant| first.elapsed() < SETTLE);
            if self.census.is_complete(settling) {
                return self.lost();
            }
            if first.is_none() && self.is_without_tasks(began)? {
                return Ok(None);
            }
            if over.is_some() || (self.last.is_none() && self.asked.elapsed() >= SILENCE) {
                if self.questions == MAX_QUESTIONS {
                    let tasks = self.census.len();
                    let missing = format!("the process stopped answering after {tasks} tasks");
                    return Ok(Some(missing));
                }
                self.ask_again()?;
            }
            sleep(PAUSE);
        }
    }

    /// Arms `task`, and `monitor` until the end.
    fn ask(&mut self) -> anyhow::Result<()> {
        for carrier in self.carriers {
            let attached = self.kernel.attach(carrier, Mode::Dump);
            self.links.push(attached?);
        }
        let has_task = |links: &Links| links.probes().contains(&ProbeId::Task);
        if !self.links.iter().any(has_task) {
            bail!(
                "process {} has no probe `task`: its runtime does not support dumps",
                self.pid
            );
        }
        self.asked();
        Ok(())
    }

    /// Disarms `task` for as long as a monitor needs to see it, and arms it again.
    fn ask_again(&mut self) -> anyhow::Result<()> {
        for links in &mut self.links {
            links.drop_probe(ProbeId::Task);
        }
        sleep(TWO_TICKS);
        // The rest of a pass that was not over after all.
        self.take_records()?;
        for (carrier, links) in self.carriers.iter().zip(&mut self.links) {
            self.kernel.attach_also(carrier, ProbeId::Task, links)?;
        }
        self.asked();
        Ok(())
    }

    fn asked(&mut self) {
        self.questions += 1;
        self.last = None;
        self.asked = Instant::now();
        self.asked_ns = clock::boot_ns();
    }

    /// Whether the pass that the last question began has come to its end, and was whole.
    fn pass_over(&self) -> anyhow::Result<Option<Whole>> {
        let Some((at, fired_ns)) = self.last.filter(|(at, _)| at.elapsed() >= TWO_TICKS) else {
            return Ok(None);
        };
        let said = self
            .monitor()?
            .filter(|said| said.sequence >= self.asked_ns);
        let is_counted = said.is_some_and(|said| self.census.named() as u64 >= said.live);
        let is_ticked = said.is_some_and(|said| said.sequence > fired_ns + TICK_NS);
        Ok(if is_counted {
            Some(Whole::Yes)
        } else if is_ticked || at.elapsed() >= 2 * SILENCE {
            let is_enough = said.is_none() || self.questions >= CONTENT;
            Some(if is_enough { Whole::Yes } else { Whole::No })
        } else {
            None
        })
    }

    /// What the process last said of itself.
    fn monitor(&self) -> anyhow::Result<Option<MonitorValue>> {
        let snapshot = self.collector.read()?;
        let mut monitors = snapshot.monitors.into_iter();
        let ours = monitors.find(|(incarnation, _)| incarnation_tgid(*incarnation) == self.pid);
        Ok(ours.map(|(_, said)| said))
    }

    /// What did not fit into the ring.
    fn lost(&self) -> anyhow::Result<Option<String>> {
        let losses = self.collector.read()?.losses;
        let mut losses = losses.into_iter();
        let lost = losses.find(|(cause, count)| *cause == Loss::Ring && *count > 0);
        Ok(lost.map(|(_, count)| format!("{count} records were lost: dump it again")))
    }

    /// Takes what the ring has.
    fn take_records(&mut self) -> anyhow::Result<()> {
        let mut records = Vec::new();
        loop {
            let more = self.ring.take(&mut records);
            for record in records.drain(..) {
                self.take(&record)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn take(&mut self, record: &Record) -> anyhow::Result<()> {
        if record.tgid != self.pid {
            return Ok(());
        }
        match record.kind {
            RECORD_EXIT | RECORD_EXEC => return Err(self.ended()),
            RECORD_TASK => {}
            _ => return Ok(()),
        }
        if *self.incarnation.get_or_insert(record.incarnation) != record.incarnation {
            return Ok(());
        }
        self.last = Some((Instant::now(), record.boot_ns));
        if self.census.take(record) == Wanted::Copy {
            let copied = self.copy(record);
            self.census.copied(record.task, copied);
        }
        Ok(())
    }

    /// Copies the stack of a parked task; gives the time after that, if there is a copy.
    fn copy(&mut self, record: &Record) -> Option<u64> {
        let walker = self.walker.as_ref().filter(|_| self.failed.is_none())?;
        let copy = match StackCopy::read(self.pid, record.sp, &mut self.buffer) {
            Ok(copy) => copy,
            Err(error) => {
                self.refused.get_or_insert(error);
                return None;
            }
        };
        let at_ns = clock::boot_ns();
        let registers = Registers {
            pc: record.pc,
            sp: record.sp,
            fp: record.fp,
            ..Registers::default()
        };
        if let Err(error) = walker.submit(record.task, registers, copy) {
            self.failed = Some(error);
            return None;
        }
        Some(at_ns)
    }

    /// Nothing has been said yet. `true` if there is nothing to say.
    fn is_without_tasks(&self, began: Instant) -> anyhow::Result<bool> {
        let waited = began.elapsed();
        if waited < SILENCE {
            return Ok(false);
        }
        if !is_there(self.pid) {
            return Err(self.ended());
        }
        let is_empty = self.monitor()?.is_some_and(|said| said.live == 0);
        if is_empty || waited < NO_ANSWER {
            return Ok(is_empty);
        }
        bail!(
            "process {} does not answer: it may be stopped, the child of a fork, or of another \
             pid namespace than the host's",
            self.pid
        )
    }

    fn ended(&self) -> anyhow::Error {
        anyhow!("process {} ended during the dump", self.pid)
    }

    /// The sites of all tasks.
    fn sites(&self) -> HashMap<u64, Text> {
        let incarnation = self.incarnation.unwrap_or_default();
        let text = |site| {
            let key = SiteKey { incarnation, site };
            Some((site, self.collector.site_text(self.pid, key)?))
        };
        self.census.sites().into_iter().filter_map(text).collect()
    }
}

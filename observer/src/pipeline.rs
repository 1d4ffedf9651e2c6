//! The stages in order, and the clock that drives them; the only place that names them all.
//!
//! ```text
//!  exec, end of a process ──▶ discover ──▶ attach        targets.rs
//!        ▲                                    │
//!        │ records                            ▼ links
//!  ┌─────┴──── kernel programs: ring and maps ◀── probes
//!  ▼ collect: records at once, maps four times a second
//!  model ──▶ detect ──▶ export: one immutable view per step ──▶ scrapes
//! ```
//!
//! A step takes a quarter of a second, so that what a monitor repeats every two seconds is
//! shown within two seconds of its report at the latest. Losing one process, one file or one
//! read never stops the others: it is counted, and logged once.

mod attachments;
mod costs;
mod event_hits;
mod governor;
mod histories;
mod losses;
mod stall_stacks;
mod storms;
mod targets;

use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use observer_ebpf_abi::{RECORD_EXEC, RECORD_EXIT, Record};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::block_in_place;
use tokio::time::{MissedTickBehavior, interval};

use crate::attach::{Kernel, LoadError, LoadOptions};
use crate::collect::{Collector, Functions, Orphans, ProgramLog, Ring, Snapshot};
use crate::config::Settings;
use crate::detect::{Detection, Detectors};
use crate::export::{
    self, ObserverView, OnFinding, Probes, Published, Selection, View, bind, table,
};
use crate::health::Health;
use crate::kubernetes::PodNames;
use crate::model::Model;
use crate::sys::clock;
use attachments::Attachments;
use costs::ProbeSeconds;
use event_hits::{EventHits, event_hit_ns};
use histories::Histories;
use losses::Losses;
use stall_stacks::StallStacks;
use storms::ArmedStorms;
use targets::{Change, Targets};

const STEP: Duration = Duration::from_millis(250);
/// Exec records name new processes at once; a scan finds what they could not.
const RESYNC: Duration = Duration::from_secs(5);
/// Batches of records that are taken from the ring in one step.
const RING_BATCHES: usize = 24;

/// The threads that a pipeline runs on; its steps block one of them.
///
/// # Errors
///
/// The system has no more threads or descriptors.
pub fn threads() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("observer")
        .enable_all()
        .build()
        .context("cannot start the observer's threads")
}

/// Watches and serves until SIGTERM or SIGINT; then detaches, so that no semaphore stays
/// raised.
///
/// # Errors
///
/// When the kernel programs cannot be loaded, the address cannot be bound, or the ring can no
/// longer be read.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let signals = Signals::new().context("cannot wait for signals")?;
    if Kernel::object().is_none() {
        return Err(LoadError::NoObject.into());
    }
    let listener = bind(settings.listen).await?;
    let address = listener.local_addr().unwrap_or(settings.listen);
    let running = Running::start(settings, Arc::default()).await?;
    let server = tokio::spawn(export::serve(
        listener,
        running.pipeline.published.clone(),
        running.pipeline.health.clone(),
    ));
    tracing::info!("serving http://{address}/metrics");
    let result = running.watch(signals.received()).await;
    server.abort();
    tracing::info!("detached");
    result
}

/// Watches without serving: every view is published, until `stop`; then detaches.
///
/// # Errors
///
/// As [`run`].
pub async fn observe(
    settings: Settings,
    published: Arc<Published>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let running = Running::start(settings, published).await?;
    running.watch(stop).await
}

/// A pipeline with what it reads.
struct Running {
    pipeline: Pipeline,
    ring: Ring,
    log: Option<ProgramLog>,
}

impl Running {
    async fn start(settings: Settings, published: Arc<Published>) -> anyhow::Result<Self> {
        let mut kernel = block_in_place(|| Kernel::load(&LoadOptions::default())).context(
            "cannot load the kernel programs: root or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and \
             CAP_DAC_READ_SEARCH are needed, and `observer doctor` says what is missing",
        )?;
        let ring = Ring::new(&mut kernel).context("cannot read the ring")?;
        let log = ProgramLog::new(&mut kernel)
            .inspect_err(|error| tracing::warn!(%error, "the kernel programs' log cannot be read"))
            .ok();
        let pods = PodNames::begin(settings.kubernetes).await;
        let pipeline = Pipeline::new(settings, kernel, pods, published)?;
        Ok(Self {
            pipeline,
            ring,
            log,
        })
    }

    /// Watches until `stop`, then detaches.
    async fn watch(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let result = self.pipeline.watch(self.ring, self.log, stop).await;
        block_in_place(|| drop(self.pipeline));
        result
    }
}

impl Probes for Health {
    fn unhealthy(&self) -> Option<String> {
        self.unhealthy()
    }

    fn unready(&self) -> Option<String> {
        self.unready()
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self {
            terminate,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Every stage's state.
struct Pipeline {
    targets: Targets,
    /// Before the targets: links go before what they hang on.
    storms: ArmedStorms,
    event_hits: EventHits,
    probe_seconds: ProbeSeconds,
    collector: Collector,
    functions: Functions,
    stall_stacks: StallStacks,
    model: Model,
    orphans: Orphans,
    detectors: Detectors,
    selection: Selection,
    published: Arc<Published>,
    health: Health,
    on_finding: Option<OnFinding>,
    pods: PodNames,
    table: Option<(Duration, Instant)>,
    histories: Histories,
    last_resync: Instant,
    reads_failed: bool,
    losses: Losses,
}

impl Pipeline {
    fn new(
        settings: Settings,
        kernel: Kernel,
        pods: PodNames,
        published: Arc<Published>,
    ) -> anyhow::Result<Self> {
        let on_finding = settings.on_finding.map(|directory| {
            let shown = directory.display().to_string();
            OnFinding::new(directory).with_context(|| format!("cannot write to {shown}"))
        });
        let histories = Histories::new(settings.record).context("cannot write histories")?;
        Ok(Self {
            collector: Collector::new(&kernel),
            functions: Functions::default(),
            stall_stacks: StallStacks::default(),
            targets: Targets::new(
                settings.filter,
                Attachments::new(kernel, settings.mode, settings.governor_share),
            ),
            storms: ArmedStorms::default(),
            event_hits: EventHits::default(),
            probe_seconds: ProbeSeconds::default(),
            model: Model::new(),
            orphans: Orphans::default(),
            detectors: Detectors::new(settings.detectors).allowing(settings.allowances),
            selection: Selection::new(settings.limits),
            published,
            health: Health::default(),
            on_finding: on_finding.transpose()?,
            pods,
            histories,
            table: settings
                .table
                .map(|every| (every.as_duration(), Instant::now())),
            last_resync: Instant::now(),
            reads_failed: false,
            losses: Losses::default(),
        })
    }

    async fn watch(
        &mut self,
        mut ring: Ring,
        mut log: Option<ProgramLog>,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let mut stop = pin!(stop);
        block_in_place(|| self.resync());
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut records = Vec::new();
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                id = self.targets.ended() => block_in_place(|| {
                    let change = self.targets.end(id);
                    self.apply(change);
                }),
                received = ring.receive(&mut records) => {
                    received.context("cannot read the ring")?;
                    block_in_place(|| self.take_all(&mut records));
                }
                () = forward(&mut log) => {}
                _ = steps.tick() => block_in_place(|| {
                    self.drain(&mut ring, &mut records);
                    self.step();
                }),
            }
        }
    }

    /// Takes what waits in the ring, at most about as much as it holds: programs that write
    /// faster than we read must not keep us from everything else.
    fn drain(&mut self, ring: &mut Ring, records: &mut Vec<Record>) {
        for _ in 0..RING_BATCHES {
            let more = ring.take(records);
            self.take_all(records);
            if !more {
                return;
            }
        }
    }

    fn take_all(&mut self, records: &mut Vec<Record>) {
        records.drain(..).for_each(|record| self.take(&record));
    }

    /// Takes one record: processes come and go by it, stalls go to the model.
    fn take(&mut self, record: &Record) {
        match record.kind {
            RECORD_EXEC => {
                let changes = self.targets.executed(record.tgid);
                self.apply(changes);
                self.forget(record.incarnation);
            }
            // The leader is gone, other threads may go on: the end comes by the pidfd.
            RECORD_EXIT => self.forget(record.incarnation),
            _ => {
                self.model.record(record);
                self.histories.record(record);
            }
        }
    }

    fn step(&mut self) {
        if self.last_resync.elapsed() >= RESYNC {
            self.resync();
        }
        let changes = self.targets.recheck();
        self.apply(changes);
        let Some(snapshot) = self.read() else { return };
        let now_ns = clock::boot_ns();
        self.model.observe(now_ns, &snapshot);
        self.histories.step(now_ns, &snapshot);
        self.read_texts(now_ns);
        self.read_functions();
        self.stall_stacks.learn(&mut self.model);
        for pid in self.model.strangers().to_vec() {
            let changes = self.targets.met(pid);
            self.apply(changes);
        }
        let orphans = self.orphans.find(&snapshot);
        orphans
            .into_iter()
            .for_each(|incarnation| self.forget(incarnation));
        let hits = self.event_hits.since_last(&snapshot.counts);
        let hit_ns = event_hit_ns(&snapshot.costs);
        self.targets.govern(now_ns, &hits, hit_ns);
        self.publish(now_ns, snapshot);
        self.health.stepped();
    }

    fn resync(&mut self) {
        let changes = self.targets.scan();
        self.apply(changes);
        StallStacks::clear(&self.model, &self.collector);
        self.last_resync = Instant::now();
    }

    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Began(id, meta) => self.model.appear(id, meta),
                Change::Ended(id) => {
                    let incarnation = self.model.end(id);
                    self.forget(incarnation.unwrap_or(0));
                }
            }
        }
    }

    fn read(&mut self) -> Option<Snapshot> {
        match self.collector.read() {
            Ok(snapshot) => {
                self.reads_failed = false;
                self.losses.torn += snapshot.torn;
                Some(snapshot)
            }
            Err(error) => {
                self.losses.reads += 1;
                if !std::mem::replace(&mut self.reads_failed, true) {
                    tracing::error!(%error, "the maps cannot be read; trying again");
                }
                None
            }
        }
    }

    fn read_texts(&mut self, now_ns: u64) {
        let unread = self.model.unread_sites(now_ns);
        if unread.is_empty() {
            return;
        }
        for (pid, key) in unread {
            if let Some(text) = self.collector.site_text(pid, key) {
                self.model.learn(pid, key, &text);
                self.histories.text(key, &text);
            }
        }
        self.model.settle(now_ns);
    }

    /// Names the functions in which stacks grow; only where a storm was.
    fn read_functions(&mut self) {
        for (pid, pc) in self.model.unnamed_instructions() {
            self.functions.ask(pid, pc);
        }
        for (pid, pc, function) in self.functions.answers() {
            self.model.learn_function(pid, pc, &function);
        }
    }

    fn forget(&self, incarnation: u64) {
        if incarnation == 0 {
            return;
        }
        match self.collector.forget(incarnation) {
            Ok(entries) => tracing::debug!(incarnation, entries, "cleared"),
            Err(error) => tracing::warn!(%error, "an ended process could not be cleared"),
        }
    }

    fn publish(&mut self, now_ns: u64, snapshot: Snapshot) {
        let detection = self
            .detectors
            .look(now_ns, clock::unix_offset_ns(), &self.model);
        self.storms.follow(now_ns, &detection, &self.targets);
        self.stall_stacks
            .ask(&detection, &self.model, &self.collector);
        log_findings(&detection);
        self.selection.update(now_ns, &self.model);
        self.losses.findings.look(detection.findings_left_out);
        let observer = self.observer_view(snapshot);
        let mut view = View::new(&self.model, &detection, &self.selection, observer);
        view.name_pods(&self.pods);
        // Shown by the next view, like what cannot be written.
        self.losses
            .finding_series
            .look(view.findings_without_series());
        if let Some(on_finding) = &mut self.on_finding {
            on_finding.look(&view);
            self.losses.finding_files = on_finding.unwritten();
        }
        self.print_table(&view);
        self.published.publish(view);
    }

    fn observer_view(&mut self, snapshot: Snapshot) -> ObserverView {
        self.losses.model = self.model.losses();
        self.losses.series = self.selection.series_left_out();
        self.losses.rechecks = self.targets.rechecks_left_out();
        ObserverView {
            processes: self.targets.watched() as u64,
            unattached: self.targets.unattached() as u64,
            attach_errors: self.targets.errors(),
            attach_times: self.targets.attachments().times().clone(),
            governor_state: self.targets.attachments().governor_state(),
            lost: self.losses.by_cause(&snapshot),
            probe_seconds: self.probe_seconds.look(&snapshot.costs),
            maps: snapshot.map_entries,
            sites_dropped: self.selection.sites_dropped(),
            unix_ms: (clock::boot_ns() + clock::unix_offset_ns()) / 1_000_000,
            unix_offset_ns: clock::unix_offset_ns(),
        }
    }

    fn print_table(&mut self, view: &View) {
        let Some((every, last)) = &mut self.table else {
            return;
        };
        if last.elapsed() >= *every {
            *last = Instant::now();
            // Nobody reads it any more: that is no reason to stop watching.
            let _ = writeln!(std::io::stdout(), "{}", table(view));
        }
    }
}

/// Tells what began and what has ended, each once.
fn log_findings(detection: &Detection) {
    let begun = detection.begun.iter().map(|finding| (finding, "began"));
    let ended = detection.ended.iter().map(|finding| (finding, "ended"));
    for (finding, what) in begun.chain(ended) {
        let (process, pid) = (&finding.process, finding.id.pid);
        let (detector, state) = (finding.detector.name(), finding.state.name());
        let (site, summary) = (&finding.site, &finding.summary);
        let allowed = finding.allowed.as_deref();
        tracing::info!(%process, pid, detector, state, %site, allowed, "finding {what}: {summary}");
    }
}

/// Forwards the kernel programs' log; waits for ever where it cannot be read.
async fn forward(log: &mut Option<ProgramLog>) {
    let Some(lines) = log else {
        return std::future::pending().await;
    };
    if let Err(error) = lines.forward().await {
        tracing::warn!(%error, "the kernel programs' log can no longer be read");
        *log = None;
    }
}

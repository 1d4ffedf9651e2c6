//! The processes that are watched: the stages `discover` and `attach`, put together. Their files
//! are [`Attachments`]'.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::attachments::Attachments;
use crate::attach::GrowthLink;
use crate::discover::{Discovery, ExamineError, FileId, Filter, Found, ProcessId};
use crate::model::Meta;
use crate::sys::poll::watch;

/// After an exec the loader still maps libraries: look again after these times.
const RECHECKS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(1_000)];
/// Looks that are planned at most; beyond, the next scan finds what was late.
const MAX_RECHECKS: usize = 1_024;
/// How long a process that was looked at in vain is left alone.
const IGNORE: Duration = Duration::from_secs(2);

/// What the model must know.
#[derive(Debug)]
pub(super) enum Change {
    /// A process is watched.
    Began(ProcessId, Meta),
    /// It has ended, or runs another program.
    Ended(ProcessId),
}

/// The processes that are watched.
pub(super) struct Targets {
    discovery: Discovery,
    attachments: Attachments,
    processes: HashMap<u32, Target>,
    /// Processes whose error was counted.
    unreadable: HashSet<u32>,
    ignored: HashMap<u32, Instant>,
    rechecks: Vec<(Instant, u32)>,
    rechecks_left_out: u64,
    errors: u64,
    ends: (UnboundedSender<ProcessId>, UnboundedReceiver<ProcessId>),
}

struct Target {
    id: ProcessId,
    exe: String,
    files: Vec<FileId>,
    waiting_for_end: AbortHandle,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.waiting_for_end.abort();
    }
}

impl Targets {
    pub(super) fn new(filter: Filter, attachments: Attachments) -> Self {
        Self {
            discovery: Discovery::with_filter(filter),
            attachments,
            processes: HashMap::new(),
            unreadable: HashSet::new(),
            ignored: HashMap::new(),
            rechecks: Vec::new(),
            rechecks_left_out: 0,
            errors: 0,
            ends: unbounded_channel(),
        }
    }

    /// Processes that are watched.
    pub(super) fn watched(&self) -> usize {
        self.processes.len()
    }

    /// Those of them of which no file is attached: nothing is seen of them.
    pub(super) fn unattached(&self) -> usize {
        let is_attached = |file: &FileId| self.attachments.is_attached(*file);
        let targets = self.processes.values();
        targets
            .filter(|target| !target.files.iter().any(is_attached))
            .count()
    }

    /// What could not be examined or attached, ever.
    pub(super) fn errors(&self) -> u64 {
        self.errors + self.attachments.errors()
    }

    /// Processes that executed a program and were not looked at again for want of room, ever.
    pub(super) fn rechecks_left_out(&self) -> u64 {
        self.rechecks_left_out
    }

    /// Arms `stack_grow` in this process; empty if that cannot be.
    pub(super) fn attach_growths(&self, id: ProcessId) -> Vec<GrowthLink> {
        let target = self.processes.get(&id.pid).filter(|target| target.id == id);
        let files = target.into_iter().flat_map(|target| &target.files);
        files
            .filter_map(|file| self.attachments.attach_growths(*file, id.pid))
            .collect()
    }

    /// The files that are attached.
    pub(super) fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// Keeps the price of event probes within its bound, given the new hits by process and what
    /// one costs.
    pub(super) fn govern(&mut self, now_ns: u64, hits: &HashMap<u32, u64>, hit_ns: f64) {
        let mut spent: HashMap<FileId, f64> = HashMap::new();
        for (pid, hits) in hits {
            let files = self.processes.get(pid).map(|target| &target.files);
            for file in files.into_iter().flatten() {
                *spent.entry(*file).or_default() += *hits as f64 * hit_ns;
            }
        }
        self.attachments.govern(now_ns, &spent);
    }

    /// Waits until a watched process ends.
    pub(super) async fn ended(&mut self) -> ProcessId {
        match self.ends.1.recv().await {
            Some(id) => id,
            // Not possible: one sender is our own.
            None => std::future::pending().await,
        }
    }

    /// Looks at all processes, and detaches the files that nobody runs any more.
    pub(super) fn scan(&mut self) -> Vec<Change> {
        let scan = match self.discovery.scan() {
            Ok(scan) => scan,
            Err(error) => {
                self.errors += 1;
                tracing::error!(%error, "cannot list processes");
                return Vec::new();
            }
        };
        let failing: HashSet<u32> = scan.errors.iter().map(ExamineError::pid).collect();
        self.unreadable.retain(|pid| failing.contains(pid));
        scan.errors.iter().for_each(|error| self.count(error));
        let found = scan.found.into_iter();
        let changes = found.flat_map(|found| self.take(found)).collect();
        let targets = self.processes.values();
        let used = targets.flat_map(|target| target.files.clone()).collect();
        self.attachments.detach_unused(&used);
        self.ignored.retain(|_, until| *until > Instant::now());
        changes
    }

    /// A process executed a program.
    pub(super) fn executed(&mut self, pid: u32) -> Vec<Change> {
        let mut changes = self.over(pid);
        let now = Instant::now();
        if self.rechecks.len() < MAX_RECHECKS {
            self.rechecks
                .extend(RECHECKS.map(|pause| (now + pause, pid)));
        } else {
            self.rechecks_left_out += 1;
        }
        changes.extend(self.examine(pid));
        changes
    }

    /// Looks again at processes that have executed a program a moment ago.
    pub(super) fn recheck(&mut self) -> Vec<Change> {
        let now = Instant::now();
        let due = |(at, _): &(Instant, u32)| *at <= now;
        let pids: HashSet<u32> = self
            .rechecks
            .iter()
            .filter(|at| due(at))
            .map(|at| at.1)
            .collect();
        self.rechecks.retain(|at| !due(at));
        pids.into_iter().flat_map(|pid| self.examine(pid)).collect()
    }

    /// A process hit a probe and the model does not know it.
    pub(super) fn met(&mut self, pid: u32) -> Vec<Change> {
        let now = Instant::now();
        let known = self.processes.contains_key(&pid);
        if known || self.ignored.get(&pid).is_some_and(|until| *until > now) {
            return Vec::new();
        }
        let changes = self.examine(pid);
        if changes.is_empty() {
            self.ignored.insert(pid, now + IGNORE);
        }
        changes
    }

    /// A process's pidfd said that it is over.
    pub(super) fn end(&mut self, id: ProcessId) -> Vec<Change> {
        let is_it = self
            .processes
            .get(&id.pid)
            .is_some_and(|target| target.id == id);
        if is_it { self.over(id.pid) } else { Vec::new() }
    }

    fn over(&mut self, pid: u32) -> Vec<Change> {
        self.unreadable.remove(&pid);
        let Some(target) = self.processes.remove(&pid) else {
            return Vec::new();
        };
        tracing::debug!(pid, exe = target.exe, "no longer watched");
        self.attachments.touch(&target.files);
        vec![Change::Ended(target.id)]
    }

    fn examine(&mut self, pid: u32) -> Vec<Change> {
        match self.discovery.examine(pid) {
            Ok(Some(found)) => self.take(found),
            Ok(None) => Vec::new(),
            Err(error) => {
                self.count(&error);
                Vec::new()
            }
        }
    }

    /// Attaches what a process carries; watches it if it is new.
    fn take(&mut self, found: Found) -> Vec<Change> {
        let files: Vec<FileId> = found.carriers.iter().map(|carrier| carrier.id).collect();
        found
            .carriers
            .iter()
            .for_each(|carrier| self.attachments.attach(carrier));
        let mut changes = Vec::new();
        if let Some(known) = self.processes.get_mut(&found.id.pid) {
            if known.id == found.id && known.exe == found.exe {
                let had = std::mem::replace(&mut known.files, files).len();
                self.errors += u64::from(had < 2 && said_several(&found));
                return changes;
            }
            // A reused pid, or an exec of which the record was lost.
            changes = self.over(found.id.pid);
        }
        tracing::debug!(pid = found.id.pid, exe = found.exe, "watched");
        let is_several = said_several(&found);
        if found.is_partial {
            let (pid, exe) = (found.id.pid, &found.exe);
            tracing::warn!(
                pid,
                exe,
                "maps more files than are looked at: some may carry probes"
            );
        }
        let meta = Meta {
            name: found.name.as_str().into(),
            exe: found.exe.as_str().into(),
            container_id: found.container_id.as_deref().map(Into::into),
            pod: found.pod.map(Into::into),
        };
        let waiting_for_end = wait_for_end(found.id, found.pidfd, self.ends.0.clone());
        let target = Target {
            id: found.id,
            exe: found.exe,
            files,
            waiting_for_end,
        };
        self.processes.insert(found.id.pid, target);
        changes.push(Change::Began(found.id, meta));
        self.errors += u64::from(is_several) + u64::from(found.is_partial);
        changes
    }

    /// Counts a process that could not be examined, once.
    fn count(&mut self, error: &ExamineError) {
        if self.unreadable.insert(error.pid()) {
            self.errors += 1;
            tracing::warn!("cannot examine: {error}");
        }
    }
}

/// Says that a process carries the probes in more than one file, if it does: each would have a
/// ledger and a monitor of its own, and a process has one.
fn said_several(found: &Found) -> bool {
    let is_several = found.carriers.len() > 1;
    if is_several {
        let files: Vec<&str> = found.carriers.iter().map(|c| c.path.as_str()).collect();
        tracing::warn!(
            pid = found.id.pid,
            files = files.join(", "),
            "carries the probes in several files: only the first whose probe is hit is watched; \
             link the runtime once, as a shared object"
        );
    }
    is_several
}

fn wait_for_end(id: ProcessId, pidfd: OwnedFd, ends: UnboundedSender<ProcessId>) -> AbortHandle {
    let task = tokio::spawn(async move {
        match watch(pidfd.as_fd()) {
            Ok(pidfd) => drop(pidfd.readable().await.map(|_| ())),
            Err(error) => {
                tracing::warn!(pid = id.pid, %error, "the process's end cannot be waited for");
                return;
            }
        }
        // Nobody listens any more when the observer stops.
        let _ = ends.send(id);
    });
    task.abort_handle()
}

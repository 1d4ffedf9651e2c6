//! The files that are attached.
//!
//! Links belong to files and are shared by all processes that map them. A file stays attached
//! for a while after its last process, so that one that is started again is watched from its
//! first probe on. In events mode a governor detaches the event probes of a file whose hits
//! cost too much.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::governor::{Governor, Order};
use crate::attach::{GrowthLink, Kernel, Links, Mode};
use crate::discover::{Carrier, FileId};
use crate::export::AttachTimes;
use crate::sys::clock;

/// How long a file stays attached without a process.
const LINGER: Duration = Duration::from_secs(10);
/// Files of which it is remembered that their faults were said; beyond, all are forgotten and may be warned of again.
const MAX_WARNED: usize = 4_096;
/// How long until a file that could not be attached is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The files that are attached.
pub(super) struct Attachments {
    kernel: Kernel,
    mode: Mode,
    governor: Governor,
    files: HashMap<FileId, Attached>,
    failed: HashMap<FileId, Instant>,
    /// Files about which was said what is wrong with them.
    warned: HashSet<FileId>,
    errors: u64,
    times: AttachTimes,
}

struct Attached {
    links: Links,
    /// Also keeps discovery from reading the file again.
    carrier: Arc<Carrier>,
    last_used: Instant,
}

impl Attachments {
    /// Nothing yet. `governor_share` is the part of a core that the event probes of one file may
    /// cost.
    pub(super) fn new(kernel: Kernel, mode: Mode, governor_share: f64) -> Self {
        Self {
            kernel,
            mode,
            governor: Governor::new(governor_share),
            files: HashMap::new(),
            failed: HashMap::new(),
            warned: HashSet::new(),
            errors: 0,
            times: AttachTimes::default(),
        }
    }

    /// Files that could not be attached, ever; a retry counts again.
    pub(super) fn errors(&self) -> u64 {
        self.errors
    }

    /// How long attaching took.
    pub(super) fn times(&self) -> &AttachTimes {
        &self.times
    }

    /// See [`Governor::state`].
    pub(super) fn governor_state(&self) -> u8 {
        self.governor.state()
    }

    /// The probes of this file are attached.
    pub(super) fn is_attached(&self, file: FileId) -> bool {
        self.files.contains_key(&file)
    }

    /// Attaches a file unless it is, or could not be a moment ago.
    pub(super) fn attach(&mut self, carrier: &Arc<Carrier>) {
        let now = Instant::now();
        if let Some(attached) = self.files.get_mut(&carrier.id) {
            attached.last_used = now;
            return;
        }
        if self
            .failed
            .get(&carrier.id)
            .is_some_and(|at| now.duration_since(*at) < RETRY)
        {
            return;
        }
        match self.kernel.attach(carrier, self.mode) {
            Ok(links) => self.attached(carrier, links, now),
            Err(error) => {
                self.errors += 1;
                if self.failed.insert(carrier.id, now).is_none() {
                    tracing::warn!("cannot attach: {error}");
                }
            }
        }
    }

    /// Somebody has just used these files.
    pub(super) fn touch(&mut self, files: &[FileId]) {
        for file in files {
            if let Some(attached) = self.files.get_mut(file) {
                attached.last_used = Instant::now();
            }
        }
    }

    /// Detaches the files that nobody has used for a while.
    pub(super) fn detach_unused(&mut self, used: &HashSet<FileId>) {
        self.files
            .retain(|id, file| used.contains(id) || file.last_used.elapsed() < LINGER);
        self.failed.retain(|_, at| at.elapsed() < 2 * RETRY);
        let attached = self.files.keys().copied().collect();
        self.governor.retain(clock::boot_ns(), &attached);
    }

    /// Arms `stack_grow` in one process of a file; `None` where that is not to be: events mode has
    /// it armed, and a file that is not attached cannot.
    pub(super) fn attach_growths(&self, file: FileId, pid: u32) -> Option<GrowthLink> {
        let attached = self
            .files
            .get(&file)
            .filter(|_| self.mode == Mode::Ledger)?;
        let link = self
            .kernel
            .attach_growths(&attached.carrier, &attached.links, pid);
        link.unwrap_or_else(|error| {
            tracing::warn!(pid, "the function of a storm will not be known: {error}");
            None
        })
    }

    /// Tells the governor what the event probes of each file cost since the last time, in
    /// nanoseconds, and does what it orders.
    pub(super) fn govern(&mut self, now_ns: u64, spent: &HashMap<FileId, f64>) {
        // In ledger mode the only events are those of storms, which are armed for a while.
        if self.mode != Mode::Events {
            return;
        }
        for order in self.governor.look(now_ns, spent) {
            match order {
                Order::Drop(id) => self.drop_events(id),
                Order::Restore(id) => self.restore_events(id),
            }
        }
    }

    fn attached(&mut self, carrier: &Arc<Carrier>, mut links: Links, began: Instant) {
        let took = began.elapsed();
        self.times.add(took.as_secs_f64());
        self.failed.remove(&carrier.id);
        let (path, probes) = (&carrier.path, links.probes().len());
        tracing::info!(path, probes, ms = took.as_millis(), "attached");
        if !links.slow().is_empty() {
            tracing::warn!(
                path,
                "some probes are not on a nop: each hit costs some 20 µs"
            );
        }
        self.warn_once(carrier);
        if self.governor.is_dropped(carrier.id) {
            links.drop_events();
        }
        let attached = Attached {
            links,
            carrier: Arc::clone(carrier),
            last_used: began,
        };
        self.files.insert(carrier.id, attached);
    }

    /// Says what is wrong with a file, once however often it is attached.
    fn warn_once(&mut self, carrier: &Carrier) {
        if self.warned.len() >= MAX_WARNED {
            self.warned.clear();
        }
        if !self.warned.insert(carrier.id) {
            return;
        }
        let path = &carrier.path;
        if carrier.may_miss_semaphores() {
            tracing::warn!(
                path,
                "a process of this file that starts while it is watched may never fire: its \
                 semaphores share a page of the file with relocated data; align the section \
                 .probes to a page when linking (docs/probes.md)"
            );
        }
        if !carrier.damage.is_empty() {
            let damage: Vec<String> = carrier.damage.iter().map(ToString::to_string).collect();
            let damage = damage.join(", ");
            tracing::warn!(
                path,
                damage,
                "some of its notes cannot be read: build it again"
            );
        }
    }

    fn drop_events(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(&id) {
            let path = &file.carrier.path;
            tracing::warn!(
                path,
                "its event probes cost more than --governor-share: detached for a while"
            );
            file.links.drop_events();
        }
    }

    fn restore_events(&mut self, id: FileId) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        let path = &file.carrier.path;
        match self.kernel.attach_events(&file.carrier, &mut file.links) {
            Ok(()) => tracing::info!(path, "its event probes are attached again"),
            Err(error) => {
                self.errors += 1;
                tracing::warn!("cannot attach again: {error}");
            }
        }
    }
}

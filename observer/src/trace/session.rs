//! A trace of one process: its probes armed, its records read, its sites named.
//!
//! The only file of the trace that does I/O with the kernel and the target. Dropping the session
//! detaches.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use observer_ebpf_abi::{
    Loss, RING_BYTES_UNUSED, TRACE_RING_BYTES, TRACE_STACKS_RING_BYTES, TraceFilter, TraceRecord,
    names,
};

use tokio::io::unix::AsyncFd;

use super::lives::{Copied, LifeRecord, Lives};
use super::sites::{Site, Sites};
use super::{Event, Kind, Life, SiteFilter, TaskId};
use crate::attach::{AttachError, Kernel, Links, LoadError, LoadOptions, Mode, Programs};
use crate::collect::{CollectError, Collector, Ring, Text};
use crate::discover::{Discovery, ExamineError, Found};
use crate::sys::clock;
use crate::sys::plain::bytes_of;
use crate::sys::poll::watch;

/// Most records with stacks that one look takes: so many copies are unwound in some milliseconds.
const STACKS_A_LOOK: usize = 1_024;

/// What is wanted of a process.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The process, as this mount of `/proc` shows it.
    pub pid: u32,
    /// Only this task.
    pub task: Option<TaskId>,
    /// Only tasks of these sites.
    pub sites: SiteFilter,
    /// Spawns with their stacks and exits, instead of all events.
    pub with_stacks: bool,
}

/// Why a process cannot be traced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// No process has this id.
    #[error("no process has the id {0}: `observer list` prints those that carry the probes")]
    NoProcess(u32),
    /// The process carries no event probes.
    #[error("process {0} carries no event probes: `observer list` prints those that do")]
    NoProbes(u32),
    /// The process may not be looked at, or ends.
    #[error("{0}: run it as root, or see `observer doctor`")]
    Examine(#[from] ExamineError),
    /// The kernel refuses the programs.
    #[error("cannot load the kernel programs: {0}: run it as root, or see `observer doctor`")]
    Load(#[from] LoadError),
    /// The kernel refuses the probes.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// A map, ring or descriptor cannot be used.
    #[error("cannot read what the kernel records: {0}")]
    Read(#[from] io::Error),
    /// A map cannot be read.
    #[error(transparent)]
    Collect(#[from] CollectError),
}

/// A running trace.
pub struct Session {
    found: Found,
    kernel: Kernel,
    collector: Collector,
    sites: Sites,
    rings: Rings,
    links: Vec<Links>,
    /// Readable when the process has ended.
    end: AsyncFd<OwnedFd>,
    began_ns: u64,
    lost: u64,
}

/// The one ring that the session uses.
enum Rings {
    Events(Ring<TraceRecord>),
    Stacks(Ring<[u8]>, Box<Lives>),
}

/// What has happened since the last look.
#[derive(Debug, Default)]
pub struct Batch {
    /// Events of wanted sites, in the order in which threads recorded them.
    pub events: Vec<Event>,
    /// Spawns and exits of wanted sites, with their site's label.
    pub lives: Vec<(Arc<str>, Life)>,
    /// Spawns among them whose stacks had to be copied.
    pub copies: u64,
    /// Spawns among them whose stacks should have been copied, and were not, for lack of room.
    pub uncopied: u64,
    /// Events that were lost.
    pub lost: u64,
    /// There may be more.
    pub is_partial: bool,
}

impl Session {
    /// Arms the probes. Needs a tokio runtime with its I/O driver.
    ///
    /// # Errors
    ///
    /// Why it cannot be traced; then nothing is armed.
    pub fn begin(wanted: Wanted) -> Result<Self, TraceError> {
        let began_ns = clock::boot_ns();
        let found = find(wanted.pid)?;
        let mut kernel = Kernel::load(&options(wanted.with_stacks))?;
        let rings = Rings::open(&mut kernel, &wanted)?;
        let filter = TraceFilter {
            tgid: wanted.pid,
            with_stacks: wanted.with_stacks.into(),
            task: wanted.task.map_or(0, |task| task.0),
        };
        let maps = kernel.maps();
        maps.get(names::TRACE_FILTER)
            .insert(&0_u32.to_ne_bytes(), bytes_of(&filter))?;
        let mode = if wanted.with_stacks {
            Mode::Lives
        } else {
            Mode::Trace
        };
        let links = attach(&kernel, &found, mode)?;
        Ok(Self {
            end: watch(found.pidfd.as_fd())?,
            found,
            collector: Collector::new(&kernel),
            kernel,
            sites: Sites::new(wanted.sites),
            rings,
            links,
            began_ns,
            lost: 0,
        })
    }

    /// The traced process.
    #[must_use]
    pub fn process(&self) -> &Found {
        &self.found
    }

    /// Boot time in nanoseconds, before the first probe was armed.
    #[must_use]
    pub fn began_ns(&self) -> u64 {
        self.began_ns
    }

    /// How many probes are armed.
    #[must_use]
    pub fn probes(&self) -> usize {
        self.links.iter().map(|links| links.probes().len()).sum()
    }

    /// Waits until the process ends.
    ///
    /// # Errors
    ///
    /// Its end cannot be waited for.
    pub async fn ended(&self) -> io::Result<()> {
        self.end.readable().await.map(|_| ())
    }

    /// Takes what was recorded, some thousand records at most. Nobody is woken for them: look
    /// every few milliseconds.
    ///
    /// # Errors
    ///
    /// The counters of losses cannot be read.
    pub fn look(&mut self) -> Result<Batch, TraceError> {
        let mut batch = Batch::default();
        batch.is_partial = match &mut self.rings {
            Rings::Events(ring) => {
                let mut records = Vec::new();
                let is_partial = ring.take(&mut records);
                for record in records {
                    self.add_event(&record, &mut batch);
                }
                is_partial
            }
            Rings::Stacks(ring, lives) => ring.each(STACKS_A_LOOK, |bytes| {
                let pid = self.found.id.pid;
                add_life(bytes, lives, &mut batch, &self.kernel, |address| {
                    meet(&mut self.sites, &self.kernel, pid, address)
                });
            }),
        };
        let lost = self.collector.lost(Loss::Trace)?;
        batch.lost = lost.saturating_sub(self.lost);
        self.lost = lost;
        Ok(batch)
    }

    /// Disarms the probes; what was recorded can still be taken.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    fn add_event(&mut self, record: &TraceRecord, batch: &mut Batch) {
        let Some(kind) = Kind::of(record) else { return };
        let pid = self.found.id.pid;
        let site = meet(&mut self.sites, &self.kernel, pid, record.site);
        if site.is_wanted {
            batch.events.push(Event {
                boot_ns: record.boot_ns,
                tid: record.tid,
                task: TaskId(record.task),
                site: site.label,
                kind,
            });
        }
    }
}

fn add_life(
    bytes: &[u8],
    lives: &mut Lives,
    batch: &mut Batch,
    kernel: &Kernel,
    meet: impl FnOnce(u64) -> Site,
) {
    let Some(record) = LifeRecord::read(bytes) else {
        return;
    };
    let site = meet(record.site());
    if !site.is_wanted {
        return;
    }
    let (life, copied) = lives.take(&record);
    match copied {
        Copied::ForAll(key) => {
            // Where it has no room the stack is copied again.
            mark(kernel, names::TRACE_KNOWN, key);
            batch.copies += 1;
        }
        Copied::ForThis => batch.copies += 1,
        Copied::Missing => batch.uncopied += 1,
        Copied::Unneeded => {}
    }
    batch.lives.push((site.label, life));
}

/// The site; one that is not wanted is put aside in the kernel when it is met.
fn meet(sites: &mut Sites, kernel: &Kernel, pid: u32, address: u64) -> Site {
    let (site, is_new) = sites.meet(address, |address| Text::read(pid, address));
    if is_new && !site.is_wanted {
        // Where it has no room we leave the events out by ourselves.
        mark(kernel, names::TRACE_UNWANTED, address);
    }
    site
}

/// Puts a key into a map whose values say nothing.
fn mark(kernel: &Kernel, map: &str, key: u64) {
    let maps = kernel.maps();
    let put = maps.get(map).insert(&key.to_ne_bytes(), bytes_of(&1_u32));
    put.unwrap_or_else(|error| tracing::debug!(map, key, %error, "not told the kernel"));
}

impl Rings {
    fn open(kernel: &mut Kernel, wanted: &Wanted) -> io::Result<Self> {
        Ok(if wanted.with_stacks {
            let ring = Ring::named(kernel, names::TRACE_STACKS)?;
            Self::Stacks(ring, Box::new(Lives::of(wanted.pid)))
        } else {
            Self::Events(Ring::named(kernel, names::TRACE)?)
        })
    }
}

fn find(pid: u32) -> Result<Found, TraceError> {
    match Discovery::new().examine(pid)? {
        Some(found) => Ok(found),
        None if std::fs::exists(format!("/proc/{pid}")).unwrap_or(false) => {
            Err(TraceError::NoProbes(pid))
        }
        None => Err(TraceError::NoProcess(pid)),
    }
}

/// The programs of a trace with one ring of full size.
fn options(with_stacks: bool) -> LoadOptions {
    let ring = if with_stacks {
        (names::TRACE_STACKS, TRACE_STACKS_RING_BYTES)
    } else {
        (names::TRACE, TRACE_RING_BYTES)
    };
    LoadOptions {
        programs: Programs::Trace,
        max_entries: vec![ring, (names::RING, RING_BYTES_UNUSED)],
        ..LoadOptions::default()
    }
}

/// Attaches every file of the process that has some of the probes.
fn attach(kernel: &Kernel, found: &Found, mode: Mode) -> Result<Vec<Links>, TraceError> {
    let mut links = Vec::new();
    for carrier in &found.carriers {
        match kernel.attach(carrier, mode) {
            Ok(attached) => links.push(attached),
            Err(AttachError::NoProbes { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if links.is_empty() {
        return Err(TraceError::NoProbes(found.id.pid));
    }
    Ok(links)
}

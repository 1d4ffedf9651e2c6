//! What holds a carrier's probes armed.

use super::maps::Maps;
use observer_ebpf_abi::names;
use runtime_abi::{Family, ProbeId};
use std::io;
use std::mem::offset_of;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The links to one carrier. Dropping it detaches: the kernel lowers the semaphores when the
/// last descriptor of a link is closed, also when the observer is killed.
#[derive(Debug)]
pub struct Links {
    probes: Vec<ProbeId>,
    slow: Vec<ProbeId>,
    /// Links come before the events that they hang on, and are closed in this order.
    descriptors: Vec<(ProbeId, OwnedFd)>,
    cookie: u64,
    maps: Arc<Maps>,
}

impl Links {
    pub(super) fn new(maps: Arc<Maps>, cookie: u64) -> Self {
        Self {
            probes: Vec::new(),
            slow: Vec::new(),
            descriptors: Vec::new(),
            cookie,
            maps,
        }
    }

    pub(super) fn add(&mut self, probe: ProbeId, is_slow: bool, descriptors: Vec<OwnedFd>) {
        self.probes.push(probe);
        if is_slow {
            self.slow.push(probe);
        }
        let descriptors = descriptors.into_iter();
        self.descriptors
            .extend(descriptors.map(|descriptor| (probe, descriptor)));
    }

    /// The probes that are attached, in table order; events that were attached again last.
    #[must_use]
    pub fn probes(&self) -> &[ProbeId] {
        &self.probes
    }

    /// Probes whose site is no nop: each hit costs some 20 µs.
    #[must_use]
    pub fn slow(&self) -> &[ProbeId] {
        &self.slow
    }

    /// Detaches the event probes. The ledger probes stay armed, and processes keep accepting
    /// hits through these links.
    pub fn drop_events(&mut self) {
        self.retain(|probe| probe.probe().family == Family::Ledger);
    }

    /// Detaches one probe; the others stay armed.
    pub fn drop_probe(&mut self, dropped: ProbeId) {
        self.retain(|probe| *probe != dropped);
    }

    fn retain(&mut self, stays: impl Fn(&ProbeId) -> bool) {
        self.probes.retain(&stays);
        self.slow.retain(&stays);
        self.descriptors.retain(|(probe, _)| stays(probe));
    }

    /// What hits through these links are known by.
    pub(super) fn cookie(&self) -> u64 {
        self.cookie
    }

    /// How many descriptors the links hold.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.descriptors.len()
    }

    /// Lets another link to the same file be accepted by the processes that accepted this one.
    fn release_processes(&self) -> io::Result<()> {
        let processes = self.maps.get(names::PROCESSES);
        let mut process = vec![0; processes.entry_bytes()];
        let mut previous: Option<Vec<u8>> = None;
        let mut tgid = vec![0; processes.key_bytes()];
        for _ in 0..processes.capacity() {
            if !processes.next_key(previous.as_deref(), &mut tgid)? {
                break;
            }
            if processes.lookup(&tgid, &mut process)? && take_cookie(&mut process, self.cookie) {
                processes.replace(&tgid, &process)?;
            }
            previous = Some(tgid.clone());
        }
        Ok(())
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.descriptors.drain(..).for_each(drop);
        if let Err(error) = self.release_processes() {
            tracing::warn!(%error, "processes keep the cookie of a link that is gone");
        }
    }
}

/// Holds `stack_grow` armed in one process; dropping it detaches.
#[derive(Debug)]
pub struct GrowthLink(Vec<OwnedFd>);

impl GrowthLink {
    pub(super) fn new(descriptors: Vec<OwnedFd>) -> Self {
        Self(descriptors)
    }
}

impl Drop for GrowthLink {
    fn drop(&mut self) {
        // A link comes before the event that it hangs on.
        self.0.drain(..).for_each(drop);
    }
}

/// Clears the cookie in the bytes of a `Process` if it is this one.
fn take_cookie(process: &mut [u8], cookie: u64) -> bool {
    let at = offset_of!(observer_ebpf_abi::Process, cookie);
    let field = &mut process[at..at + size_of::<u64>()];
    let is_ours = field == cookie.to_ne_bytes();
    if is_ours {
        field.fill(0);
    }
    is_ours
}

//! The loaded kernel programs.

use super::location::{Location, locate};
use super::maps::Maps;
use super::{AttachError, GrowthLink, Links, LoadError, Mode, load, multi, object, perf};
use crate::discover::Carrier;
use crate::sys::bpf::Place;
use crate::sys::uprobe::{OptimisedNop, optimised_nop};
use aya::Ebpf;
use runtime_abi::{Family, ProbeId};
use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How programs are linked to probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// One `uprobe_multi` link for all sites of a probe in a file (Linux 6.6).
    Multi,
    /// One perf event and link per site.
    Perf,
}

/// Which programs of the object are loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Programs {
    /// Those that watch every process: they count, and follow processes.
    #[default]
    Watch,
    /// Those that record every event of one process.
    Trace,
}

/// How to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Use only this kind of link; by default `uprobe_multi` where the kernel has it.
    pub link: Option<LinkKind>,
    /// Entries of maps by name, instead of the contract's limits.
    pub max_entries: Vec<(&'static str, u32)>,
    /// Which programs are loaded.
    pub programs: Programs,
}

/// What the loaded programs can do on this kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The kind of links that [`Kernel::attach`] makes.
    pub link: LinkKind,
    /// What the kernel does with long nops.
    pub optimised_nop: OptimisedNop,
}

/// The loaded kernel programs and their maps.
#[derive(Debug)]
pub struct Kernel {
    capabilities: Capabilities,
    programs: HashMap<ProbeId, OwnedFd>,
    maps: Arc<Maps>,
    loaded: Ebpf,
    next_cookie: AtomicU64,
}

impl Kernel {
    /// The kernel programs inside this binary, or `None` if it was built without.
    #[must_use]
    pub fn object() -> Option<&'static [u8]> {
        object::object()
    }

    /// Creates the maps, loads the programs and attaches those that follow processes.
    ///
    /// # Errors
    ///
    /// [`LoadError::NoObject`] without programs in the binary, else what the kernel refused.
    pub fn load(options: &LoadOptions) -> Result<Self, LoadError> {
        let object = Self::object().ok_or(LoadError::NoObject)?;
        let (loaded, maps) = load::load_maps(object, options)?;
        let (link, programs) = load_for(object, &loaded, options)?;
        Ok(Self {
            capabilities: Capabilities {
                link,
                optimised_nop: optimised_nop(),
            },
            programs,
            maps: Arc::new(maps),
            loaded,
            next_cookie: AtomicU64::new(1),
        })
    }

    /// Attaches the mode's probes of a carrier, in every process that maps it, now and later.
    /// Probes that the file does not have are left out.
    ///
    /// # Errors
    ///
    /// A note that breaks the contract, or a refusal by the kernel. Nothing stays attached.
    pub fn attach(&self, carrier: &Carrier, mode: Mode) -> Result<Links, AttachError> {
        let cookie = self.next_cookie.fetch_add(1, Ordering::Relaxed);
        let mut links = Links::new(Arc::clone(&self.maps), cookie);
        for probe in mode.probes() {
            self.attach_probe(carrier, *probe, &mut links)?;
        }
        if links.probes().is_empty() {
            return Err(AttachError::NoProbes {
                path: carrier.path.clone(),
            });
        }
        Ok(links)
    }

    /// Attaches the event probes beside the ledger probes that are.
    ///
    /// # Errors
    ///
    /// As [`Kernel::attach`]; then no event probe is attached, and the ledger probes are.
    pub fn attach_events(&self, carrier: &Carrier, links: &mut Links) -> Result<(), AttachError> {
        links.drop_events();
        let is_event = |probe: &&ProbeId| probe.probe().family == Family::Event;
        let mut events = Mode::Events.probes().iter().filter(is_event);
        let attached = events.try_for_each(|probe| self.attach_probe(carrier, *probe, links));
        attached.inspect_err(|_| links.drop_events())
    }

    /// Attaches the probe `stack_grow` of a carrier in one process only, beside the ledger probes
    /// that are attached by `links`. `None` if the file does not have it.
    ///
    /// # Errors
    ///
    /// As [`Kernel::attach`]; also where the process has ended.
    pub fn attach_growths(
        &self,
        carrier: &Carrier,
        links: &Links,
        pid: u32,
    ) -> Result<Option<GrowthLink>, AttachError> {
        let probe = ProbeId::StackGrow;
        let locations = self.locate(carrier, probe)?;
        if locations.is_empty() {
            return Ok(None);
        }
        let cookie = links.cookie();
        let descriptors = self.link(carrier, probe, &locations, cookie, Some(pid))?;
        Ok(Some(GrowthLink::new(descriptors)))
    }

    /// Attaches one probe beside those that are, if the file has it.
    ///
    /// # Errors
    ///
    /// As [`Kernel::attach`]; what was attached before stays so.
    pub fn attach_also(
        &self,
        carrier: &Carrier,
        probe: ProbeId,
        links: &mut Links,
    ) -> Result<(), AttachError> {
        self.attach_probe(carrier, probe, links)
    }

    /// What this kernel allows.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The maps, for the stage that reads them.
    #[must_use]
    pub fn maps(&self) -> Arc<Maps> {
        Arc::clone(&self.maps)
    }

    /// The ring of this name, once.
    #[must_use]
    pub fn take_ring(&mut self, name: &str) -> Option<aya::maps::Map> {
        self.loaded.take_map(name)
    }

    /// What aya made, for the stage that reads the programs' log.
    pub fn loaded_mut(&mut self) -> &mut Ebpf {
        &mut self.loaded
    }

    /// Attaches one probe, if the file has it.
    fn attach_probe(
        &self,
        carrier: &Carrier,
        probe: ProbeId,
        links: &mut Links,
    ) -> Result<(), AttachError> {
        let locations = self.locate(carrier, probe)?;
        if !locations.is_empty() {
            let is_slow = locations.iter().any(|location| location.is_slow);
            let descriptors = self.link(carrier, probe, &locations, links.cookie(), None)?;
            links.add(probe, is_slow, descriptors);
        }
        Ok(())
    }

    /// The places of all sites of a probe, each once.
    fn locate(&self, carrier: &Carrier, probe: ProbeId) -> Result<Vec<Location>, AttachError> {
        let optimised = self.capabilities.optimised_nop;
        let mut locations = carrier
            .probes
            .iter()
            .filter(|note| note.name == probe.probe().name)
            .map(|note| locate(&carrier.path, &carrier.file, probe, note, optimised))
            .collect::<Result<Vec<_>, _>>()?;
        locations.sort_unstable_by_key(|location| location.place);
        locations.dedup_by_key(|location| location.place);
        Ok(locations)
    }

    fn link(
        &self,
        carrier: &Carrier,
        probe: ProbeId,
        locations: &[Location],
        cookie: u64,
        pid: Option<u32>,
    ) -> Result<Vec<OwnedFd>, AttachError> {
        let failed = |source: io::Error| AttachError::System {
            path: carrier.path.clone(),
            what: format!("attaching probe `{}`", probe.probe().name),
            source,
        };
        let program = self
            .programs
            .get(&probe)
            .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        // The descriptor is the only name that a deleted file still has.
        let path = CString::new(format!("/proc/self/fd/{}", carrier.file.as_raw_fd()))
            .map_err(|error| failed(error.into()))?;
        let places: Vec<Place> = locations.iter().map(|location| location.place).collect();
        let link = match self.capabilities.link {
            LinkKind::Multi => multi::link,
            LinkKind::Perf => perf::link,
        };
        link(program.as_fd(), &path, &places, cookie, pid).map_err(failed)
    }
}

/// Loads the programs for the wanted kind of links, or for the best that the kernel has.
fn load_for(
    object: &[u8],
    loaded: &Ebpf,
    options: &LoadOptions,
) -> Result<(LinkKind, HashMap<ProbeId, OwnedFd>), LoadError> {
    let load = |kind| load::load_programs(object, loaded, options.programs, kind);
    let wanted = options.link;
    if wanted != Some(LinkKind::Perf) {
        let programs = load(LinkKind::Multi)?;
        let is_supported = programs
            .values()
            .next()
            .is_some_and(|program| multi::is_supported(program.as_fd()));
        if is_supported {
            return Ok((LinkKind::Multi, programs));
        }
        if wanted == Some(LinkKind::Multi) {
            return Err(LoadError::NoMulti);
        }
    }
    Ok((LinkKind::Perf, load(LinkKind::Perf)?))
}

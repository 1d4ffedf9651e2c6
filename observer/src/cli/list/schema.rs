//! Asks processes which schema they speak: arms `monitor` in their files until all have said it.

use std::collections::{BTreeMap, HashMap};
use std::thread::sleep;
use std::time::{Duration, Instant};

use observer_ebpf_abi::incarnation_tgid;

use crate::attach::{AttachError, Kernel, Links, LoadOptions, Mode};
use crate::collect::{Collector, Snapshot};
use crate::discover::{Carrier, FileId, Found};

/// A monitor looks every 0.5 s whether it is armed, and then reports at least once a second.
const PATIENCE: Duration = Duration::from_millis(2_500);
const PAUSE: Duration = Duration::from_millis(20);

/// What the processes said.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    pub(super) by_pid: HashMap<u32, u64>,
    /// Why some or all could not be asked, and what to do.
    pub(super) unknown_because: Option<String>,
}

/// Asks all processes at once. Takes as long as the slowest answer, at most [`PATIENCE`].
pub(super) fn ask(processes: &[Found]) -> Schemas {
    let mut schemas = Schemas::default();
    if processes.is_empty() {
        return schemas;
    }
    let kernel = match Kernel::load(&LoadOptions::default()) {
        Ok(kernel) => kernel,
        Err(error) => {
            let advice = "run it as root, or see `observer doctor`";
            schemas.unknown_because = Some(format!("{error}: {advice}"));
            return schemas;
        }
    };
    let links = attach(&kernel, processes, &mut schemas);
    let asked: Vec<u32> = processes
        .iter()
        .filter(|found| {
            found
                .carriers
                .iter()
                .any(|carrier| links.contains_key(&carrier.id))
        })
        .map(|found| found.id.pid)
        .collect();
    let collector = Collector::new(&kernel);
    let began = Instant::now();
    loop {
        match collector.read() {
            Ok(snapshot) => schemas.by_pid.extend(answers(&snapshot)),
            Err(error) => schemas.unknown_because = Some(error.to_string()),
        }
        let all = asked.iter().all(|pid| schemas.by_pid.contains_key(pid));
        if all || began.elapsed() >= PATIENCE {
            return schemas;
        }
        sleep(PAUSE);
    }
}

/// Arms `monitor` in every file that has it.
fn attach(kernel: &Kernel, processes: &[Found], schemas: &mut Schemas) -> BTreeMap<FileId, Links> {
    let carriers = processes.iter().flat_map(|found| &found.carriers);
    let carriers: BTreeMap<FileId, &Carrier> = carriers
        .map(|carrier| (carrier.id, carrier.as_ref()))
        .collect();
    let mut links = BTreeMap::new();
    for (id, carrier) in carriers {
        match kernel.attach(carrier, Mode::Monitor) {
            Ok(attached) => drop(links.insert(id, attached)),
            Err(AttachError::NoProbes { .. }) => {}
            Err(error) => schemas.unknown_because = Some(error.to_string()),
        }
    }
    links
}

/// Pids and schemas of those that have answered.
fn answers(snapshot: &Snapshot) -> impl Iterator<Item = (u32, u64)> + '_ {
    let monitors = snapshot.monitors.iter();
    monitors.map(|(incarnation, value)| (incarnation_tgid(*incarnation), value.schema))
}

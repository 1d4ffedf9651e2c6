//! The probe semaphores of a running process: which of its probes are armed, and by how many.
//!
//! The addresses come from `observer probes`, the values from the process's memory. So the
//! benchmarks know that what they call unobserved is, whoever else watches this machine.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::command::Invocation;
use crate::runner;

/// Who watches a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Armed {
    /// Nobody.
    Off,
    /// One observer, in ledger mode.
    Ledger,
    /// One observer, in events mode.
    Events,
    /// More than one observer, or one that is only just coming or going.
    Otherwise,
}

/// The semaphores of one process.
pub struct Semaphores {
    memory: File,
    places: Vec<Place>,
}

/// A probe's name and where its semaphore is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: String,
    address: u64,
}

impl Semaphores {
    /// Finds those of `program`, which runs as `pid`; `observer` reads its notes.
    pub fn find(observer: &Path, program: &Path, pid: u32) -> Result<Self> {
        let call = Invocation::new(observer)
            .args(["probes", "--format", "json"])
            .arg(program);
        let answer = runner::ask(&call).with_context(|| format!("`{call}` failed"))?;
        let notes: Value = serde_json::from_str(&answer).with_context(|| format!("`{call}`"))?;
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))
            .with_context(|| format!("the mappings of process {pid}"))?;
        let base = load_address(&maps, program)
            .with_context(|| format!("{} is not mapped in process {pid}", program.display()))?;
        let places = places(&notes, base);
        if places.is_empty() {
            bail!("no probes in {}", program.display());
        }
        let memory = File::open(format!("/proc/{pid}/mem"))
            .with_context(|| format!("the memory of process {pid}"))?;
        Ok(Self { memory, places })
    }

    /// Who watches the process now.
    pub fn armed(&self) -> Result<Armed> {
        let mut values = Vec::new();
        for place in &self.places {
            let mut bytes = [0; 2];
            self.memory
                .read_exact_at(&mut bytes, place.address)
                .with_context(|| format!("the semaphore of `{}`", place.name))?;
            values.push((place.name.as_str(), u16::from_ne_bytes(bytes)));
        }
        Ok(classify(&values))
    }
}

/// Where the loader put the start of a position-independent program, as cargo builds them.
fn load_address(maps: &str, program: &Path) -> Option<u64> {
    let name = program.to_str()?;
    let line = maps.lines().find(|line| line.ends_with(name))?;
    u64::from_str_radix(line.split('-').next()?, 16).ok()
}

fn places(notes: &Value, base: u64) -> Vec<Place> {
    let place = |note: &Value| {
        let address = note["semaphore"].as_u64().filter(|address| *address != 0)?;
        (note["provider"] == "parkwatch").then_some(())?;
        Some(Place {
            name: note["name"].as_str()?.to_owned(),
            address: base + address,
        })
    };
    notes
        .as_array()
        .map(|notes| notes.iter().filter_map(place).collect())
        .unwrap_or_default()
}

/// `monitor` is attached in both modes, `spawn` in events mode only.
fn classify(values: &[(&str, u16)]) -> Armed {
    let value = |name| {
        let found = values.iter().find(|(probe, _)| *probe == name);
        found.map_or(0, |(_, value)| *value)
    };
    let highest = values.iter().map(|(_, value)| *value).max().unwrap_or(0);
    match (highest, value("monitor"), value("spawn")) {
        (0, _, _) => Armed::Off,
        (1, 1, 0) => Armed::Ledger,
        (1, 1, 1) => Armed::Events,
        _ => Armed::Otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_mapping_of_the_program_is_its_start() {
        let maps = "55d0000-55d1000 r--p 00000000 fe:00 1 /t/contest\n\
                    55d1000-55d2000 r-xp 00001000 fe:00 1 /t/contest\n";
        assert_eq!(
            load_address(maps, Path::new("/t/contest")),
            Some(0x55d_0000)
        );
        assert_eq!(load_address(maps, Path::new("/t/other")), None);
    }

    #[test]
    fn keeps_our_probes_that_have_a_semaphore() {
        let notes = json!([
            {"provider": "parkwatch", "name": "spawn", "semaphore": 16},
            {"provider": "parkwatch", "name": "bare", "semaphore": 0},
            {"provider": "libc", "name": "setjmp", "semaphore": 32},
        ]);
        let name = "spawn".to_owned();
        assert_eq!(
            places(&notes, 4096),
            [Place {
                name,
                address: 4112
            }]
        );
    }

    #[test]
    fn tells_the_modes_apart_and_sees_a_second_observer() {
        let of = |monitor, spawn| classify(&[("monitor", monitor), ("spawn", spawn), ("pool", 0)]);
        assert_eq!(of(0, 0), Armed::Off);
        assert_eq!(of(1, 0), Armed::Ledger);
        assert_eq!(of(1, 1), Armed::Events);
        assert_eq!(of(2, 1), Armed::Otherwise);
        assert_eq!(of(0, 1), Armed::Otherwise);
        assert_eq!(classify(&[("monitor", 0), ("park", 1)]), Armed::Otherwise);
    }
}

//! The maps of a loaded object, by name.

use super::LoadError;
use crate::sys::map::Map;
use aya::Ebpf;
use aya::maps::{Map as Loaded, MapData};
use observer_ebpf_abi::names;
use std::collections::HashMap;
use std::os::fd::AsFd as _;

/// The maps that later stages read, and those by which they tell the programs something.
const READ: [&str; 16] = [
    names::PROCESSES,
    names::LEDGER,
    names::SITES,
    names::PARKED,
    names::POOLS,
    names::MONITORS,
    names::COUNTS,
    names::FAULTS,
    names::HISTOGRAMS,
    names::REASONS,
    names::STACKS,
    names::LOSSES,
    names::COSTS,
    names::TRACE_FILTER,
    names::TRACE_UNWANTED,
    names::TRACE_KNOWN,
];

/// Descriptors of the maps; they outlive the programs.
#[derive(Debug)]
pub struct Maps(HashMap<&'static str, Map>);

impl Maps {
    pub(super) fn new(loaded: &Ebpf) -> Result<Self, LoadError> {
        READ.into_iter()
            .map(|name| Ok((name, open(loaded, name)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The map of this name.
    ///
    /// # Panics
    ///
    /// If the name is not one of the contract's hash or array maps.
    #[must_use]
    pub fn get(&self, name: &str) -> &Map {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("{name} is a map of the contract"))
    }
}

fn open(loaded: &Ebpf, name: &'static str) -> Result<Map, LoadError> {
    let refused = |message: String| LoadError::Refused {
        what: format!("map {name}"),
        message,
    };
    let map = loaded
        .map(name)
        .ok_or_else(|| refused("not in the object".to_owned()))?;
    let data = data(map).ok_or_else(|| refused("of an unexpected type".to_owned()))?;
    let descriptor = data.fd().as_fd().try_clone_to_owned();
    descriptor
        .and_then(Map::new)
        .map_err(|error| refused(error.to_string()))
}

/// What aya keeps of a map of the types that the object has.
pub(super) fn data(map: &Loaded) -> Option<&MapData> {
    match map {
        Loaded::Array(data)
        | Loaded::HashMap(data)
        | Loaded::PerCpuArray(data)
        | Loaded::PerCpuHashMap(data)
        | Loaded::RingBuf(data) => Some(data),
        _ => None,
    }
}

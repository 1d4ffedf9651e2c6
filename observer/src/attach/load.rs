//! Loading: maps and followers of processes by aya, the probes' programs by ourselves.
//!
//! aya 0.14 can neither give a program the attach type of `uprobe_multi` nor attach one to a
//! probe with a semaphore. So it makes the maps and attaches the raw tracepoints, and the
//! object is parsed a second time: its functions are relocated against aya's maps and loaded
//! with the attach type that the links need.

use super::maps::{Maps, data};
use super::{LinkKind, LoadError, LoadOptions, Programs};
use crate::sys::bpf::{ProbeProgram, load_probe_program};
use aya::programs::RawTracePoint;
use aya::{Ebpf, EbpfLoader};
use aya_obj::Object;
use runtime_abi::ProbeId;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

/// Programs that follow processes, and where.
const FOLLOWERS: [(&str, &str); 2] = [
    ("on_thread_exit", "sched_process_exit"),
    ("on_exec", "sched_process_exec"),
];

/// Loads the object's maps and attaches the followers, if the set has any.
pub(super) fn load_maps(object: &[u8], options: &LoadOptions) -> Result<(Ebpf, Maps), LoadError> {
    let mut loader = EbpfLoader::new();
    for (map, entries) in &options.max_entries {
        loader.map_max_entries(map, *entries);
    }
    let mut loaded = loader
        .load(object)
        .map_err(|error| refused("maps", error))?;
    for (program, tracepoint) in followers(options.programs) {
        follow(&mut loaded, program, tracepoint).map_err(|error| refused(tracepoint, error))?;
    }
    let maps = Maps::new(&loaded)?;
    Ok((loaded, maps))
}

fn followers(programs: Programs) -> &'static [(&'static str, &'static str)] {
    match programs {
        Programs::Watch => &FOLLOWERS,
        Programs::Trace => &[],
    }
}

fn follow(loaded: &mut Ebpf, program: &str, tracepoint: &str) -> anyhow::Result<()> {
    let program = loaded
        .program_mut(program)
        .ok_or_else(|| anyhow::anyhow!("no {program}"))?;
    let program: &mut RawTracePoint = program.try_into()?;
    program.load()?;
    program.attach(tracepoint)?;
    Ok(())
}

/// Loads the program of every probe that has one, for links of this kind.
pub(super) fn load_programs(
    object: &[u8],
    loaded: &Ebpf,
    programs: Programs,
    kind: LinkKind,
) -> Result<HashMap<ProbeId, OwnedFd>, LoadError> {
    let object = relocate(object, loaded).map_err(|error| refused("programs", error))?;
    let named = ProbeId::ALL
        .into_iter()
        .map(|probe| (probe, program_name(programs, probe)));
    named
        .filter(|(_, name)| object.programs.contains_key(name))
        .map(|(probe, name)| Ok((probe, load_program(&object, &name, kind)?)))
        .collect()
}

/// The object with the addresses of aya's maps in its instructions.
fn relocate(object: &[u8], loaded: &Ebpf) -> anyhow::Result<Object> {
    let mut object = Object::parse(object)?;
    let sections: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    let definitions = std::mem::take(&mut object.maps);
    let maps = definitions.iter().filter_map(|(name, definition)| {
        let data = data(loaded.map(name)?)?;
        Some((name.as_str(), data.fd().as_fd().as_raw_fd(), definition))
    });
    object.relocate_maps(maps, &sections)?;
    object.relocate_calls(&sections)?;
    object.sanitize_functions(aya::features());
    Ok(object)
}

fn load_program(object: &Object, name: &str, kind: LinkKind) -> Result<OwnedFd, LoadError> {
    let program = &object.programs[name];
    let function = object
        .functions
        .get(&program.function_key())
        .ok_or_else(|| refused(name, "the object has no such function"))?;
    let kind = match kind {
        LinkKind::Multi => ProbeProgram::Multi,
        LinkKind::Perf => ProbeProgram::Perf,
    };
    let instructions: Vec<u8> = function.instructions.iter().flat_map(bytes).collect();
    load_probe_program(name, &instructions, &program.license, kind)
        .map_err(|error| refused(name, error))
}

/// An instruction as the kernel reads it.
fn bytes(instruction: &aya_obj::generated::bpf_insn) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[0] = instruction.code;
    bytes[1] = instruction._bitfield_1.get(0, 8) as u8;
    bytes[2..4].copy_from_slice(&instruction.off.to_ne_bytes());
    bytes[4..].copy_from_slice(&instruction.imm.to_ne_bytes());
    bytes
}

/// The entry point of a probe in the object.
fn program_name(programs: Programs, probe: ProbeId) -> String {
    let prefix = match programs {
        Programs::Watch => "on",
        Programs::Trace => "trace",
    };
    format!("{prefix}_{}", probe.probe().name)
}

fn refused(what: &str, message: impl Display) -> LoadError {
    LoadError::Refused {
        what: what.to_owned(),
        message: message.to_string(),
    }
}

//! Where in a file a probe is attached, and whether its note keeps the contract.
//!
//! A site is a 1-byte nop and then a 10-byte nop. A trap on the first is cheap on every kernel;
//! newer kernels replace the second by a call, which is cheaper still. An instruction that is
//! no nop is executed step by step, which costs some 20 µs a hit: allowed, with a warning.

use super::AttachError;
use crate::elf::{Note, OperandKind, SemaphorePage};
use crate::sys::bpf::Place;
use crate::sys::uprobe::OptimisedNop;
use runtime_abi::{ARGUMENT_REGISTERS, ProbeId};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

#[cfg(target_arch = "x86_64")]
const NOP: &[u8] = &[0x90];
#[cfg(target_arch = "aarch64")]
const NOP: &[u8] = &[0x1f, 0x20, 0x03, 0xd5];

/// The 5-byte nop that a broken generation of kernels replaces by a call.
const NOP_5: &[u8] = &[0x0f, 0x1f, 0x44, 0x00, 0x00];
/// The 10-byte nop that newer kernels replace by a call.
const NOP_10: &[u8] = &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00];

/// A place of a probe that is ready to be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub place: Place,
    /// The instruction there is no nop.
    pub is_slow: bool,
}

/// Checks a note against the contract and finds its place.
pub(super) fn locate(
    path: &str,
    file: &File,
    probe: ProbeId,
    note: &Note,
    optimised: OptimisedNop,
) -> Result<Location, AttachError> {
    check_arguments(path, probe, note)?;
    let name = probe.probe().name;
    let missing = |what| AttachError::Place {
        path: path.to_owned(),
        probe: name,
        what,
    };
    let offset = note.file_offset.ok_or_else(|| missing("location"))?;
    let semaphore = match (note.semaphore, note.semaphore_file_offset) {
        (0, _) => 0,
        (_, Some(semaphore)) => semaphore,
        (_, None) => return Err(missing("semaphore")),
    };
    if note.semaphore_page == SemaphorePage::Shared {
        return Err(AttachError::Semaphore {
            path: path.to_owned(),
            probe: name,
        });
    }
    let instructions = read(file, offset).map_err(|source| AttachError::System {
        path: path.to_owned(),
        what: format!("reading the site of probe `{name}`"),
        source,
    })?;
    match choose(&instructions, optimised) {
        Choice::Refused => Err(AttachError::Instruction {
            path: path.to_owned(),
            probe: name,
        }),
        Choice::At { skip, is_slow } => Ok(Location {
            place: Place {
                offset: offset + skip,
                semaphore,
            },
            is_slow,
        }),
    }
}

/// Every argument is a 64-bit register, and the contract's; a newer schema may have more.
fn check_arguments(path: &str, probe: ProbeId, note: &Note) -> Result<(), AttachError> {
    let row = probe.probe();
    let is_right = |argument: usize| {
        note.operands
            .get(argument)
            .and_then(Option::as_ref)
            .is_some_and(|operand| {
                operand.kind == OperandKind::Register
                    && operand.size == 8
                    && operand.register == Some(ARGUMENT_REGISTERS[argument])
            })
    };
    match (0..row.arguments.len()).find(|argument| !is_right(*argument)) {
        None => Ok(()),
        Some(argument) => Err(AttachError::Argument {
            path: path.to_owned(),
            probe: row.name,
            argument: row.arguments[argument],
            expected: ARGUMENT_REGISTERS[argument],
            found: note.arguments.clone(),
        }),
    }
}

/// The bytes at a site, as many as any nop has; fewer at the file's end.
fn read(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 1 + NOP_10.len()];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[derive(Debug, PartialEq, Eq)]
enum Choice {
    At { skip: u64, is_slow: bool },
    Refused,
}

fn choose(instructions: &[u8], optimised: OptimisedNop) -> Choice {
    if let Some(after) = instructions.strip_prefix(NOP) {
        let is_optimised = optimised == OptimisedNop::Safe && after.starts_with(NOP_10);
        return Choice::At {
            skip: u64::from(is_optimised),
            is_slow: false,
        };
    }
    let is_long_nop = instructions.starts_with(NOP_5) || instructions.starts_with(NOP_10);
    match optimised {
        OptimisedNop::Broken if instructions.starts_with(NOP_5) => Choice::Refused,
        _ => Choice::At {
            skip: 0,
            is_slow: !is_long_nop,
        },
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    fn site() -> Vec<u8> {
        [NOP, NOP_10].concat()
    }

    #[test]
    fn takes_the_short_nop_where_the_kernel_does_not_optimise() {
        for optimised in [OptimisedNop::None, OptimisedNop::Broken] {
            assert_eq!(
                choose(&site(), optimised),
                Choice::At {
                    skip: 0,
                    is_slow: false
                }
            );
        }
    }

    #[test]
    fn takes_the_long_nop_where_the_kernel_optimises_it() {
        assert_eq!(
            choose(&site(), OptimisedNop::Safe),
            Choice::At {
                skip: 1,
                is_slow: false
            }
        );
    }

    #[test]
    fn never_skips_into_an_instruction_that_is_not_the_long_nop() {
        let choice = choose(&[0x90, 0xc3], OptimisedNop::Safe);
        assert_eq!(
            choice,
            Choice::At {
                skip: 0,
                is_slow: false
            }
        );
    }

    #[test]
    fn refuses_a_five_byte_nop_where_the_kernel_breaks_it() {
        assert_eq!(choose(NOP_5, OptimisedNop::Broken), Choice::Refused);
        assert_eq!(
            choose(NOP_5, OptimisedNop::Safe),
            Choice::At {
                skip: 0,
                is_slow: false
            }
        );
    }

    #[test]
    fn an_instruction_that_is_no_nop_is_slow() {
        let push = [0x55, 0x48, 0x89, 0xe5];
        assert_eq!(
            choose(&push, OptimisedNop::None),
            Choice::At {
                skip: 0,
                is_slow: true
            }
        );
    }
}

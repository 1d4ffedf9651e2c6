//! What can go wrong at the boundary to the kernel.

use std::io;

/// Why the kernel programs could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// This observer was built without the kernel programs.
    #[error("this observer was built without kernel programs: build it with `cargo xtask build`")]
    NoObject,
    /// Only `uprobe_multi` links were wanted.
    #[error("this kernel has no uprobe_multi links (Linux 6.6)")]
    NoMulti,
    /// The kernel refused a map or a program.
    #[error("{what}: {message}")]
    Refused {
        /// What was being done.
        what: String,
        /// What the kernel or the loader answered, with the end of the verifier's log.
        message: String,
    },
}

/// Why a carrier could not be attached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The file carries none of the mode's probes.
    #[error("{path}: none of the mode's probes is in the file")]
    NoProbes {
        /// The file.
        path: String,
    },
    /// A probe's argument is not in the contract's register.
    #[error(
        "{path}: probe `{probe}`, argument `{argument}`: expected 8@%{expected}, the note says `{found}`"
    )]
    Argument {
        /// The file.
        path: String,
        /// The probe's name.
        probe: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// The contract's register.
        expected: &'static str,
        /// The note's arguments.
        found: String,
    },
    /// A note has no place in the file.
    #[error("{path}: probe `{probe}` has no {what} in the file")]
    Place {
        /// The file.
        path: String,
        /// The probe's name.
        probe: &'static str,
        /// `location` or `semaphore`.
        what: &'static str,
    },
    /// The kernel would raise something else in place of the semaphore.
    #[error(
        "{path}: the semaphore of probe `{probe}` shares its page of the file with writable data before it, to which the kernel would add instead: align the section .probes to a page when linking (docs/probes.md)"
    )]
    Semaphore {
        /// The file.
        path: String,
        /// The probe's name.
        probe: &'static str,
    },
    /// The site is a 5-byte nop, which this kernel's probes turn into a call that overwrites the
    /// red zone.
    #[error(
        "{path}: probe `{probe}` is a 5-byte nop, which is not safe on this kernel: build the program with a 1-byte nop first"
    )]
    Instruction {
        /// The file.
        path: String,
        /// The probe's name.
        probe: &'static str,
    },
    /// A system call failed.
    #[error("{path}: {what}: {source}")]
    System {
        /// The file.
        path: String,
        /// What was being done.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

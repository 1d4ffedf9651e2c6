//! What the kernel says about its optimised probes.

/// What the kernel does with a probe on a nop that is long enough for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptimisedNop {
    /// It traps like any other.
    None,
    /// It rewrites 5-byte nops to a call that overwrites the red zone: never attach to one.
    Broken,
    /// It rewrites 10-byte nops, safely.
    Safe,
}

/// Asks the kernel by the number of its `uprobe` system call: ENXIO from the first generation,
/// EPROTO from the one that is safe. (The number before it is `uretprobe`, which kills a caller
/// that is no trampoline.)
#[must_use]
pub fn optimised_nop() -> OptimisedNop {
    #[cfg(target_arch = "x86_64")]
    {
        const UPROBE: libc::c_long = 336;
        // SAFETY: takes nothing; called from outside of a trampoline it only answers an error.
        let answer = unsafe { libc::syscall(UPROBE) };
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::ENXIO) if answer < 0 => OptimisedNop::Broken,
            Some(libc::EPROTO) if answer < 0 => OptimisedNop::Safe,
            _ => OptimisedNop::None,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    OptimisedNop::None
}

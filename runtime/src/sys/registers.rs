//! The registers that a stack walk starts from.
//!
//! Read at a suspension and at a growth, for the probes; never written.

/// A program counter with the stack and frame pointers that belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    /// An address within the function that was captured.
    pub(crate) pc: u64,
    /// The stack pointer there.
    pub(crate) sp: u64,
    /// The frame pointer register; without frame pointers an ordinary value.
    pub(crate) fp: u64,
}

/// The registers of the function that calls this one (it is always inlined).
#[inline(always)]
pub(crate) fn capture() -> Registers {
    let (pc, sp, fp): (u64, u64, u64);
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: the instructions only copy registers; memory and flags are left alone.
    unsafe {
        std::arch::asm!(
            "lea {pc}, [rip]",
            "mov {sp}, rsp",
            "mov {fp}, rbp",
            pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: the instructions only copy registers; memory and flags are left alone.
    unsafe {
        std::arch::asm!(
            "adr {pc}, .",
            "mov {sp}, sp",
            "mov {fp}, x29",
            pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    #[cfg(miri)]
    {
        (pc, sp, fp) = (0, 0, 0);
    }
    Registers { pc, sp, fp }
}

/// The stack pointer of the function that calls this one.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    capture().sp as usize
}

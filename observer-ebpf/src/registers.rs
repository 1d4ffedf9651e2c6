//! The arguments of a probe, in the contract's fixed registers, and where the thread's stack is:
//! read from the interrupted thread's `pt_regs`.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::programs::ProbeContext;
use runtime_abi::MAX_ARGUMENTS;

/// Where argument `i` lies in `pt_regs`, in words of 64 bits: rdi, rsi, rdx, rcx, r8, r9, rax,
/// r10, r11, r12.
#[cfg(not(bpf_target_arch = "aarch64"))]
const PLACES: [usize; MAX_ARGUMENTS] = [14, 13, 12, 11, 9, 8, 10, 7, 6, 3];

/// Where argument `i` lies in `user_pt_regs`, in words of 64 bits: x0 to x9.
#[cfg(bpf_target_arch = "aarch64")]
const PLACES: [usize; MAX_ARGUMENTS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// Where the program counter, the stack pointer, the frame pointer and, if the processor has one,
/// the link register lie in `pt_regs`: rip, rsp, rbp.
#[cfg(not(bpf_target_arch = "aarch64"))]
const FRAME: (usize, usize, usize, Option<usize>) = (16, 19, 4, None);

/// Likewise in `user_pt_regs`: pc, sp, x29, x30.
#[cfg(bpf_target_arch = "aarch64")]
const FRAME: (usize, usize, usize, Option<usize>) = (32, 31, 29, Some(30));

/// Where a thread is, and where its stack is.
#[derive(Clone, Copy)]
pub struct Frame {
    /// The program counter.
    pub pc: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The frame pointer register.
    pub fp: u64,
    /// The link register; 0 where the processor has none.
    pub link: u64,
}

/// The registers of the thread that hit a probe.
#[derive(Clone, Copy)]
pub struct Registers(*const u64);

impl Registers {
    /// The registers of the hit.
    #[inline(always)]
    pub fn new(context: &ProbeContext) -> Self {
        Self(context.as_ptr().cast_const().cast())
    }

    /// Argument `N` of the probe, from 0.
    #[inline(always)]
    pub fn argument<const N: usize>(self) -> u64 {
        const { assert!(N < MAX_ARGUMENTS) };
        self.at(PLACES[N])
    }

    /// Where the thread is.
    #[inline(always)]
    pub fn frame(self) -> Frame {
        let (pc, sp, fp, link) = FRAME;
        Frame {
            pc: self.at(pc),
            sp: self.at(sp),
            fp: self.at(fp),
            link: link.map_or(0, |link| self.at(link)),
        }
    }

    /// Always called with a constant.
    #[inline(always)]
    fn at(self, place: usize) -> u64 {
        // SAFETY: every place lies within `pt_regs`, to which the context points.
        let place = unsafe { self.0.add(place) };
        // SAFETY: as above; volatile, so that each read is one load at a constant offset from
        // the context, the only form that the verifier allows.
        unsafe { place.read_volatile() }
    }
}

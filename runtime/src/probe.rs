//! The probes: one SystemTap SDT v3 note, one semaphore and one cold function per probe name.
//!
//! The rest of the runtime calls `probe::NAME(…)` with 64-bit arguments. While nobody listens,
//! that is one load of the probe's semaphore and one branch, inlined at the caller. When the
//! semaphore is raised it calls the probe's cold function, which is never inlined and holds the
//! only site of that name:
//!
//! ```text
//!            rdi rsi rdx rcx r8 r9 rax r10 r11 r12     arguments 0 to 9, as many as there are
//! location:  90                                        nop; an observer's breakpoint goes here
//!            66 2e 0f 1f 84 00 00 00 00 00             nop; newer kernels make this one a call
//! ```
//!
//! The registers are the same before and after: a tracer reads them and changes nothing. The
//! code pushes nothing, so the frame's unwind information stays the compiler's. The asm does not
//! claim `nostack`: a kernel that turns the nop into a call pushes a return address, so nothing
//! may lie below the stack pointer. It does not claim `nomem` either, so all that the program
//! wrote before is in memory when a tracer looks.
//!
//! Names, order and meaning of the arguments are the table in `runtime_abi`;
//! `tests/probes.rs` holds built ELF files against it. Under Miri and loom, and on processors
//! for which no registers are agreed, the probes do nothing.

use crate::primitive::static_atomic::{AtomicBool, AtomicU32, Ordering};
use std::cell::UnsafeCell;

/// A probe's semaphore: how many listeners there are. The kernel or a debugger writes it, from
/// outside of the program, hence the volatile read.
///
/// Beside it is a flag of the program's own, for one that wants what the probe's arguments are made
/// of without the probe: one load asks for both.
#[repr(C, align(4))]
struct Semaphore {
    listeners: UnsafeCell<u16>,
    inside: UnsafeCell<u16>,
}

// SAFETY: the listeners are not written by the program itself, and read volatile; the flag is read
// and written by atomic operations only.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    const fn new() -> Self {
        Self {
            listeners: UnsafeCell::new(0),
            inside: UnsafeCell::new(0),
        }
    }

    #[inline(always)]
    fn listeners(&self) -> u16 {
        // SAFETY: the cell is a valid static; any value of a u16 is valid.
        unsafe { self.listeners.get().read_volatile() }
    }

    /// Whether anyone listens, or the program itself wants to know.
    #[inline(always)]
    fn is_wanted(&self) -> bool {
        self.both().load(Ordering::Relaxed) != 0
    }

    fn set_inside(&self, wanted: bool) {
        let flag = u32::from_ne_bytes([0, 0, 1, 0]);
        // An atomic change of both halves leaves the listeners alone, also while the kernel, which
        // writes its two bytes with one store, counts one more.
        if wanted {
            self.both().fetch_or(flag, Ordering::Relaxed);
        } else {
            self.both().fetch_and(!flag, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn both(&self) -> &AtomicU32 {
        // SAFETY: four bytes at an address that is a multiple of four, in a static's cells.
        unsafe { AtomicU32::from_ptr((&raw const *self).cast_mut().cast()) }
    }
}

/// Aligns the section of the semaphores to a page, and takes no room in it.
///
/// Some linkers (LLD, Rust's own on Linux) end one writable segment and begin the next in one
/// page of the file, so the loader maps that page twice. The kernel raises a semaphore in the
/// first writable mapping of its page, which while a program starts can be the other one: the
/// probe would have its breakpoint and never fire. A page of the file that begins with the
/// semaphores is mapped once.
#[cfg_attr(target_arch = "x86_64", repr(align(4096)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(align(65536)))]
struct PageStart(UnsafeCell<[u16; 0]>);

// SAFETY: there is nothing in it.
unsafe impl Sync for PageStart {}

/// Set in a child of a fork, which shares the parent's raised semaphores but has no monitor.
static DISARMED: AtomicBool = AtomicBool::new(false);

/// Makes every probe of this process a no-op for ever: called in the child of a fork.
///
/// Async-signal-safe.
pub(crate) fn disarm() {
    DISARMED.store(true, Ordering::Relaxed);
}

/// Whether [`disarm`] was called.
pub(crate) fn is_disarmed() -> bool {
    DISARMED.load(Ordering::Relaxed)
}

/// Fires the site of one probe: pairs each argument with its register, then emits the note.
#[cfg(all(not(any(miri, loom)), target_os = "linux", target_arch = "x86_64"))]
macro_rules! site {
    ($name:ident, $semaphore:ident, $($argument:ident)*) => {
        site!(@pair $name $semaphore [$($argument)*]
            ["rdi" "rsi" "rdx" "rcx" "r8" "r9" "rax" "r10" "r11" "r12"] [])
    };
    (@nops) => { "nop\n.byte 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0" };
    (@operand $register:tt) => { concat!("8@%", $register) };
    ($($pairing:tt)*) => { site_pairs!($($pairing)*) };
}

/// Fires the site of one probe: pairs each argument with its register, then emits the note.
#[cfg(all(not(any(miri, loom)), target_os = "linux", target_arch = "aarch64"))]
macro_rules! site {
    ($name:ident, $semaphore:ident, $($argument:ident)*) => {
        site!(@pair $name $semaphore [$($argument)*]
            ["x0" "x1" "x2" "x3" "x4" "x5" "x6" "x7" "x8" "x9"] [])
    };
    (@nops) => { "nop" };
    (@operand $register:tt) => { concat!("8@", $register) };
    ($($pairing:tt)*) => { site_pairs!($($pairing)*) };
}

/// The part of `site!` that is the same on every processor.
///
/// The note: sizes of name and descriptor, type 3, `stapsdt`, then location, base, semaphore
/// and three strings. The base section is kept by `R` (some linkers drop it otherwise) and is
/// one in a program however many objects bring it (`G`, comdat).
#[cfg(all(
    not(any(miri, loom)),
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
macro_rules! site_pairs {
    (@pair $n:ident $s:ident [$a:ident $($as:ident)*] [$r:tt $($rs:tt)*] [$($done:tt)*]) => {
        site!(@pair $n $s [$($as)*] [$($rs)*] [$($done)* ($a $r)])
    };
    (@pair $n:ident $s:ident [] $unused:tt [($a:ident $r:tt) $(($as:ident $rs:tt))*]) => {
        // SAFETY: the instructions are nops; the sections beside them are data for tracers.
        unsafe {
            std::arch::asm!(
                "990:",
                site!(@nops),
                ".pushsection .note.stapsdt, \"\", \"note\"",
                ".balign 4",
                ".4byte 992f - 991f, 994f - 993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                ".8byte {semaphore}",
                ".asciz \"parkwatch\"",
                concat!(".asciz \"", stringify!($n), "\""),
                concat!(".asciz \"", site!(@operand $r), $(" ", site!(@operand $rs),)* "\""),
                "994: .balign 4",
                ".popsection",
                ".ifndef _.stapsdt.base",
                ".pushsection .stapsdt.base, \"aGR\", \"progbits\", .stapsdt.base, comdat",
                ".weak _.stapsdt.base",
                ".hidden _.stapsdt.base",
                "_.stapsdt.base: .space 1",
                ".size _.stapsdt.base, 1",
                ".popsection",
                ".endif",
                semaphore = sym $s,
                in($r) $a,
                $(in($rs) $as,)*
                options(preserves_flags),
            );
        }
    };
}

/// Elsewhere a probe is its arguments, unused.
#[cfg(not(all(
    not(any(miri, loom)),
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
macro_rules! site {
    ($name:ident, $semaphore:ident, $($argument:ident)*) => {{
        let _ = ($($argument,)*);
    }};
}

macro_rules! probes {
    ($($(#[$doc:meta])* $name:ident, $armed:ident: $($argument:ident)*;)*) => {
        $(
            $(#[$doc])*
            #[inline(always)]
            #[expect(clippy::allow_attributes, reason = "some probes have no caller yet")]
            #[allow(dead_code, clippy::too_many_arguments)]
            pub(crate) fn $name($($argument: u64),*) {
                if $armed() {
                    cold::$name($($argument),*);
                }
            }

            /// Whether anyone listens to the probe of this name.
            #[inline(always)]
            pub(crate) fn $armed() -> bool {
                semaphore::$name.listeners() != 0
            }
        )*

        #[allow(non_upper_case_globals)]
        mod semaphore {
            use super::{PageStart, Semaphore};

            #[cfg_attr(target_os = "linux", unsafe(link_section = ".probes"))]
            pub(super) static page_start: PageStart =
                PageStart(std::cell::UnsafeCell::new([]));

            $(
                #[cfg_attr(target_os = "linux", unsafe(link_section = ".probes"))]
                pub(super) static $name: Semaphore = Semaphore::new();
            )*
        }

        mod cold {
            use super::*;

            $(
                #[cold]
                #[inline(never)]
                #[allow(clippy::too_many_arguments)]
                pub(super) fn $name($($argument: u64),*) {
                    use super::semaphore::$name as semaphore;
                    let _ = &semaphore;
                    if is_disarmed() {
                        return;
                    }
                    site!($name, semaphore, $($argument)*);
                }
            )*
        }

        /// The addresses of all cold functions: whoever reads them keeps every probe in the
        /// program, also those that it has no caller for.
        fn addresses() -> [usize; runtime_abi::PROBES.len()] {
            [$(cold::$name as *const () as usize),*]
        }
    };
}

probes! {
    /// A task was created.
    spawn, spawn_armed: task site parent;
    /// A task begins to run on a worker.
    run, run_armed: task site worker runnable_ns;
    /// A task stops running until someone unparks it.
    park, park_armed: task site reason resource owner;
    /// A parked task was made runnable.
    unpark, unpark_armed: task site parked_ns waker;
    /// A task ended.
    exit, exit_armed: task site outcome;
    /// A task's stack window was widened. Async-signal-safe.
    stack_grow, stack_grow_armed: task site old_bytes new_bytes fault_pc sp fp;
    /// The cumulative counters of one site.
    ledger, ledger_armed:
        site spawned returned panicked cancelled parks yields growths stack_bytes;
    /// How many tasks of a site are stalled for one reason.
    parked, parked_armed: site reason stalled oldest_ns;
    /// One task that is parked for longer than the stall period.
    stall, stall_armed: task site reason resource owner parked_ns pc sp fp;
    /// A stalled task goes on, or ended.
    unstall, unstall_armed: task site reason parked_ns;
    /// An object pool's counters.
    pool, pool_armed: site retained_bytes hits misses;
    /// The process's own counters.
    monitor, monitor_armed: schema live runnable workers idle_workers handoffs steals
        stack_bytes stack_bytes_cached stall_period_ns;
    /// One task of a dump.
    task, task_armed: task site state reason resource owner parked_ns pc sp fp;
}

/// Whether times are to be taken when a task becomes runnable and when it runs: somebody listens to
/// `run`, or the program measures itself.
#[inline(always)]
pub(crate) fn is_run_timed() -> bool {
    semaphore::run.is_wanted()
}

/// Whether the program measures itself.
pub(crate) fn time_runs(wanted: bool) {
    semaphore::run.set_inside(wanted);
}

/// How many listen to `task`: each of them wants to see every task once.
pub(crate) fn task_listeners() -> u16 {
    semaphore::task.listeners()
}

/// Keeps all probes in the program, whatever it uses: called once by the monitor.
pub(crate) fn keep() {
    std::hint::black_box(addresses());
    std::hint::black_box(&raw const semaphore::page_start);
}

//! The kernel programs: one entry point per probe, in table order, and two that follow
//! processes; the event probes have a second one each, for a trace.
//!
//! The observer's `attach` stage loads the object and links `on_<probe>` to the probe's sites.
//! An entry point names its probe and its handler, nothing else; handlers never loop, but for the
//! walk of a stack, which ends after 32 frames, and the copy of one, in bounded pieces; and every
//! refusal by a map or the ring is counted by cause ([`loss`]). In ledger mode nothing is kept per
//! task but where a stalled one is parked: what is current is overwritten by the next report, and a
//! stall is a record in the ring.
//!
//! | file | what |
//! |---|---|
//! | [`hit`] | what every probe's program does before and after its handler |
//! | [`ledger`], [`stall`] | handlers of the ledger probes |
//! | [`stack`] | the frame pointers of a task that stalls |
//! | [`events`], [`faults`] | handlers of the event probes |
//! | [`trace`], [`spawn_stack`] | the event probes once more, for a trace |
//! | [`process`] | incarnations, accepted cookies, exec and exit |
//! | [`maps`], [`registers`], [`emit`], [`loss`], [`cost`] | what they share |
#![no_std]
#![no_main]
// The target has atomic additions, which `core` offers as intrinsics only.
#![feature(core_intrinsics)]
#![allow(internal_features)]
// aya's attributes make a second function of each entry point and drop its documentation.
#![allow(missing_docs)]
// A value passed by itself is copied to the program's stack, which has 512 bytes.
#![allow(clippy::needless_borrows_for_generic_args)]

mod cost;
mod emit;
mod events;
mod faults;
mod hit;
mod ledger;
mod loss;
mod maps;
mod process;
mod registers;
mod site;
mod spawn_stack;
mod stack;
mod stall;
mod trace;

use aya_ebpf::macros::{raw_tracepoint, uprobe};
use aya_ebpf::programs::{ProbeContext, RawTracePointContext};
use runtime_abi::ProbeId;

macro_rules! entry_points {
    ($($entry:ident: $probe:ident => $handler:path,)*) => {$(
        #[doc = concat!("Entry point of [`ProbeId::", stringify!($probe), "`].")]
        #[uprobe]
        pub fn $entry(context: ProbeContext) -> u32 {
            hit::handle(&context, ProbeId::$probe, $handler)
        }
    )*};
}

entry_points! {
    on_spawn: Spawn => events::spawn,
    on_run: Run => events::run,
    on_park: Park => events::park,
    on_unpark: Unpark => events::unpark,
    on_exit: Exit => events::exit,
    on_stack_grow: StackGrow => events::stack_grow,
    on_ledger: Ledger => ledger::ledger,
    on_parked: Parked => ledger::parked,
    on_stall: Stall => stall::stall,
    on_unstall: Unstall => stall::unstall,
    on_pool: Pool => ledger::pool,
    on_monitor: Monitor => ledger::monitor,
    on_task: Task => stall::task,
}

macro_rules! trace_entry_points {
    ($($entry:ident: $probe:ident,)*) => {$(
        #[doc = concat!("Entry point of [`ProbeId::", stringify!($probe), "`] in a trace.")]
        #[uprobe]
        pub fn $entry(context: ProbeContext) -> u32 {
            // Behind task and site.
            const ARGUMENTS: usize = ProbeId::$probe.probe().arguments.len() - 2;
            trace::trace::<ARGUMENTS>(&context, ProbeId::$probe)
        }
    )*};
}

trace_entry_points! {
    trace_spawn: Spawn,
    trace_run: Run,
    trace_park: Park,
    trace_unpark: Unpark,
    trace_exit: Exit,
    trace_stack_grow: StackGrow,
}

/// A thread exits: `sched_process_exit`.
#[raw_tracepoint]
pub fn on_thread_exit(context: RawTracePointContext) -> i32 {
    process::exit(&context);
    0
}

/// A thread group executes a new program: `sched_process_exec`.
#[raw_tracepoint]
pub fn on_exec(context: RawTracePointContext) -> i32 {
    process::exec(&context);
    0
}

/// Helpers that trace are for programs under a GPL-compatible licence.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

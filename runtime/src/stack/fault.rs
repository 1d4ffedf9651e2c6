//! The SIGSEGV handler: a fault in a stack's guard opens it, an overflow ends the process, and
//! every other fault goes to the handler that was there before.
//!
//! It runs on the worker's alternate stack, in the middle of any code. So it allocates nothing,
//! takes no lock, reads no thread-local but the C library's error number, and finds the stack by
//! the address that was touched, not by the task that runs: tasks touch each other's stacks.
//!
//! # Other people's handlers
//!
//! One that was installed before ours is called for faults that are not ours. One that is
//! installed later replaces ours, and [`watch_signal_handlers`] puts ours in front of it again.
//! The later one may itself call what it replaced, so ours comes in front under a new name with
//! its own predecessor; no handler is ever called by one that it calls:
//!
//! ```text
//!   kernel ─▶ entry 1 ─▶ the user's ─▶ entry 0 ─▶ what was there first
//! ```
//!
//! There are four entries: a fifth different handler stays in front of ours, and growth then
//! depends on its passing faults on.

use super::StackOwner;
use super::growth::{self, Growth};
use super::overflow;
use super::slab::{self, Place};
use crate::primitive::static_sync::Mutex;
use crate::sys::signal::{
    self, Action, AlternateStack, Fault, Handler, MEMORY_FAULT, SavedAction, SignalInfo,
};
use std::ffi::{c_int, c_void};
use std::sync::PoisonError;

/// What handlers may use of a worker's alternate stack: ours, and those that run there with it.
const SIGNAL_STACK_BYTES: usize = 64 * 1024;

/// How many times ours comes in front of a handler installed later.
const ENTRIES: usize = 4;

pub(super) static HANDLERS: [Handler; ENTRIES] = [entry::<0>, entry::<1>, entry::<2>, entry::<3>];
static PREVIOUS: [SavedAction; ENTRIES] = [const { SavedAction::empty() }; ENTRIES];

/// How many entries have been installed.
static INSTALLED: Mutex<usize> = Mutex::new(0);

/// A worker thread's alternate signal stack, for as long as it runs tasks. Dropped on the
/// thread that made it.
pub(crate) struct SignalStack(#[allow(dead_code, reason = "kept for its drop")] AlternateStack);

/// Makes the calling thread able to run tasks: gives it an alternate stack, and the process the
/// fault handler if it has none yet.
///
/// # Panics
///
/// If there is no memory for the alternate stack.
pub(crate) fn install_worker_handler() -> SignalStack {
    put_in_front();
    match AlternateStack::install(SIGNAL_STACK_BYTES) {
        Ok(stack) => SignalStack(stack),
        Err(errno) => panic!("no alternate signal stack for a worker thread: {errno}"),
    }
}

/// Looks after the process's signal handlers, once workers run: puts ours in front of one that
/// was installed later, and moves handlers to alternate stacks. For the monitor, about once a
/// second: some 70 short system calls.
pub(crate) fn watch_signal_handlers() {
    if *installed() > 0 {
        put_in_front();
        signal::move_handlers_to_alternate_stacks();
    }
}

fn installed() -> std::sync::MutexGuard<'static, usize> {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put_in_front() {
    let mut installed = installed();
    let Some(current) = Action::current(MEMORY_FAULT) else {
        return;
    };
    if HANDLERS.iter().any(|handler| current.calls(*handler)) {
        return;
    }
    let known = (0..*installed).find(|&entry| saved_is(entry, &current));
    let entry = known.unwrap_or(*installed);
    let Some(handler) = HANDLERS.get(entry) else {
        return;
    };
    PREVIOUS[entry].set(current);
    if let Some(replaced) = Action::call(*handler).install(MEMORY_FAULT)
        && !replaced.is_same_function(&current)
    {
        PREVIOUS[entry].set(replaced);
    }
    *installed = (*installed).max(entry + 1);
}

fn saved_is(entry: usize, current: &Action) -> bool {
    PREVIOUS[entry]
        .get()
        .is_some_and(|saved| saved.is_same_function(current))
}

/// What a fault turned out to be. Overflows do not return.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The stack is open there now: the instruction runs again.
    Resolved,
    /// Not a stack's guard, or not the fault of the stack's owner.
    Foreign,
}

extern "C" fn entry<const ENTRY: usize>(
    signal: c_int,
    info: *mut SignalInfo,
    context: *mut c_void,
) {
    signal::keeping_errno(|| {
        // SAFETY: the kernel, or a handler that passes its own arguments on, calls this.
        let fault = unsafe { Fault::read(info, context) };
        if judge(&fault) == Verdict::Foreign {
            // SAFETY: as above.
            unsafe { signal::pass_on(PREVIOUS[ENTRY].get(), signal, info, context) };
        }
    });
}

fn judge(fault: &Fault) -> Verdict {
    if fault.address == 0 || fault.is_instruction_fetch() {
        return Verdict::Foreign;
    }
    let Some(place) = slab::find(fault.address) else {
        return Verdict::Foreign;
    };
    let Some(owner) = place.slot.owner() else {
        return Verdict::Foreign;
    };
    match growth::grow(place.slot, fault.address, fault.registers) {
        Growth::Open => Verdict::Resolved,
        Growth::BeyondLimit => end_if_overflow(place, owner, fault),
        Growth::Refused(errno) => {
            overflow::abort_unopened(owner, place.slot.open_bytes(), errno);
        }
    }
}

/// A touch below the limit by code that runs on this stack is its overflow; by any other code it
/// is a wild pointer, and none of our business.
fn end_if_overflow(place: Place, owner: StackOwner, fault: &Fault) -> Verdict {
    let sp = fault.registers.sp as usize;
    if (place.start..place.end).contains(&sp) {
        overflow::abort_overflowed(owner, place.end - place.slot.floor());
    }
    Verdict::Foreign
}

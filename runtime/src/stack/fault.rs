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
//! The later one may itself call what it replaced, so ours comes in front under a new name, an
//! *entry* with its own predecessor:
//!
//! ```text
//!   kernel ─▶ entry 1 ─▶ the user's ─▶ entry 0 ─▶ what was there first
//! ```
//!
//! That is a ring as soon as the user's is installed again and takes entry 1 for what it
//! replaced: where each makes sure that it is in front, both are right to do so. So a fault
//! carries its *trail*, the entries that it has come through, and each handler is asked once: a
//! fault that comes to an entry for the second time, or to one whose predecessor was asked by
//! another, goes on to the next older entry's predecessor. Behind the oldest is the default: the
//! process ends by the signal. The trail is a word of what the kernel wrote for this one fault,
//! in the end of the description, which it leaves zero: a table by thread would keep what a handler
//! left behind that jumped out of the fault. A handler that passes on a description of its own
//! making cuts it off.
//!
//! There are four entries, and a handler that was in front before gets the entry that it had. So
//! the fourth different handler that is installed after ours stays in front of it, and growth
//! then depends on its passing faults on.

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
    save(entry, current);
    if let Some(replaced) = Action::call(*handler).install(MEMORY_FAULT)
        && !replaced.is_same_function(&current)
    {
        save(entry, replaced);
    }
    *installed = (*installed).max(entry + 1);
}

/// What is saved is never freed, so what is there already is not saved again: handlers may put
/// themselves in front for as long as the process lives.
fn save(entry: usize, action: Action) {
    if PREVIOUS[entry].get() != Some(&action) {
        PREVIOUS[entry].set(action);
    }
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
            let word = unsafe { signal::unused_word(info) };
            // SAFETY: part of the description, and the borrow ends before anyone else is called.
            let trail = unsafe { &mut *word };
            let next = next_on(trail, ENTRY, |entry| PREVIOUS[entry].get());
            // SAFETY: as above.
            unsafe { signal::pass_on(next, signal, info, context) };
        }
    });
}

/// Whom a fault on this trail that came to `entry` goes to; `None`: all were asked.
fn next_on<'a>(
    trail: &mut u64,
    entry: usize,
    previous: impl Fn(usize) -> Option<&'a Action>,
) -> Option<&'a Action> {
    (0..=entry).rev().find_map(|entry| {
        let was_here = *trail & 1 << entry != 0;
        let action = previous(entry)?;
        let was_asked = (0..ENTRIES)
            .filter(|&other| *trail & 1 << other != 0)
            .any(|other| previous(other).is_some_and(|asked| asked.is_same_function(action)));
        *trail |= 1 << entry;
        (!was_here && !was_asked).then_some(action)
    })
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

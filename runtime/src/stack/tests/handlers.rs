//! Other people's fault handlers that are installed again and again around ours, each calling what
//! it replaced: a fault that is nobody's must still reach the first one, or end the process.

use super::*;
use crate::primitive::static_atomic::{AtomicUsize, Ordering};
use crate::stack::watch_signal_handlers;
use crate::sys::mem::{self, Access, PAGE_BYTES};
use crate::sys::signal::{Handler, MEMORY_FAULT, SignalInfo};
use crate::sys::trial;
use std::ffi::{c_int, c_void};
use std::os::unix::process::ExitStatusExt;

const SIGSEGV: i32 = 11;
const SA_NODEFER: i32 = 0x4000_0000;
const SA_ONSTACK: i32 = 0x0800_0000;

/// What a child ends with whose handlers call each other without end.
const WENT_ROUND: i32 = 99;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static REPLACED: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// A handler with one memory for what it replaced, as most have: the last installation counts.
extern "C" fn chain<const WHICH: usize>(
    signal: c_int,
    info: *mut SignalInfo,
    context: *mut c_void,
) {
    if CALLS.fetch_add(1, Ordering::Relaxed) > 100 {
        trial::exit_now(WENT_ROUND);
    }
    let replaced = REPLACED[WHICH].load(Ordering::Relaxed);
    assert_ne!(replaced, 0, "ours was there before");
    // SAFETY: `install` keeps functions of this type only.
    let replaced: Handler = unsafe { std::mem::transmute(replaced) };
    replaced(signal, info, context);
}

/// Installs a chaining handler, and then ours in front of it.
fn install<const WHICH: usize>() {
    let replaced = trial::handle(MEMORY_FAULT, chain::<WHICH>, SA_ONSTACK | SA_NODEFER);
    let replaced = replaced.expect("ours is installed");
    REPLACED[WHICH].store(replaced as usize, Ordering::Relaxed);
    watch_signal_handlers();
}

/// Reads where nothing can ever be.
fn follow_a_wild_pointer() {
    // SAFETY: none: the fault is what is wanted, and the process does not survive it.
    unsafe { black_box(64 as *const u8).read_volatile() };
}

extern "C" fn exit_with_21(_: c_int, _: *mut SignalInfo, _: *mut c_void) {
    trial::exit_now(21);
}

#[test]
fn a_handler_installed_again_around_ours_does_not_end_up_calling_itself() {
    let output = in_child(
        concat!(
            module_path!(),
            "::a_handler_installed_again_around_ours_does_not_end_up_calling_itself"
        ),
        || {
            run(site(), || ());
            install::<0>();
            install::<0>();
            run(site(), follow_a_wild_pointer);
        },
    );
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{:?}", output.status);
}

#[test]
fn two_handlers_that_take_turns_in_front_both_leave_a_fault_to_the_first() {
    let output = in_child(
        concat!(
            module_path!(),
            "::two_handlers_that_take_turns_in_front_both_leave_a_fault_to_the_first"
        ),
        || {
            trial::handle(MEMORY_FAULT, exit_with_21, SA_ONSTACK);
            run(site(), || ());
            for _ in 0..5 {
                install::<0>();
                install::<1>();
            }
            // Ours is still in front: stacks grow without anyone else being asked.
            let grown = site();
            run(grown, || recurse(150 * 1024));
            assert!(growths(grown) > 0);
            assert_eq!(CALLS.load(Ordering::Relaxed), 0);
            run(site(), follow_a_wild_pointer);
        },
    );
    assert_eq!(
        output.status.code(),
        Some(21),
        "{:?} {}",
        output.status,
        errors(&output)
    );
}

/// Opens the page that was touched.
extern "C" fn open(_: c_int, info: *mut SignalInfo, _: *mut c_void) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the kernel's description of a signal, for as long as this runs.
    let info = unsafe { &*info };
    // SAFETY: the signal is a memory fault.
    let address = unsafe { info.si_addr() } as usize;
    // SAFETY: the page is one of the test's, and nothing refers to it.
    let opened =
        unsafe { mem::protect(address & !(PAGE_BYTES - 1), PAGE_BYTES, Access::ReadWrite) };
    opened.unwrap();
}

#[test]
fn every_fault_begins_a_trail_of_its_own() {
    let output = in_child(
        concat!(module_path!(), "::every_fault_begins_a_trail_of_its_own"),
        || {
            const PAGES: usize = 3;
            trial::handle(MEMORY_FAULT, open, SA_ONSTACK);
            let base = mem::reserve(PAGES * PAGE_BYTES, PAGE_BYTES, Access::None).unwrap();
            run(site(), move || {
                for page in 0..PAGES {
                    // SAFETY: reserved above, and opened by the handler.
                    unsafe { ((base + page * PAGE_BYTES) as *mut u8).write_volatile(1) };
                }
            });
            assert_eq!(CALLS.load(Ordering::Relaxed), PAGES);
        },
    );
    assert!(
        output.status.success(),
        "{:?} {}",
        output.status,
        errors(&output)
    );
}

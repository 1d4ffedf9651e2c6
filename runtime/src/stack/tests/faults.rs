//! The fault handler among others: overflows, wild pointers, other people's handlers, forks.

use super::*;
use crate::stack::layout::GAP_BYTES;
use crate::stack::watch_signal_handlers;
use crate::sys::signal::{MEMORY_FAULT, SignalInfo};
use crate::sys::trial::{self, End};
use std::ffi::{c_int, c_void};
use std::os::unix::process::ExitStatusExt;

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;
const SIGUSR1: i32 = 10;
const SA_NODEFER: i32 = 0x4000_0000;
const SA_ONSTACK: i32 = 0x0800_0000;

#[test]
fn an_overflow_names_task_site_and_limit_and_aborts() {
    let output = in_child(
        concat!(
            module_path!(),
            "::an_overflow_names_task_site_and_limit_and_aborts"
        ),
        || {
            run(site(), || recurse_for_ever(1));
        },
    );
    assert_eq!(output.status.signal(), Some(SIGABRT));
    let message = errors(&output);
    assert!(
        message.contains("task 7.3 'stack test', spawned at "),
        "{message}"
    );
    assert!(message.contains("stack/tests/faults.rs:"), "{message}");
    assert!(message.contains("its limit is 262144 bytes"), "{message}");
    assert!(
        message.contains("fatal runtime error: stack overflow, aborting"),
        "{message}"
    );
}

extern "C" fn touch_nothing(_argument: usize) {}

/// A frame as foreign code makes it: nothing is touched but its far end.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_frame_of_64_kib_without_probes_grows_at_every_offset() {
    let site = site();
    for offset in (0..GAP_BYTES).step_by(1008) {
        run(site, move || {
            let below = || trial::call_lower(GAP_BYTES, touch_nothing, 0);
            descend(offset, &below);
        });
    }
    assert!(growths(site) > 0);
}

/// Whatever is left of the limit, a frame smaller than the gap ends in the own gap.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_frame_that_jumps_over_the_limit_overflows_and_spares_the_neighbour() {
    let output = in_child(
        concat!(
            module_path!(),
            "::a_frame_that_jumps_over_the_limit_overflows_and_spares_the_neighbour"
        ),
        || {
            run(site(), || {
                let here = crate::sys::registers::stack_pointer();
                let place = crate::stack::slab::find(here).unwrap();
                let to_the_gap = here - place.slot.floor() + GAP_BYTES - 4096;
                trial::call_lower(to_the_gap, touch_nothing, 0);
            });
        },
    );
    assert_eq!(output.status.signal(), Some(SIGABRT));
    assert!(
        errors(&output).contains("has overflowed its stack"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_frame_of_64_kib_of_our_own_grows_at_every_offset() {
    #[inline(never)]
    fn large_frame(value: u8) -> u8 {
        let mut frame = [value; 64 * 1024];
        black_box(&mut frame);
        frame[usize::from(value)]
    }
    for offset in (0..40 * 1024).step_by(496) {
        let value = run(site(), move || {
            let result = std::cell::Cell::new(0);
            descend(offset, &|| result.set(large_frame(9)));
            result.get()
        });
        assert_eq!(value, 9);
    }
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
fn a_foreign_fault_reaches_the_handler_that_was_there_before() {
    let output = in_child(
        concat!(
            module_path!(),
            "::a_foreign_fault_reaches_the_handler_that_was_there_before"
        ),
        || {
            trial::handle(MEMORY_FAULT, exit_with_21, SA_ONSTACK);
            run(site(), || recurse(60 * 1024));
            run(site(), follow_a_wild_pointer);
        },
    );
    assert_eq!(output.status.code(), Some(21), "{}", errors(&output));
}

#[test]
fn a_handler_installed_later_gets_foreign_faults_and_no_growths() {
    let output = in_child(
        concat!(
            module_path!(),
            "::a_handler_installed_later_gets_foreign_faults_and_no_growths"
        ),
        || {
            run(site(), || recurse(60 * 1024));
            trial::handle(MEMORY_FAULT, exit_with_21, SA_NODEFER);
            watch_signal_handlers();
            let grown = site();
            run(grown, || recurse(150 * 1024));
            assert!(growths(grown) > 0);
            run(site(), follow_a_wild_pointer);
        },
    );
    assert_eq!(output.status.code(), Some(21), "{}", errors(&output));
}

/// A later handler that calls what it replaced, as handlers should.
mod chaining {
    use super::*;
    use crate::sys::signal::Handler;
    use std::sync::OnceLock;

    static REPLACED: OnceLock<Handler> = OnceLock::new();

    pub(super) fn install(replaced: Handler) {
        REPLACED.set(replaced).unwrap();
        trial::handle(MEMORY_FAULT, chain, SA_ONSTACK);
    }

    extern "C" fn chain(signal: c_int, info: *mut SignalInfo, context: *mut c_void) {
        REPLACED.get().unwrap()(signal, info, context);
    }
}

#[test]
fn a_later_handler_that_calls_ours_ends_at_the_first_one() {
    let output = in_child(
        concat!(
            module_path!(),
            "::a_later_handler_that_calls_ours_ends_at_the_first_one"
        ),
        || {
            trial::handle(MEMORY_FAULT, exit_with_21, SA_ONSTACK);
            run(site(), || recurse(60 * 1024));
            chaining::install(crate::stack::fault::HANDLERS[0]);
            watch_signal_handlers();
            run(site(), || recurse(150 * 1024));
            run(site(), follow_a_wild_pointer);
        },
    );
    assert_eq!(output.status.code(), Some(21), "{}", errors(&output));
}

#[test]
fn without_another_handler_a_wild_pointer_kills_as_ever() {
    let output = in_child(
        concat!(
            module_path!(),
            "::without_another_handler_a_wild_pointer_kills_as_ever"
        ),
        || run(site(), follow_a_wild_pointer),
    );
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{}", errors(&output));
}

#[test]
fn jumping_to_a_stack_is_a_foreign_fault() {
    let output = in_child(
        concat!(module_path!(), "::jumping_to_a_stack_is_a_foreign_fault"),
        || {
            run(site(), || {
                let code = [0xc3u8; 64];
                let address = black_box(&code).as_ptr();
                // SAFETY: none: stacks are not executable, and the process does not survive it.
                let jump: extern "C" fn() = unsafe { std::mem::transmute(address) };
                jump();
            });
        },
    );
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{}", errors(&output));
}

extern "C" fn use_stack(_: c_int, _: *mut SignalInfo, _: *mut c_void) {
    black_box([0u8; 2048]);
}

#[test]
fn a_foreign_handler_runs_at_every_distance_from_the_guard() {
    let output = in_child(
        concat!(
            module_path!(),
            "::a_foreign_handler_runs_at_every_distance_from_the_guard"
        ),
        || {
            trial::handle(SIGUSR1, use_stack, 0);
            run(site(), || ());
            watch_signal_handlers();
            for offset in (24 * 1024..36 * 1024).step_by(256) {
                run(site(), move || descend(offset, &|| trial::raise(SIGUSR1)));
            }
        },
    );
    assert!(
        output.status.success(),
        "{:?} {}",
        output.status,
        errors(&output)
    );
}

#[test]
fn a_forked_child_has_the_guards_and_the_handler() {
    let end = run(site(), || {
        trial::fork(|| i32::from(recurse(100 * 1024) < 100 * 1024))
    });
    assert_eq!(end, End::Exited(0));
}

#[test]
fn a_forked_child_overflows_with_an_abort() {
    let end = run(site(), || trial::fork(|| recurse_for_ever(1) as i32));
    assert_eq!(end, End::Killed(SIGABRT));
}

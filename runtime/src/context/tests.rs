//! The switch, by either implementation.

use super::*;
use crate::site;
use crate::stack::{Stack, StackCache, StackOwner, install_worker_handler};
use std::panic::Location;
use std::sync::{Arc, Mutex, mpsc};

#[track_caller]
fn stack() -> Stack {
    let site = site::intern(Location::caller(), Some("context test"), false);
    StackCache::new()
        .acquire(64 * 1024, StackOwner { task: 1, site })
        .expect("a stack")
}

fn suspend(suspender: Suspender) {
    // SAFETY: the bodies below call this with the suspender that they were given.
    unsafe { suspender.suspend(&RegisterCell::new()) };
}

#[test]
fn a_body_and_its_worker_take_turns() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&log);
    let mut context = Context::new(stack(), move |suspender| {
        theirs.lock().unwrap().push("body starts");
        suspend(suspender);
        theirs.lock().unwrap().push("body goes on");
    });
    log.lock().unwrap().push("made");
    assert_eq!(context.resume(), Switch::Suspended);
    log.lock().unwrap().push("suspended");
    assert_eq!(context.resume(), Switch::Finished);
    let log = log.lock().unwrap();
    assert_eq!(*log, ["made", "body starts", "suspended", "body goes on"]);
}

#[test]
fn locals_survive_a_suspension() {
    let (sender, receiver) = mpsc::channel();
    let mut context = Context::new(stack(), move |suspender| {
        let mut sum = 0u64;
        for step in 0..100 {
            sum += step;
            suspend(suspender);
        }
        sender.send(sum).unwrap();
    });
    for _ in 0..100 {
        assert_eq!(context.resume(), Switch::Suspended);
    }
    assert_eq!(context.resume(), Switch::Finished);
    assert_eq!(receiver.recv().unwrap(), 4950);
}

#[test]
fn a_stack_is_given_back_after_the_end_and_used_again() {
    let mut context = Context::new(stack(), |_| ());
    assert_eq!(context.resume(), Switch::Finished);
    let stack = context.into_stack();
    let mut context = Context::new(stack, suspend);
    assert_eq!(context.resume(), Switch::Suspended);
    assert_eq!(context.resume(), Switch::Finished);
}

#[test]
fn a_body_that_never_ran_is_dropped_with_its_context() {
    let held = Arc::new(());
    let theirs = Arc::clone(&held);
    drop(Context::new(stack(), move |_| drop(theirs)));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_body_goes_on_on_another_thread() {
    let mut context = Context::new(stack(), |suspender| {
        set_worker_word(worker_word());
        suspend(suspender);
        assert_eq!(worker_word(), 2);
    });
    set_worker_word(1);
    assert_eq!(context.resume(), Switch::Suspended);
    let other = std::thread::spawn(move || {
        let _handler = install_worker_handler();
        set_worker_word(2);
        context.resume()
    });
    assert_eq!(other.join().unwrap(), Switch::Finished);
    assert_eq!(worker_word(), 1);
    set_worker_word(0);
}

#[test]
fn a_panic_that_is_caught_within_the_body_stays_there() {
    let (sender, receiver) = mpsc::channel();
    let mut context = Context::new(stack(), move |suspender| {
        suspend(suspender);
        let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(5)));
        suspend(suspender);
        sender
            .send(*caught.unwrap_err().downcast::<i32>().unwrap())
            .unwrap();
    });
    while context.resume() == Switch::Suspended {}
    assert_eq!(receiver.recv().unwrap(), 5);
}

#[inline(never)]
#[cfg(not(any(miri, stand_in)))]
fn suspend_here(suspender: Suspender, registers: &RegisterCell) {
    // SAFETY: the body that was given the suspender calls this.
    unsafe { suspender.suspend(registers) };
}

#[cfg(not(any(miri, stand_in)))]
#[test]
fn a_suspension_keeps_where_the_body_is() {
    let registers = Arc::new(RegisterCell::new());
    let theirs = Arc::clone(&registers);
    let stack = stack();
    let (top, bottom) = (stack.top() as u64, stack.bottom() as u64);
    let mut context = Context::new(stack, move |suspender| suspend_here(suspender, &theirs));
    assert_eq!(registers.load(), SavedRegisters::default());
    assert_eq!(context.resume(), Switch::Suspended);
    let saved = registers.load();
    assert!(
        (bottom..top).contains(&saved.sp),
        "{saved:x?} not within {bottom:x}..{top:x}"
    );
    let function = suspend_here as *const () as u64;
    assert!(
        (function..function + 512).contains(&saved.pc),
        "{saved:x?} not in {function:x}"
    );
    assert_eq!(context.resume(), Switch::Finished);
}

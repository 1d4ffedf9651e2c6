//! Stacks at their ends: a panic that is told with its backtrace near a window's edge, and memory
//! that is given back when many deep tasks have ended.

mod stacks;

use std::panic::catch_unwind;
use std::time::Duration;

use runtime::sync::WaitGroup;
use runtime::{Builder, chan, introspect, sleep, spawn};
use stacks::{
    assert_success, descend, errors, in_child, in_child_with, on_stacks_of_their_own,
    resident_bytes,
};

#[inline(never)]
fn opens_the_wrong_drawer(distance: usize) {
    panic!("the drawer at {distance} is empty");
}

/// Names of functions take more stack than the first window has: the backtrace is made by a
/// debugger's code, below the frames that it names.
#[test]
fn a_panic_is_told_with_its_backtrace_at_every_distance_from_the_windows_edge() {
    const PANICS: usize = 32;
    let test = "a_panic_is_told_with_its_backtrace_at_every_distance_from_the_windows_edge";
    let output = in_child_with("1", test, || {
        Builder::new().workers(2).run(|| {
            on_stacks_of_their_own(PANICS, |number| {
                let panics = || descend(number * 1024, &mut || opens_the_wrong_drawer(number));
                assert!(catch_unwind(panics).is_err());
            });
        });
    });
    assert_success(&output);
    let told = errors(&output);
    for number in 0..PANICS {
        assert!(
            told.contains(&format!("the drawer at {number} is empty")),
            "{told}"
        );
    }
    let named = told.matches("stack_ends::opens_the_wrong_drawer").count();
    assert_eq!(named, PANICS, "{told}");
}

/// Waits until it is so: what the monitor does in its own time wakes nobody who could be asked.
fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_memory_of_deep_tasks_is_given_back_when_they_have_ended() {
    const TASKS: usize = 600;
    const DEPTH: usize = 100 * 1024;
    let test = "the_memory_of_deep_tasks_is_given_back_when_they_have_ended";
    let output = in_child(test, || {
        Builder::new().workers(2).run(|| {
            let before = resident_bytes();
            let deep = WaitGroup::new();
            let (release, released) = chan::bounded::<()>(1);
            let start = |_| {
                let (mut deep, released) = (Some(deep.clone()), released.clone());
                spawn(move || {
                    descend(DEPTH, &mut || {
                        drop(deep.take());
                        assert!(released.recv().is_err(), "nobody sends");
                    })
                })
            };
            let tasks: Vec<_> = (0..TASKS).map(start).collect();
            deep.wait();
            let peak = resident_bytes() - before;
            assert!(peak >= TASKS * DEPTH, "{peak} bytes at the peak");
            assert!(introspect::metrics().stack_used_bytes >= (TASKS * DEPTH) as u64);
            drop(release);
            for task in tasks {
                assert!(task.join().unwrap() >= DEPTH);
            }
            until(|| resident_bytes().saturating_sub(before) < peak / 4);
            until(|| introspect::metrics().stack_cached_bytes < (peak / 4) as u64);
            assert!(introspect::metrics().stack_used_bytes < (peak / 4) as u64);
        });
    });
    assert_success(&output);
}

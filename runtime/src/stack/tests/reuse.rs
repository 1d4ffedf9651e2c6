//! Stacks are kept, handed out again, and their pages given back when they lie idle.

use super::*;
use crate::stack::layout::{COLOURS, FIRST_WINDOW_BYTES};
use crate::stack::{StackError, give_back, set_fixed, totals};

#[test]
fn the_stack_released_last_is_acquired_first() {
    let mut cache = StackCache::new();
    let stacks = [
        acquire(&mut cache, LIMIT, site()),
        acquire(&mut cache, LIMIT, site()),
    ];
    let tops: Vec<_> = stacks.iter().map(Stack::top).collect();
    stacks.into_iter().for_each(|stack| cache.release(stack));
    let again = [
        acquire_any(&mut cache, LIMIT, site()),
        acquire_any(&mut cache, LIMIT, site()),
    ];
    assert_eq!([again[0].top(), again[1].top()], [tops[1], tops[0]]);
}

#[test]
fn a_wide_stack_that_is_used_again_is_no_growth() {
    let site = site();
    let mut cache = StackCache::new();
    let stack = acquire(&mut cache, LIMIT, site);
    let (stack, _) = run_on(stack, || recurse(60 * 1024));
    let (grown, top) = (growths(site), stack.top());
    assert!(grown > 0);
    cache.release(stack);
    let stack = acquire_any(&mut cache, LIMIT, site);
    assert_eq!(stack.top(), top);
    let (stack, _) = run_on(stack, || recurse(60 * 1024));
    assert_eq!(growths(site), grown);
    cache.release(stack);
}

#[test]
fn a_wide_stack_is_narrowed_for_a_task_with_a_smaller_limit() {
    let mut cache = StackCache::new();
    let (stack, _) = run_on(acquire(&mut cache, LIMIT, site()), || recurse(100 * 1024));
    let top = stack.top();
    cache.release(stack);
    let stack = acquire_any(&mut cache, 160 * 1024, site());
    assert_eq!(stack.top(), top, "the same class");
    assert_eq!(stack.limit_bytes(), 160 * 1024);
    assert!(stack.open_bytes() <= 160 * 1024);
}

#[test]
fn a_limit_is_rounded_to_pages_and_at_least_the_first_window() {
    let mut cache = StackCache::new();
    assert_eq!(
        acquire(&mut cache, 1, site()).limit_bytes(),
        FIRST_WINDOW_BYTES
    );
    assert_eq!(acquire(&mut cache, 70_001, site()).limit_bytes(), 73_728);
}

#[test]
fn a_limit_above_the_largest_class_is_refused() {
    let owner = StackOwner {
        task: TASK,
        site: site(),
    };
    let error = StackCache::new().acquire((8 << 20) + 1, owner).unwrap_err();
    assert_eq!(
        error,
        StackError::LimitTooLarge {
            limit_bytes: (8 << 20) + 1
        }
    );
}

#[test]
fn tops_of_stacks_in_a_row_have_different_colours() {
    let output = in_child(
        concat!(
            module_path!(),
            "::tops_of_stacks_in_a_row_have_different_colours"
        ),
        || {
            let mut cache = StackCache::new();
            let stacks: Vec<_> = (0..COLOURS)
                .map(|_| acquire(&mut cache, LIMIT, site()))
                .collect();
            let colours: std::collections::HashSet<_> =
                stacks.iter().map(|stack| stack.top() % 4096).collect();
            assert_eq!(colours.len(), COLOURS);
        },
    );
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn idle_stacks_lose_their_pages_and_their_width_after_a_whole_period() {
    let output = in_child(
        concat!(
            module_path!(),
            "::idle_stacks_lose_their_pages_and_their_width_after_a_whole_period"
        ),
        || {
            let mut cache = StackCache::new();
            let (stack, _) = run_on(acquire(&mut cache, LIMIT, site()), || recurse(60 * 1024));
            let top = stack.top();
            cache.release(stack);
            cache.drain();
            let cached = totals().cached_bytes;
            assert!(cached > FIRST_WINDOW_BYTES as u64);
            assert_eq!(give_back(100), 0, "it came in this period");
            assert_eq!(totals().cached_bytes, cached);
            assert_eq!(give_back(100), 1);
            assert_eq!(totals().cached_bytes, 0);
            let site = site();
            let stack = acquire_any(&mut cache, LIMIT, site);
            assert_eq!((stack.top(), stack.open_bytes()), (top, FIRST_WINDOW_BYTES));
            // SAFETY: the last byte of an open window that this test owns.
            assert_eq!(unsafe { ((top - 64) as *const u64).read_volatile() }, 0);
            let (_stack, _) = run_on(stack, || recurse(60 * 1024));
            assert!(growths(site) > 0, "closed again, and opened again");
        },
    );
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn a_cache_keeps_a_bounded_number_and_passes_the_rest_on() {
    let mut cache = StackCache::new();
    let stacks: Vec<_> = (0..200)
        .map(|_| acquire(&mut cache, LIMIT, site()))
        .collect();
    let tops: std::collections::HashSet<_> = stacks.iter().map(Stack::top).collect();
    assert_eq!(tops.len(), 200);
    stacks.into_iter().for_each(|stack| cache.release(stack));
    let mut other = StackCache::new();
    let stack = acquire_any(&mut other, LIMIT, site());
    cache.release(stack);
    cache.drain();
    let again: Vec<_> = (0..200)
        .map(|_| acquire(&mut other, LIMIT, site()))
        .collect();
    let distinct: std::collections::HashSet<_> = again.iter().map(Stack::top).collect();
    assert_eq!(distinct.len(), 200, "no stack is handed out twice");
}

#[test]
fn fixed_stacks_are_open_to_their_limit_and_never_grow() {
    let output = in_child(
        concat!(
            module_path!(),
            "::fixed_stacks_are_open_to_their_limit_and_never_grow"
        ),
        || {
            set_fixed(true);
            let site = site();
            let mut cache = StackCache::new();
            let stack = acquire(&mut cache, LIMIT, site);
            assert_eq!(stack.open_bytes(), LIMIT);
            assert_eq!(bytes(site), LIMIT as u64);
            run_on(stack, || recurse(100 * 1024));
            assert_eq!(growths(site), 0);
        },
    );
    assert!(output.status.success(), "{}", errors(&output));
}

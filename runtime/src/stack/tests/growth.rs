//! Windows open as they are needed, by a fault, by the headroom check or on request.

use super::*;
use crate::stack::headroom::prepare_buffer;
use crate::stack::layout::{Class, FIRST_WINDOW_BYTES, HEADROOM_BYTES};
use crate::stack::{Window, ensure_headroom, totals, with_open_stack};
use crate::sys::registers;

#[test]
fn a_shallow_body_does_not_grow() {
    let site = site();
    run(site, || recurse(1024));
    assert_eq!(growths(site), 0);
}

#[test]
fn a_deep_body_keeps_every_frame_and_grows_by_doubling() {
    let site = site();
    let mut cache = StackCache::new();
    let stack = acquire(&mut cache, LIMIT, site);
    assert_eq!(stack.open_bytes(), FIRST_WINDOW_BYTES);
    let (stack, sum) = run_on(stack, || recurse(150 * 1024));
    assert!(sum >= 150 * 1024);
    assert!(stack.open_bytes() > 150 * 1024);
    assert_eq!(stack.open_bytes(), FIRST_WINDOW_BYTES << growths(site));
    cache.release(stack);
}

#[test]
fn every_class_can_be_used_nearly_to_its_limit() {
    for class in Class::all() {
        let limit = class.stack_bytes();
        let mut cache = StackCache::new();
        let stack = acquire(&mut cache, limit, site());
        assert_eq!(stack.limit_bytes(), limit);
        // The frames of `recurse` in a debug build are larger than the bytes that they hold.
        let (stack, sum) = run_on(stack, move || recurse(limit / 4));
        assert!(sum >= limit / 4);
        cache.release(stack);
    }
}

#[test]
fn stack_bytes_of_a_site_follow_the_window_and_end_at_zero() {
    let site = site();
    let mut cache = StackCache::new();
    let stack = acquire(&mut cache, LIMIT, site);
    assert_eq!(bytes(site), FIRST_WINDOW_BYTES as u64);
    let (stack, _) = run_on(stack, || recurse(20 * 1024));
    assert_eq!(bytes(site), stack.open_bytes() as u64);
    cache.release(stack);
    assert_eq!(bytes(site), 0);
}

#[test]
fn a_stack_that_is_dropped_leaves_no_bytes_behind() {
    let site = site();
    let stack = acquire(&mut StackCache::new(), LIMIT, site);
    assert!(totals().used_bytes >= stack.open_bytes() as u64);
    drop(stack);
    assert_eq!(bytes(site), 0);
}

/// Goes down until less than `room` is open below, then calls `f`.
#[inline(never)]
fn down_to_the_edge(window: Window, room: usize, f: &dyn Fn()) {
    let pad = [0u8; 64];
    black_box(&pad);
    let left = registers::stack_pointer() - window.0.low();
    if left < room {
        f()
    } else {
        down_to_the_edge(window, room, f)
    }
    black_box(&pad);
}

#[test]
fn entering_the_runtime_near_the_edge_opens_the_next_window() {
    let site = site();
    let mut cache = StackCache::new();
    let stack = acquire(&mut cache, LIMIT, site);
    let window = stack.window();
    let (stack, ()) = run_on(stack, move || {
        down_to_the_edge(window, HEADROOM_BYTES, &|| {
            assert_eq!(window.0.open_bytes(), FIRST_WINDOW_BYTES, "no fault so far");
            ensure_headroom(window);
            assert!(window.0.open_bytes() > FIRST_WINDOW_BYTES);
            ensure_headroom(window);
        });
    });
    assert_eq!(growths(site), 1);
    cache.release(stack);
}

#[test]
fn headroom_is_left_alone_where_there_is_enough() {
    let site = site();
    let mut cache = StackCache::new();
    let stack = acquire(&mut cache, LIMIT, site);
    let window = stack.window();
    let (stack, ()) = run_on(stack, move || ensure_headroom(window));
    ensure_headroom(window);
    assert_eq!(growths(site), 0);
    cache.release(stack);
}

#[test]
fn stack_that_is_asked_for_is_open_before_it_is_touched() {
    let site = site();
    run(site, || {
        with_open_stack(100 * 1024, || {
            let place = crate::stack::slab::find(registers::stack_pointer()).unwrap();
            assert!(place.slot.open_bytes() >= 100 * 1024);
        });
    });
    assert_eq!(growths(site), 1);
}

#[test]
fn asking_for_more_than_the_limit_panics_with_advice() {
    let message = run(site(), || {
        let panic = catch_unwind(AssertUnwindSafe(|| with_open_stack(LIMIT, || ()))).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    });
    assert!(
        message.contains("262144 bytes") && message.contains("stack_limit"),
        "{message}"
    );
}

#[test]
fn a_thread_without_a_task_is_left_alone() {
    assert_eq!(with_open_stack(64 << 20, || 7), 7);
    let on_the_heap = Box::new([0u8; 64]);
    prepare_buffer(on_the_heap.as_ptr() as usize, on_the_heap.len());
    prepare_buffer(usize::MAX - 64, 64);
    prepare_buffer(0, 1);
}

#[test]
fn another_thread_may_touch_a_parents_stack_below_its_window() {
    let site = site();
    let mut cache = StackCache::new();
    let stack = acquire(&mut cache, LIMIT, site);
    let place = crate::stack::slab::find(stack.top() - 1).unwrap();
    let touched = place.end - 100 * 1024;
    let child = std::thread::spawn(move || {
        let _handler = install_worker_handler();
        // SAFETY: the address lies on a stack that this test owns, above its limit.
        unsafe { (touched as *mut u8).write_volatile(7) };
    });
    child.join().unwrap();
    assert_eq!(growths(site), 1);
    assert!(stack.open_bytes() >= 100 * 1024);
    cache.release(stack);
}

#[test]
fn threads_that_widen_one_window_at_once_count_every_byte_once() {
    let site = site();
    let mut cache = StackCache::new();
    let stack = acquire(&mut cache, 8 << 20, site);
    let end = crate::stack::slab::find(stack.top() - 1).unwrap().end;
    let barrier = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let barrier = &barrier;
            scope.spawn(move || {
                let _handler = install_worker_handler();
                barrier.wait();
                for step in 1..1000 {
                    let address = end - step * 8000 - thread;
                    // SAFETY: the address lies on a stack that this test owns, above its limit.
                    unsafe { (address as *const u8).read_volatile() };
                }
            });
        }
    });
    assert_eq!(bytes(site), stack.open_bytes() as u64);
    cache.release(stack);
    assert_eq!(bytes(site), 0);
}

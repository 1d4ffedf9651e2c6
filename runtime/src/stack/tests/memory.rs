//! What stacks cost, and what happens where the kernel gives less.

use super::*;
use crate::stack::{StackError, guard};
use crate::sys::trial;

/// A field of `/proc/self/status`, in bytes.
fn status(field: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        * 1024
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

/// Stacks that each parked after a call or two: their top page is touched.
fn parked(count: usize) -> Vec<Context> {
    let mut cache = StackCache::new();
    let site = site();
    let start = |_| {
        let mut context = Context::new(acquire(&mut cache, LIMIT, site), |suspender| {
            let registers = crate::context::RegisterCell::new();
            // SAFETY: this is the body that was given the suspender.
            unsafe { suspender.suspend(&registers) };
        });
        assert_eq!(context.resume(), Switch::Suspended);
        context
    };
    (0..count).map(start).collect()
}

#[test]
fn a_parked_stack_costs_a_page_and_its_page_table() {
    const COUNT: usize = 10_000;
    let output = in_child(
        concat!(
            module_path!(),
            "::a_parked_stack_costs_a_page_and_its_page_table"
        ),
        || {
            let _handler = install_worker_handler();
            drop(parked(1));
            let (resident, tables) = (status("VmRSS"), status("VmPTE"));
            let contexts = parked(COUNT);
            let each = (status("VmRSS") - resident) / COUNT;
            let tables = (status("VmPTE") - tables) / COUNT;
            println!("{each} bytes resident and {tables} bytes of page tables a stack");
            // A page, 64 bytes of record, the context itself.
            assert!(each < 4096 + 512, "{each} bytes resident a stack");
            assert!(tables < 1024, "{tables} bytes of page tables a stack");
            std::mem::forget(contexts);
        },
    );
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn ten_thousand_stacks_are_a_few_mappings_where_guards_work() {
    let output = in_child(
        concat!(
            module_path!(),
            "::ten_thousand_stacks_are_a_few_mappings_where_guards_work"
        ),
        || {
            if !guard::regions_work() {
                return println!("not run: this kernel has no guard regions");
            }
            let before = mappings();
            let mut cache = StackCache::new();
            let stacks: Vec<_> = (0..10_000)
                .map(|_| acquire(&mut cache, LIMIT, site()))
                .collect();
            assert!(
                mappings() < before + 30,
                "{} more mappings",
                mappings() - before
            );
            assert_eq!(guard::protected_count(), 0);
            drop(stacks);
        },
    );
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn locked_memory_has_its_stacks_guarded_by_access_rights() {
    let output = in_child(
        concat!(
            module_path!(),
            "::locked_memory_has_its_stacks_guarded_by_access_rights"
        ),
        || {
            // One stack of a slab that was reserved before, one slab of each kind after.
            let mut cache = StackCache::new();
            let before = acquire(&mut cache, LIMIT, site());
            if !trial::lock_all_memory() {
                return println!("not run: this process may not lock its memory");
            }
            assert!(!guard::regions_work());
            for limit in [LIMIT, 64 * 1024] {
                let site = site();
                let (stack, sum) =
                    run_on(acquire(&mut cache, limit, site), move || recurse(limit / 4));
                assert!(sum >= limit / 4);
                assert!(growths(site) > 0 || limit < LIMIT);
                cache.release(stack);
            }
            assert_eq!(guard::protected_count(), 2);
            // The stack from before still opens by its guard region.
            let (before, _) = run_on(before, || recurse(100 * 1024));
            cache.release(before);
            run(site(), || recurse_for_ever(1));
        },
    );
    let message = errors(&output);
    if !String::from_utf8_lossy(&output.stdout).contains("not run") {
        assert!(message.contains("has overflowed its stack"), "{message}");
    }
}

#[test]
fn the_number_of_stacks_guarded_by_access_rights_is_bounded() {
    let output = in_child(
        concat!(
            module_path!(),
            "::the_number_of_stacks_guarded_by_access_rights_is_bounded"
        ),
        || {
            guard::pretend_protected(usize::MAX / 2);
            if !trial::lock_all_memory() {
                return println!("not run: this process may not lock its memory");
            }
            let owner = StackOwner {
                task: TASK,
                site: site(),
            };
            let error = StackCache::new().acquire(LIMIT, owner).unwrap_err();
            assert!(
                matches!(error, StackError::TooManyMappings { .. }),
                "{error}"
            );
            assert!(error.to_string().contains("vm.max_map_count"));
        },
    );
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn a_process_with_little_address_space_gets_stacks_then_an_error_with_advice() {
    let output = in_child(
        concat!(
            module_path!(),
            "::a_process_with_little_address_space_gets_stacks_then_an_error_with_advice"
        ),
        || {
            let owner = StackOwner {
                task: TASK,
                site: site(),
            };
            let mut cache = StackCache::new();
            trial::limit_address_space(100 << 20);
            let mut stacks = Vec::new();
            let error = loop {
                match cache.acquire(LIMIT, owner) {
                    Ok(stack) => stacks.push(stack),
                    Err(error) => break error,
                }
            };
            assert!(stacks.len() > 150, "{} stacks", stacks.len());
            assert!(
                matches!(error, StackError::NoAddressSpace { .. }),
                "{error}"
            );
            assert!(error.to_string().contains("RLIMIT_AS"));
            drop(stacks.pop());
            assert!(
                cache.acquire(LIMIT, owner).is_ok(),
                "what is free can still be had"
            );
        },
    );
    assert!(output.status.success(), "{}", errors(&output));
}

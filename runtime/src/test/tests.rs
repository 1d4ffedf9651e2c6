//! What a test finds left, and what a simulation does with time and order.

use super::*;
use crate::time::{Instant, Interval};
use crate::{chan, park, spawn, yield_now};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

const HOUR: Duration = Duration::from_secs(3600);

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// The order in which ten tasks do their two steps.
fn order(seed: u64) -> Vec<u32> {
    let order: Arc<Mutex<Vec<u32>>> = Arc::default();
    let steps = Arc::clone(&order);
    Test::simulation(seed).run(move || {
        for task in 0..10 {
            let steps = Arc::clone(&steps);
            spawn(move || {
                steps.lock().unwrap().push(task);
                yield_now();
                steps.lock().unwrap().push(task);
            });
        }
    });
    let order = order.lock().unwrap();
    order.clone()
}

#[test]
fn a_task_that_is_left_fails_the_test_and_is_named() {
    let leaking = || {
        Test::simulation(1).run(|| {
            let builder = task::Builder::new().name("leaky");
            builder.spawn(|| park(crate::Reason::Other, 0, crate::TaskId::NONE));
        });
    };
    let panic = catch_unwind(leaking).unwrap_err();
    let message = message(&*panic);
    assert!(
        message.contains("1 tasks") && message.contains("\"leaky\""),
        "{message}"
    );
    assert!(message.contains("other"), "{message}");
}

#[test]
fn what_is_allowed_may_be_left_and_what_ends_soon_is_waited_for() {
    Test::simulation(1).allow("leaky").run(|| {
        let builder = task::Builder::new().name("leaky");
        builder.spawn(|| park(crate::Reason::Other, 0, crate::TaskId::NONE));
        spawn(|| sleep(Duration::from_millis(300)));
    });
    run(|| drop(spawn(|| (0..100).for_each(|_| yield_now()))));
}

#[test]
fn an_hour_passes_at_once_and_in_order() {
    Test::simulation(3).run(|| {
        let (sender, receiver) = chan::bounded(8);
        for minutes in [30, 10, 50, 20] {
            let sender = sender.clone();
            spawn(move || {
                sleep(Duration::from_secs(60 * minutes));
                sender.send(minutes).unwrap();
            });
        }
        drop(sender);
        let start = Instant::now();
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [10, 20, 30, 50]);
        let passed = start.elapsed();
        assert!(
            passed >= Duration::from_secs(3000) && passed < HOUR,
            "{passed:?}"
        );
        let mut ticks = Interval::new(HOUR);
        let first = ticks.tick();
        assert_eq!(ticks.tick() - first, HOUR);
    });
}

#[test]
fn a_task_that_yields_until_a_time_comes_sees_it_come() {
    Test::simulation(4).run(|| {
        let sleeper = spawn(|| sleep(Duration::from_micros(300)));
        while !sleeper.is_finished() {
            yield_now();
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_order_and_others_give_others() {
    let orders: HashSet<_> = (0..20).map(order).collect();
    assert!(orders.len() > 10, "{} orders", orders.len());
    for seed in 0..5 {
        assert_eq!(order(seed), order(seed));
    }
}

#[test]
fn some_seed_finds_a_bug_that_needs_an_unlucky_order() {
    /// Two tasks that read, let others run, and write: one update can be lost.
    fn counts_wrongly() {
        let count = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let count = Arc::clone(&count);
                spawn(move || {
                    let seen = *count.lock().unwrap();
                    yield_now();
                    *count.lock().unwrap() = seen + 1;
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*count.lock().unwrap(), 2, "an update was lost");
    }
    let fails = |seed| catch_unwind(|| Test::simulation(seed).run(counts_wrongly)).is_err();
    let failures = (0..40).filter(|&seed| fails(seed)).count();
    assert!((1..40).contains(&failures), "{failures} of 40");
}

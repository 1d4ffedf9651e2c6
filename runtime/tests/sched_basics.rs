//! Spawning, joining, yielding, sleeping: what a program sees of the scheduler.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::time::{Duration, Instant};

use runtime::{Builder, Handle, Reason, RunError, Runtime, TaskId, spawn, task, yield_now};

#[test]
fn a_join_gives_the_result() {
    assert_eq!(Runtime::run(|| spawn(|| 6 * 7).join().unwrap()), 42);
}

#[test]
fn tasks_spawn_tasks_on_any_number_of_workers() {
    fn tree(depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let children: Vec<_> = (0..4).map(|_| spawn(move || tree(depth - 1))).collect();
        children
            .into_iter()
            .map(|child| child.join().unwrap())
            .sum()
    }
    for workers in [1, 2, 3, 8] {
        assert_eq!(Builder::new().workers(workers).run(|| tree(5)), 1024);
    }
}

#[test]
fn a_hundred_thousand_tasks_are_alive_at_once() {
    let sum = Builder::new().workers(2).run(|| {
        let gate = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..100_000_usize)
            .map(|number| {
                let gate = Arc::clone(&gate);
                spawn(move || {
                    while gate.load(Ordering::Acquire) == 0 {
                        task::park(Reason::Other, 0, TaskId::NONE);
                    }
                    number
                })
            })
            .collect();
        gate.store(1, Ordering::Release);
        tasks.iter().for_each(|task| {
            task.id().unpark();
        });
        tasks
            .into_iter()
            .map(|task| task.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(sum, 99_999 * 100_000 / 2);
}

#[test]
fn yielding_lets_all_others_run() {
    let order = Builder::new().workers(1).run(|| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..3)
            .map(|number| {
                let order = Arc::clone(&order);
                spawn(move || {
                    for round in 0..3 {
                        order.lock().unwrap().push((round, number));
                        yield_now();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        order.lock().unwrap().clone()
    });
    let rounds: Vec<i32> = order.iter().map(|(round, _)| *round).collect();
    assert_eq!(rounds, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
}

#[test]
fn two_tasks_that_wake_each_other_do_not_starve_a_third() {
    Builder::new().workers(1).run(|| {
        let done = Arc::new(AtomicUsize::new(0));
        let ping = |done: Arc<AtomicUsize>| {
            move || {
                while done.load(Ordering::Acquire) == 0 {
                    let child = spawn(|| ());
                    child.join().unwrap();
                }
            }
        };
        let pingers = [
            spawn(ping(Arc::clone(&done))),
            spawn(ping(Arc::clone(&done))),
        ];
        spawn(move || done.store(1, Ordering::Release))
            .join()
            .unwrap();
        pingers
            .into_iter()
            .for_each(|pinger| pinger.join().unwrap());
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    let order = Builder::new().workers(1).run(|| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [30_u64, 10, 20]
            .into_iter()
            .map(|ms| {
                let order = Arc::clone(&order);
                spawn(move || {
                    runtime::sleep(Duration::from_millis(ms));
                    order.lock().unwrap().push(ms);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        order.lock().unwrap().clone()
    });
    assert_eq!(order, [10, 20, 30]);
}

#[test]
fn a_sleep_lasts_at_least_as_long_as_asked() {
    Runtime::run(|| {
        let begin = Instant::now();
        runtime::sleep(Duration::from_millis(5));
        assert!(begin.elapsed() >= Duration::from_millis(5));
    });
}

#[test]
fn a_park_with_a_timeout_returns_without_a_wake_up() {
    Runtime::run(|| {
        task::park_timeout(Reason::Other, 0, TaskId::NONE, Duration::from_millis(1));
    });
}

#[test]
fn a_token_given_before_the_park_is_not_lost() {
    Runtime::run(|| {
        let me = task::current().unwrap();
        me.unpark();
        task::park(Reason::Other, 0, TaskId::NONE);
    });
}

#[test]
fn a_token_given_during_a_sleep_is_kept_for_the_next_park() {
    Builder::new().workers(2).run(|| {
        let me = task::current().unwrap();
        let waker = spawn(move || me.unpark());
        runtime::sleep(Duration::from_millis(3));
        waker.join().unwrap();
        let me = task::waiter();
        me.unpark();
        task::park(Reason::Other, 0, TaskId::NONE);
    });
}

#[test]
fn an_ended_task_can_be_woken_without_harm() {
    Runtime::run(|| {
        let ended = spawn(|| task::current().unwrap()).join().unwrap();
        let next = spawn(|| task::current().unwrap()).join().unwrap();
        assert_ne!(ended, next);
        ended.unpark();
    });
}

#[test]
fn foreign_threads_spawn_through_a_handle() {
    let total = Builder::new().workers(2).run(|| {
        let handle = Handle::current().unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(move || {
                    let tasks: Vec<_> = (0..100).map(|_| handle.spawn(|| 1)).collect();
                    tasks
                        .into_iter()
                        .map(|task| task.join().unwrap())
                        .sum::<u32>()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<u32>()
    });
    assert_eq!(total, 400);
}

#[test]
fn a_handle_that_outlives_its_runtime_cancels() {
    let handle = Runtime::run(|| Handle::current().unwrap());
    let error = handle.spawn(|| ()).join().unwrap_err();
    assert!(error.is_cancelled());
    // The next runtime of the same size is another one.
    Runtime::run(move || assert!(handle.spawn(|| ()).join().unwrap_err().is_cancelled()));
}

#[test]
fn a_runtime_inside_a_task_is_refused() {
    let error = Runtime::run(|| Builder::new().try_run(|| ()).unwrap_err());
    assert!(matches!(error, RunError::Nested), "{error}");
}

#[test]
fn no_workers_or_too_many_are_refused() {
    for workers in [0, Builder::MAX_WORKERS + 1] {
        let error = Builder::new().workers(workers).try_run(|| ()).unwrap_err();
        assert!(matches!(error, RunError::Workers { .. }), "{error}");
    }
}

#[test]
fn two_runtimes_run_side_by_side_and_wake_each_other() {
    let first = std::thread::spawn(|| {
        Builder::new().workers(1).run(|| {
            let handle = Handle::current().unwrap();
            let other = std::thread::spawn(move || {
                Builder::new()
                    .workers(1)
                    .run(move || handle.spawn(|| 5).join().unwrap())
            });
            while !other.is_finished() {
                runtime::sleep(Duration::from_millis(1));
            }
            other.join().unwrap()
        })
    });
    assert_eq!(first.join().unwrap(), 5);
}

#[test]
fn a_task_knows_its_id_and_name() {
    Runtime::run(|| {
        assert_eq!(task::name(), Some("main"));
        let child = task::Builder::new()
            .name("child")
            .spawn(|| (task::current(), task::name()));
        let id = child.id();
        assert_eq!(child.join().unwrap(), (Some(id), Some("child")));
    });
    assert_eq!((task::current(), task::name()), (None, None));
}

#[test]
#[should_panic(expected = "call it inside `Runtime::run`")]
fn a_spawn_outside_of_a_runtime_panics_with_advice() {
    let _ = spawn(|| ());
}

#[test]
fn sleeps_of_next_to_nothing_all_end() {
    Builder::new().workers(4).run(|| {
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                spawn(move || {
                    for turn in 0..200 {
                        runtime::sleep(Duration::from_nanos(task * 37 + turn));
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

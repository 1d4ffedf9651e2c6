//! Many workers, many wake-ups: no task is lost, none runs twice.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use runtime::{Builder, Reason, spawn, task, yield_now};

/// A ring of tasks passes tokens on; every hop is an unpark that may race with a park.
#[test]
fn tokens_go_round_a_ring_of_tasks() {
    const TASKS: usize = 64;
    const ROUNDS: usize = 200;
    for workers in [1, 2, 4] {
        Builder::new().workers(workers).run(|| {
            let turns: Arc<Vec<AtomicUsize>> =
                Arc::new((0..TASKS).map(|_| AtomicUsize::new(0)).collect());
            let ids: Arc<std::sync::OnceLock<Vec<runtime::TaskId>>> = Arc::default();
            let tasks: Vec<_> = (0..TASKS)
                .map(|number| {
                    let (turns, ids) = (Arc::clone(&turns), Arc::clone(&ids));
                    spawn(move || {
                        while ids.get().is_none() {
                            yield_now();
                        }
                        let ids = ids.get().unwrap();
                        let next = (number + 1) % TASKS;
                        for round in 1..=ROUNDS {
                            while turns[number].load(Ordering::Acquire) < round {
                                task::park(Reason::Other, 0, ids[(number + TASKS - 1) % TASKS]);
                            }
                            turns[next].fetch_add(1, Ordering::Release);
                            ids[next].unpark();
                        }
                    })
                })
                .collect();
            ids.set(tasks.iter().map(runtime::JoinHandle::id).collect())
                .unwrap();
            turns[0].fetch_add(1, Ordering::Release);
            tasks[0].id().unpark();
            tasks.into_iter().for_each(|task| task.join().unwrap());
            assert_eq!(turns[0].load(Ordering::Acquire), ROUNDS + 1);
        });
    }
}

/// Spawns, yields, sleeps and joins at once on more workers than cores.
#[test]
fn every_task_of_a_mixed_load_runs_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    Builder::new().workers(4).run(move || {
        let parents: Vec<_> = (0..50_usize)
            .map(|parent| {
                let runs = Arc::clone(&counted);
                spawn(move || {
                    let children: Vec<_> = (0..100_usize)
                        .map(|child| {
                            let runs = Arc::clone(&runs);
                            spawn(move || {
                                match (parent + child) % 3 {
                                    0 => yield_now(),
                                    1 => runtime::sleep(std::time::Duration::from_micros(50)),
                                    _ => spawn(|| ()).join().unwrap(),
                                }
                                runs.fetch_add(1, Ordering::Relaxed);
                            })
                        })
                        .collect();
                    children.into_iter().for_each(|child| child.join().unwrap());
                })
            })
            .collect();
        parents
            .into_iter()
            .for_each(|parent| parent.join().unwrap());
    });
    assert_eq!(runs.load(Ordering::Relaxed), 5_000);
}

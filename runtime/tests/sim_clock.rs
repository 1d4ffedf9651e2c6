//! Simulations: everything that waits goes by their clock, everything random by their seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use runtime::sync::{Mutex, RateLimiter};
use runtime::test::{Test, seeds};
use runtime::time::Instant;
use runtime::{chan, select, sleep, spawn};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_rate_limiter_goes_by_the_clock_of_the_simulation() {
    seeds(0..5, || {
        let hourly = RateLimiter::new(1, HOUR, 1);
        assert!(hourly.try_acquire(1));
        let begin = Instant::now();
        hourly.acquire(1);
        assert!(begin.elapsed() >= HOUR - Duration::from_secs(1));
    });
}

/// By the system's clock no time passes here, and the waiter would come in last.
#[test]
fn who_waits_for_a_mutex_is_handed_it_by_the_clock_of_the_simulation() {
    seeds(0..20, || {
        const ROUNDS: u32 = 100;
        let lock = Arc::new(Mutex::new(()));
        let round = Arc::new(AtomicU32::new(0));
        let greedy = {
            let (lock, round) = (Arc::clone(&lock), Arc::clone(&round));
            spawn(move || {
                for _ in 0..ROUNDS {
                    let _held = lock.lock().unwrap();
                    round.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_micros(300));
                }
            })
        };
        while round.load(Ordering::Relaxed) == 0 {
            runtime::yield_now();
        }
        let got = {
            let _held = lock.lock().unwrap();
            round.load(Ordering::Relaxed)
        };
        assert!(got < ROUNDS / 2, "it waited for {got} rounds");
        greedy.join().unwrap();
    });
}

/// Which of two arms, both of which could take place, a select has taken.
fn choices(seed: u64) -> Vec<bool> {
    Test::simulation(seed).run(|| {
        let (sender, left) = chan::unbounded();
        let (other, right) = chan::unbounded();
        for _ in 0..32 {
            sender.send(()).unwrap();
            other.send(()).unwrap();
        }
        let choose = |_| {
            select! {
                recv(left) -> _ => true,
                recv(right) -> _ => false,
            }
        };
        (0..32).map(choose).collect()
    })
}

#[test]
fn what_a_select_takes_is_a_matter_of_the_seed() {
    assert_eq!(choices(1), choices(1));
    assert!((2..10).any(|seed| choices(seed) != choices(1)));
}

/// The order in which tasks whose sleeps end at once go on.
fn order_of_waking(seed: u64) -> Vec<u32> {
    Test::simulation(seed).run(|| {
        let (sender, woken) = chan::unbounded();
        let end = Instant::now() + Duration::from_millis(1);
        for number in 0..20 {
            let sender = sender.clone();
            spawn(move || {
                runtime::time::sleep_until(end);
                sender.send(number).unwrap();
            });
        }
        drop(sender);
        woken.iter().collect()
    })
}

/// What ran in the process before has left other slots for the tasks to take.
#[test]
fn the_order_does_not_depend_on_what_ran_before() {
    let first = order_of_waking(7);
    for tasks in 1..8 {
        Test::simulation(tasks).run(move || {
            let tasks: Vec<_> = (0..tasks)
                .map(|number| spawn(move || sleep(Duration::from_micros(number))))
                .collect();
            tasks
                .into_iter()
                .rev()
                .for_each(|task| task.join().unwrap());
        });
        assert_eq!(order_of_waking(7), first);
    }
}

//! Waits that end by time, in simulations, where a clock says exactly what they took: what
//! tokio's tests of sleeps, timeouts and intervals ask for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use runtime::cancel::{self, Token, Until};
use runtime::test::seeds;
use runtime::time::{Instant, Interval, MissedTicks, sleep_until};
use runtime::{Reason, TaskId, chan, park_timeout, select, sleep, spawn, sync};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// What switches take in a simulation, a microsecond each.
const SLACK: Duration = Duration::from_micros(50);

/// What `inside` takes, which is to be this long.
fn takes<R>(time: Duration, inside: impl FnOnce() -> R) -> R {
    let begin = Instant::now();
    let result = inside();
    let took = begin.elapsed();
    let is_right = took >= time && took <= time + SLACK;
    assert!(is_right, "it took {took:?}, not {time:?}");
    result
}

#[test]
fn a_sleep_takes_as_long_as_it_should_and_no_longer() {
    seeds(0..10, || {
        for time in [MILLISECOND / 1_000, MILLISECOND, HOUR, 1_000 * HOUR] {
            takes(time, || sleep(time));
        }
    });
}

#[test]
fn a_time_that_has_passed_is_not_waited_for() {
    seeds(0..10, || {
        takes(Duration::ZERO, || sleep(Duration::ZERO));
        let past = Instant::now();
        sleep(MILLISECOND);
        takes(Duration::ZERO, || sleep_until(past));
    });
}

#[test]
fn a_sleep_that_no_clock_can_hold_ends_by_its_token() {
    seeds(0..10, || {
        let napper = spawn(|| cancel::sleep(Duration::MAX));
        sleep(HOUR);
        napper.cancel();
        takes(Duration::ZERO, || {
            assert!(napper.join().unwrap().is_err());
        });
    });
}

#[test]
fn of_nested_timeouts_the_shorter_ends_what_is_inside() {
    let day = 24 * HOUR;
    seeds(0..10, move || {
        for (outer, inner) in [(HOUR, MILLISECOND), (MILLISECOND, HOUR)] {
            let ended = takes(MILLISECOND, || {
                cancel::timeout(outer, || cancel::timeout(inner, || cancel::sleep(day)))
            });
            assert!(ended.is_err());
            assert!(cancel::check().is_ok(), "it ended what was inside only");
        }
    });
}

#[test]
fn an_inner_timeout_leaves_the_rest_of_the_outer_one_alone() {
    seeds(0..10, || {
        takes(4 * MILLISECOND, || {
            cancel::timeout(4 * MILLISECOND, || {
                assert!(cancel::timeout(MILLISECOND, || cancel::sleep(HOUR)).is_err());
                takes(2 * MILLISECOND, || cancel::sleep(2 * MILLISECOND)).unwrap();
                assert!(cancel::sleep(HOUR).is_err());
            });
        });
    });
}

#[test]
fn what_ends_in_time_is_not_touched_by_its_timeout() {
    seeds(0..10, || {
        let result = takes(MILLISECOND, || {
            cancel::timeout(HOUR, || cancel::sleep(MILLISECOND).map(|()| 7))
        });
        assert_eq!(result.unwrap(), 7);
        takes(2 * HOUR, || cancel::sleep(2 * HOUR)).unwrap();
    });
}

#[test]
fn what_a_timeout_leaves_behind_is_told_to_stop() {
    seeds(0..10, || {
        let left = cancel::timeout(HOUR, || spawn(|| cancel::sleep(100 * HOUR)));
        takes(Duration::ZERO, || assert!(left.join().unwrap().is_err()));
    });
}

#[test]
fn sleepers_of_all_lengths_wake_in_the_order_of_their_ends() {
    seeds(0..20, || {
        let lengths = [
            HOUR,
            MILLISECOND,
            30 * HOUR,
            MILLISECOND / 10,
            7 * MILLISECOND,
        ];
        let (sender, woken) = chan::unbounded();
        for length in lengths {
            let sender = sender.clone();
            spawn(move || {
                sleep(length);
                sender.send(length).unwrap();
            });
        }
        drop(sender);
        let order: Vec<_> = woken.iter().collect();
        assert!(order.is_sorted() && order.len() == lengths.len());
    });
}

#[test]
fn waits_one_after_the_other_do_not_add_up_to_more() {
    seeds(0..10, || {
        let (_sender, receiver) = chan::bounded::<()>(1);
        let begin = Instant::now();
        for wait in 1..=100 {
            let end = begin + wait * MILLISECOND;
            assert!(receiver.recv_until(end).is_err());
        }
        let took = begin.elapsed();
        assert!(took >= 100 * MILLISECOND && took < 101 * MILLISECOND);
    });
}

#[test]
fn a_timeout_that_was_not_needed_disturbs_no_later_wait() {
    seeds(0..10, || {
        let (sender, receiver) = chan::bounded(1);
        for number in 0..100 {
            sender.send(number).unwrap();
            assert_eq!(receiver.recv_until(MILLISECOND).unwrap(), number);
        }
        takes(HOUR, || sleep(HOUR));
    });
}

/// A slot is used again while the timer of the task before lies in the heap still.
#[test]
fn the_timer_of_a_task_that_has_ended_wakes_nobody() {
    seeds(0..10, || {
        for _ in 0..100 {
            let woken_early = spawn(|| park_timeout(Reason::Other, 0, TaskId::NONE, MILLISECOND));
            woken_early.id().unpark();
            woken_early.join().unwrap();
            let next = spawn(|| {
                takes(HOUR, || {
                    park_timeout(Reason::Other, 0, TaskId::NONE, HOUR);
                });
            });
            next.join().unwrap();
        }
    });
}

#[test]
fn the_first_of_two_times_ends_a_select() {
    seeds(0..10, || {
        for (first, second) in [(MILLISECOND, HOUR), (HOUR, MILLISECOND)] {
            let is_first = takes(MILLISECOND, || {
                select! {
                    after(first) => true,
                    after(second) => false,
                }
            });
            assert_eq!(is_first, first < second);
        }
    });
}

#[test]
fn a_deadline_and_a_token_end_a_wait_whichever_comes_first() {
    seeds(0..10, || {
        let token = Token::new().child_for(MILLISECOND);
        let both = Until::from(&token).or_after(HOUR);
        assert!(!takes(MILLISECOND, || both.wait()).is_timeout());
        let token = Token::new().child_for(HOUR);
        let both = Until::from(&token).or_after(MILLISECOND);
        assert!(takes(MILLISECOND, || both.wait()).is_timeout());
    });
}

#[test]
fn what_is_free_is_had_however_late_it_is() {
    seeds(0..10, || {
        let past = Instant::now();
        sleep(MILLISECOND);
        takes(Duration::ZERO, || {
            drop(sync::Mutex::new(()).lock_until(past).unwrap());
            drop(sync::RwLock::new(()).read_until(past).unwrap());
            drop(sync::Semaphore::new(1).acquire_until(past).unwrap());
            assert!(sync::WaitGroup::new().wait_until(past).is_ok());
            assert!(sync::Barrier::new(1).wait_until(past).is_ok());
        });
    });
}

#[test]
fn an_interval_keeps_its_pace_whatever_is_done_between_its_ticks() {
    seeds(0..10, || {
        let mut ticks = Interval::new(10 * MILLISECOND);
        let begin = ticks.tick();
        for number in 1..=20 {
            sleep(number % 10 * MILLISECOND);
            assert_eq!(ticks.tick() - begin, number * 10 * MILLISECOND);
            assert!(begin.elapsed() < number * 10 * MILLISECOND + SLACK);
        }
    });
}

/// Ticks were due while nobody asked: what comes then.
fn ticks_after_a_pause(missed: MissedTicks) -> Vec<u128> {
    let mut ticks = Interval::new(10 * MILLISECOND).missed_ticks(missed);
    let begin = ticks.tick();
    sleep(35 * MILLISECOND);
    let mut come = || {
        ticks.tick();
        begin.elapsed().as_millis()
    };
    (0..5).map(|_| come()).collect()
}

#[test]
fn missed_ticks_come_as_the_interval_was_told() {
    seeds(0..10, || {
        let come =
            [MissedTicks::Burst, MissedTicks::Delay, MissedTicks::Skip].map(ticks_after_a_pause);
        assert_eq!(come[0], [35, 35, 35, 40, 50], "all of them, then the pace");
        assert_eq!(come[1], [35, 45, 55, 65, 75], "a new pace");
        assert_eq!(come[2], [35, 40, 50, 60, 70], "the old pace");
    });
}

#[test]
fn an_interval_that_is_reset_begins_anew() {
    seeds(0..10, || {
        let mut ticks = Interval::new(10 * MILLISECOND);
        ticks.tick();
        sleep(7 * MILLISECOND);
        ticks.reset();
        takes(10 * MILLISECOND, || ticks.tick());
    });
}

#[test]
fn a_condition_that_comes_true_late_is_not_missed_and_one_that_does_not_is_given_up() {
    seeds(0..10, || {
        let pair = Arc::new((sync::Mutex::new(false), sync::Condvar::new()));
        let setter = {
            let pair = Arc::clone(&pair);
            spawn(move || {
                sleep(HOUR);
                *pair.0.lock().unwrap() = true;
                pair.1.notify_one();
            })
        };
        let (flag, changed) = &*pair;
        let wait = |time: Duration| {
            let guard = flag.lock().unwrap();
            let waited = changed.wait_while_until(guard, time, |is_set| !*is_set);
            waited.unwrap().1.is_ok()
        };
        assert!(!takes(HOUR / 2, || wait(HOUR / 2)));
        assert!(takes(HOUR / 2, || wait(HOUR)));
        setter.join().unwrap();
    });
}

#[test]
fn a_thousand_that_wait_for_one_time_all_go_on_at_it() {
    seeds(0..3, || {
        let end = Instant::now() + HOUR;
        let gone_on = Arc::<AtomicU32>::default();
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                let gone_on = Arc::clone(&gone_on);
                spawn(move || {
                    sleep_until(end);
                    assert!(Instant::now() >= end);
                    gone_on.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        sleep(HOUR / 2);
        assert_eq!(gone_on.load(Ordering::Relaxed), 0);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(gone_on.load(Ordering::Relaxed), 1_000);
    });
}

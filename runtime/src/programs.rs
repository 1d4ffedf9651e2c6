//! Whole small programs under random schedules: what goes in comes out, whoever runs when.
//!
//! Workers, tasks and foreign threads are shuttle's threads here, so every atomic and every lock
//! of the scheduler and of the primitives is a place where another may go on. Time is simulated:
//! it passes when a sleeper's timeout does, at a moment that the schedule chooses. There is no
//! monitor, so no program may rely on it: none hogs, none makes a blocking call.
//!
//! A lost wake-up is a deadlock, which shuttle reports. It prints the seed of the schedule that
//! failed: with `SHUTTLE_RANDOM_SEED` set to it, that one comes first.

use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};

use crate::primitive::static_atomic::{AtomicU64, Ordering};
use crate::primitive::static_sync::{Arc, Mutex};
use crate::primitive::thread;
use crate::{
    Builder, Handle, Reason, TaskId, chan, park_timeout, sleep, spawn, sync, task, yield_now,
};

/// Schedules of each program by each scheduler.
const SCHEDULES: usize = 1_000;
/// Preemptions that the second scheduler places (Burckhardt et al., ASPLOS 2010).
const PREEMPTIONS: usize = 3;
/// Steps of one program that must be enough: beyond them nothing moves on.
const STEPS: usize = 1_000_000;
const STACK_BYTES: usize = 512 * 1024;

/// One program at a time: the table of tasks and the parts of ended runtimes are the process's,
/// and shuttle's atomics are for one thread of the system.
static ONE: Mutex<()> = Mutex::new(());

/// Runs a program, the main function of a runtime, under many schedules.
fn explore(workers: usize, program: fn()) {
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    explore_by(RandomScheduler::new(SCHEDULES), workers, program);
    explore_by(PctScheduler::new(PREEMPTIONS, SCHEDULES), workers, program);
}

fn explore_by(scheduler: impl Scheduler + 'static, workers: usize, program: fn()) {
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = shuttle::MaxSteps::FailAfter(STEPS);
    shuttle::Runner::new(scheduler, config).run(move || {
        let finished = Builder::new().workers(workers).try_run(program).unwrap();
        finished.result.unwrap();
        assert!(finished.leftover.is_empty(), "tasks spawned = tasks ended");
    });
}

/// A number up to `most`, by the schedule.
fn choose(most: u64) -> u64 {
    thread_rng().gen_range(0..=most)
}

#[test]
fn shuttle_every_spawned_task_is_joined() {
    explore(2, || {
        let tasks: Vec<_> = (0..3_u64)
            .map(|number| spawn(move || number + spawn(move || 10 * number).join().unwrap()))
            .collect();
        let sum: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, 33);
    });
}

#[test]
fn shuttle_every_message_that_is_sent_is_received_once() {
    explore(3, || {
        let (sender, receiver) = chan::bounded(1 + choose(1) as usize);
        let senders = [1, 100, 10_000].map(|unit: u64| {
            let sender = sender.clone();
            spawn(move || (0..3).for_each(|_| sender.send(unit).unwrap()))
        });
        drop(sender);
        let receivers = [(); 2].map(|()| {
            let receiver = receiver.clone();
            spawn(move || receiver.iter().sum::<u64>())
        });
        drop(receiver);
        senders.into_iter().for_each(|task| task.join().unwrap());
        let received: u64 = receivers.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(received, 30_303);
    });
}

#[test]
fn shuttle_a_mutex_and_its_condvar_lose_no_turn() {
    explore(2, || {
        let turns = Arc::new((sync::Mutex::new(0_u64), sync::Condvar::new()));
        let tasks: Vec<_> = (0..3)
            .map(|number| {
                let turns = Arc::clone(&turns);
                spawn(move || {
                    let (turn, changed) = &*turns;
                    for round in 0..2 {
                        let turn = turn.lock().unwrap();
                        let is_others = |turn: &mut u64| *turn != 3 * round + number;
                        *changed.wait_while(turn, is_others).unwrap() += 1;
                        changed.notify_all();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*turns.0.lock().unwrap(), 6);
    });
}

/// The pinned task's thread, its wakers and the other worker hand the task to each other.
#[test]
fn shuttle_a_pinned_task_gets_every_wake_up_and_every_turn() {
    explore(2, || {
        let (to, inbox) = chan::bounded(1);
        let (back, answers) = chan::bounded(1);
        let pinned = task::spawn_pinned(move || {
            for number in inbox.iter() {
                yield_now();
                back.send(number + 1).unwrap();
                park_timeout(
                    Reason::Other,
                    0,
                    TaskId::NONE,
                    Duration::from_millis(choose(1)),
                );
            }
        });
        let other = spawn(|| (0..3).for_each(|_| yield_now()));
        for number in 0..3_u64 {
            to.send(number).unwrap();
            pinned.id().unpark();
            assert_eq!(answers.recv(), Ok(number + 1));
        }
        drop(to);
        other.join().unwrap();
        pinned.join().unwrap();
    });
}

#[test]
fn shuttle_every_sleeper_wakes_and_not_before_its_time() {
    explore(3, || {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                spawn(|| {
                    for _ in 0..2 {
                        let duration = Duration::from_millis(choose(3));
                        let until_ns = crate::sys::clock::monotonic_ns()
                            + crate::sys::clock::duration_ns(duration);
                        sleep(duration);
                        assert!(crate::sys::clock::monotonic_ns() >= until_ns);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// A timeout that races with the wake-up it stands in for, and timers that are disarmed.
#[test]
fn shuttle_a_park_with_a_timeout_ends_by_either() {
    explore(2, || {
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let parked = spawn(|| {
                    for _ in 0..2 {
                        park_timeout(
                            Reason::Other,
                            0,
                            TaskId::NONE,
                            Duration::from_millis(choose(2)),
                        );
                    }
                    sleep(Duration::from_millis(1));
                });
                parked.id().unpark();
                parked
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn shuttle_tasks_from_a_foreign_thread_run() {
    explore(2, || {
        let handle = Handle::current().unwrap();
        let (sender, receiver) = chan::bounded(1);
        let foreign = thread::spawn(move || {
            // One at a time: the next one would make up for a wake-up that was lost. And not
            // at once: the workers are to be anywhere on their way to sleep.
            for number in [1, 2_u64] {
                (0..choose(300)).for_each(|_| thread::yield_now());
                let task = handle.spawn(move || number);
                sender.send(task.join().unwrap()).unwrap();
            }
        });
        assert_eq!(receiver.iter().sum::<u64>(), 3);
        foreign.join().unwrap();
    });
}

/// What a mix of tasks has done.
#[derive(Default)]
struct Accounts {
    spawned: AtomicU64,
    ended: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    locked: AtomicU64,
}

/// What the tasks of a mix share.
struct Mix {
    accounts: Accounts,
    lock: sync::Mutex<u64>,
}

impl Mix {
    /// A task of a few random steps, which joins what it spawns.
    fn spawn(mix: &Arc<Self>, sender: chan::Sender<u64>, depth: u64) -> crate::JoinHandle<()> {
        mix.accounts.spawned.fetch_add(1, Ordering::Relaxed);
        let mix = Arc::clone(mix);
        spawn(move || {
            let children: Vec<_> = (0..3)
                .filter_map(|_| Self::step(&mix, &sender, depth))
                .collect();
            children.into_iter().for_each(|task| task.join().unwrap());
            mix.accounts.ended.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn step(
        mix: &Arc<Self>,
        sender: &chan::Sender<u64>,
        depth: u64,
    ) -> Option<crate::JoinHandle<()>> {
        match choose(4) {
            0 if depth > 0 => return Some(Self::spawn(mix, sender.clone(), depth - 1)),
            1 => {
                mix.accounts.sent.fetch_add(1, Ordering::Relaxed);
                sender.send(1).unwrap();
            }
            2 => {
                mix.accounts.locked.fetch_add(1, Ordering::Relaxed);
                let mut held = mix.lock.lock().unwrap();
                yield_now();
                *held += 1;
            }
            3 => sleep(Duration::from_millis(choose(2))),
            _ => yield_now(),
        }
        None
    }
}

#[test]
fn shuttle_a_random_mix_conserves_tasks_messages_and_turns() {
    explore(2, || {
        let mix = Arc::new(Mix {
            accounts: Accounts::default(),
            lock: sync::Mutex::new(0),
        });
        let (sender, receiver) = chan::bounded(1);
        let tasks = [(); 3].map(|()| Mix::spawn(&mix, sender.clone(), 2));
        drop(sender);
        let accounts = &mix.accounts;
        for message in receiver {
            accounts.received.fetch_add(message, Ordering::Relaxed);
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!(read(&accounts.spawned), read(&accounts.ended));
        assert_eq!(read(&accounts.sent), read(&accounts.received));
        assert_eq!(read(&accounts.locked), *mix.lock.lock().unwrap());
    });
}

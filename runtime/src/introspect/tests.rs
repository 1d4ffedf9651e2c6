//! What tasks are seen to do, and which of them are seen to wait for each other.

use super::*;
use crate::sync::Mutex;
use crate::{Builder as RuntimeBuilder, Runtime, chan, spawn, task, yield_now};
use std::sync::Arc;

/// The task, as soon as it waits for this.
fn once_parked(id: TaskId, reason: Reason) -> Task {
    loop {
        let found = tasks().into_iter().find(|task| task.id() == id);
        match found {
            Some(task) if task.park().is_some_and(|park| park.reason() == reason) => return task,
            _ => yield_now(),
        }
    }
}

#[test]
fn a_parked_task_is_seen_with_what_it_waits_for() {
    Runtime::run(|| {
        let (sender, receiver) = chan::bounded::<()>(1);
        let named = task::Builder::new().name("reader");
        let reader = named.spawn(move || receiver.recv().is_err());
        let joined = reader.id();
        let joiner = spawn(move || reader.join().unwrap());
        let seen = once_parked(joined, Reason::ChanRecv);
        assert_eq!(
            (seen.state(), seen.site().name()),
            (State::Parked, Some("reader"))
        );
        assert!(seen.site().file().ends_with("introspect/tests.rs"));
        let waits = once_parked(joiner.id(), Reason::Join).park().unwrap();
        assert_eq!(waits.owner(), joined);
        let dump = Dump::new().to_string();
        assert!(
            dump.contains("1 parked: chan_recv at 0x") && dump.contains("\"reader\""),
            "{dump}"
        );
        let me = tasks()
            .into_iter()
            .find(|task| Some(task.id()) == task::current());
        assert_eq!(me.unwrap().state(), State::Running);
        drop(sender);
        assert!(joiner.join().unwrap());
    });
}

#[test]
fn tasks_that_wait_for_each_other_are_a_cycle() {
    // They are left behind: the runtime ends all the same.
    let finished = RuntimeBuilder::new().workers(2).try_run(|| {
        let locks = Arc::new([Mutex::new(0), Mutex::new(1), Mutex::new(2)]);
        let (ready, all_hold) = chan::bounded(3);
        let gates: Vec<_> = (0..3).map(|_| chan::bounded::<()>(1)).collect();
        let tasks: Vec<_> = (0..3)
            .map(|place| {
                let (locks, ready) = (Arc::clone(&locks), ready.clone());
                let gate = gates[place].1.clone();
                spawn(move || {
                    let _mine = locks[place].lock().unwrap();
                    ready.send(()).unwrap();
                    gate.recv().unwrap();
                    drop(locks[(place + 1) % 3].lock());
                })
                .id()
            })
            .collect();
        all_hold.iter().take(3).for_each(drop);
        assert!(cycles().is_empty());
        gates.iter().for_each(|gate| gate.0.send(()).unwrap());
        for &task in &tasks {
            once_parked(task, Reason::Mutex);
        }
        let ours = |cycle: &Cycle| tasks.contains(&cycle.tasks()[0].id());
        let found: Vec<_> = cycles().into_iter().filter(ours).collect();
        assert_eq!(found.len(), 1);
        let mut inside: Vec<_> = found[0].tasks().iter().map(Task::id).collect();
        inside.sort();
        let mut tasks = tasks;
        tasks.sort();
        assert_eq!(inside, tasks);
        let text = found[0].to_string();
        assert!(
            text.starts_with("deadlock: task ") && text.matches("mutex at").count() == 3,
            "{text}"
        );
    });
    finished.unwrap().result.unwrap();
}

#[test]
fn the_counters_of_a_line_are_what_happened_there() {
    Runtime::run(|| {
        let line = line!() + 1;
        let spawn_one = |fails: bool| spawn(move || assert!(!fails, "told to"));
        let tasks: Vec<_> = [false, true, false].map(spawn_one).into_iter().collect();
        tasks.into_iter().for_each(|task| drop(task.join()));
        let is_here = |site: &Site| site.file() == file!() && site.line() == line;
        let counts = sites().into_iter().find(|counts| is_here(counts.site()));
        let counts = counts.expect("it has spawned");
        assert_eq!((counts.spawned, counts.live), (3, 0));
        assert_eq!(
            (counts.returned, counts.panicked, counts.cancelled),
            (2, 1, 0)
        );
        let metrics = metrics();
        assert!(metrics.live >= 1 && metrics.workers >= 1, "{metrics:?}");
    });
}

#[test]
fn a_waiter_is_told_of_with_the_holder_of_now() {
    Runtime::run(|| {
        let lock = Arc::new(Mutex::new(()));
        let (go, gate) = chan::bounded::<()>(1);
        let guard = lock.lock().unwrap();
        let wait = |gate: chan::Receiver<()>| {
            let lock = Arc::clone(&lock);
            spawn(move || {
                let _guard = lock.lock().unwrap();
                let _ = gate.recv();
            })
        };
        let first = wait(gate.clone());
        once_parked(first.id(), Reason::Mutex);
        let second = wait(gate);
        let owner = once_parked(second.id(), Reason::Mutex)
            .park()
            .unwrap()
            .owner();
        assert_eq!(Some(owner), task::current());
        drop(guard);
        // The first one has it now; the second one slept through that.
        once_parked(first.id(), Reason::ChanRecv);
        let owner = once_parked(second.id(), Reason::Mutex)
            .park()
            .unwrap()
            .owner();
        assert_eq!(owner, first.id());
        drop(go);
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// Parks where the dump is to say so.
#[inline(never)]
fn wait_in_a_function_with_a_name(gate: &chan::Receiver<()>) -> bool {
    std::hint::black_box(gate).recv().is_err()
}

#[test]
#[cfg(not(miri))]
fn a_parked_task_is_seen_with_where_it_is() {
    Runtime::run(|| {
        let (go, gate) = chan::bounded::<()>(1);
        let waiting = spawn(move || wait_in_a_function_with_a_name(&gate));
        let task = once_parked(waiting.id(), Reason::ChanRecv);
        let stack = task.stack().expect("it is parked");
        let shown = stack.to_string();
        assert!(shown.lines().count() >= stack.addresses().len(), "{shown}");
        let dump = Dump::with_stacks().to_string();
        assert!(dump.contains(&shown), "{dump}");
        if cfg!(feature = "symbols") {
            assert!(shown.contains("runtime::task::wait::"), "{shown}");
        }
        drop(go);
        assert!(waiting.join().unwrap());
        assert_eq!(task.stack(), None, "it has gone on");
    });
}

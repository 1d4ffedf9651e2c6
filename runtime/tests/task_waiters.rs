//! What a waker is told about whom it wakes.

use std::sync::mpsc::channel;

use runtime::sync::WaitGroup;
use runtime::{Builder, Reason, TaskId, spawn, task};

#[test]
fn waking_a_task_that_is_alive_says_so_and_one_that_has_ended_not() {
    Builder::new().workers(1).run(|| {
        let waits = spawn(|| task::park(Reason::Other, 0, TaskId::NONE));
        let waiting = waits.id();
        assert!(waiting.unpark(), "it has not run yet");
        waits.join().unwrap();
        assert!(!waiting.unpark());
        assert!(!TaskId::NONE.unpark());
        let me = task::waiter();
        assert!(me.unpark());
        task::park(Reason::Other, 0, TaskId::NONE);
    });
}

#[test]
fn waking_a_task_whose_runtime_has_ended_says_that_it_was_in_vain() {
    let (sender, receiver) = channel();
    Builder::new().workers(1).run(move || {
        let sent = WaitGroup::new();
        let member = sent.clone();
        drop(spawn(move || {
            sender.send(task::waiter()).unwrap();
            drop(member);
            loop {
                task::park(Reason::Other, 0, TaskId::NONE);
            }
        }));
        sent.wait();
    });
    assert!(!receiver.recv().unwrap().unpark());
}

#[test]
fn a_thread_can_always_be_woken() {
    let waiter = task::waiter();
    assert_eq!(waiter.task(), TaskId::NONE);
    assert!(waiter.unpark());
    task::park(Reason::Other, 0, TaskId::NONE);
}

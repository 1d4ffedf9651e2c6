//! Destructors that wait while their task unwinds: they get what they wait for, wake whoever waits
//! for them, and do not keep a runtime from ending.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runtime::sync::{Condvar, Mutex, WaitGroup};
use runtime::{Builder, JoinHandle, Leftover, Reason, TaskId, chan, spawn, task, yield_now};

/// Calls a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A task that panics and then calls a function.
fn unwinding_task(then: impl FnMut() + Send + 'static) -> JoinHandle<()> {
    spawn(move || {
        let _then = OnDrop(then);
        std::panic::resume_unwind(Box::new("told to unwind"));
    })
}

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

#[test]
fn a_mutex_that_another_holds_is_got_and_not_poisoned() {
    run(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let (locking, is_locking) = (Arc::new(AtomicBool::new(false)), Arc::clone(&mutex));
        let begins = Arc::clone(&locking);
        let task = unwinding_task(move || {
            begins.store(true, Ordering::Release);
            *is_locking.lock().unwrap() += 1;
        });
        while !locking.load(Ordering::Acquire) {
            yield_now();
        }
        let behind = Arc::clone(&mutex);
        let behind = spawn(move || *behind.lock().unwrap() += 1);
        drop(guard);
        assert!(task.join().unwrap_err().is_panic());
        behind.join().unwrap();
        assert!(!mutex.is_poisoned());
        assert_eq!(*mutex.lock().unwrap(), 2);
    });
}

#[test]
fn a_full_channel_takes_the_message_and_an_empty_one_gives_it() {
    run(|| {
        let (sender, receiver) = chan::bounded(1);
        let (answer, answers) = chan::bounded(1);
        sender.send(1).unwrap();
        let task = unwinding_task(move || {
            sender.send(2).unwrap();
            assert_eq!(answers.recv(), Ok(3));
        });
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        answer.send(3).unwrap();
        assert!(task.join().unwrap_err().is_panic());
        assert!(receiver.recv().is_err());
    });
}

#[test]
fn a_notification_and_a_group_are_waited_for() {
    run(|| {
        let ready = Arc::new((Mutex::new(false), Condvar::new()));
        let (group, waiting) = (WaitGroup::new(), Arc::clone(&ready));
        let mut member = Some(group.clone());
        let task = unwinding_task(move || {
            let guard = waiting.0.lock().unwrap();
            drop(waiting.1.wait_while(guard, |ready| !*ready).unwrap());
            member.take().unwrap().wait();
        });
        *ready.0.lock().unwrap() = true;
        ready.1.notify_one();
        group.wait();
        assert!(task.join().unwrap_err().is_panic());
    });
}

#[test]
fn a_wait_without_end_does_not_keep_the_runtime_from_ending() {
    let finished = Builder::new().workers(2).try_run(|| {
        let mutex = Arc::new(Mutex::new(()));
        let held = Arc::clone(&mutex);
        let (group, holding) = (WaitGroup::new(), WaitGroup::new());
        let (member, holds) = (group.clone(), holding.clone());
        drop(spawn(move || {
            let _guard = held.lock().unwrap();
            drop(holds);
            loop {
                task::park(Reason::Other, 0, TaskId::NONE);
            }
        }));
        holding.wait();
        let mut member = Some(member);
        drop(unwinding_task(move || {
            drop(member.take());
            drop(mutex.lock());
        }));
        group.wait();
    });
    let leftover = finished.unwrap().leftover;
    assert_eq!(leftover.iter().map(Leftover::tasks).sum::<u64>(), 2);
}

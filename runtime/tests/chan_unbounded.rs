//! Channels without a bound: sending never waits, order and closing are as elsewhere.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime::chan::{self, RecvError, SendError, TryRecvError, TrySendError};
use runtime::{Builder, spawn};

const MESSAGES: u64 = if cfg!(miri) { 20 } else { 5_000 };

#[test]
fn takes_any_number_of_messages_and_gives_them_in_order() {
    let (sender, receiver) = chan::unbounded();
    for round in 0..2 {
        (0..MESSAGES).for_each(|number| sender.send(number).unwrap());
        assert_eq!(receiver.len() as u64, MESSAGES, "round {round}");
        assert!((0..MESSAGES).all(|number| receiver.recv() == Ok(number)));
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.capacity(), usize::MAX);
}

#[test]
fn sending_does_not_wait_whatever_the_time() {
    let (sender, receiver) = chan::unbounded();
    sender.send_until(1, Duration::ZERO).unwrap();
    sender.try_send(2).unwrap();
    drop(sender);
    assert_eq!(receiver.into_iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn gives_the_message_back_when_every_receiver_is_gone() {
    let (sender, receiver) = chan::unbounded();
    let message = Arc::new(());
    sender.send(Arc::clone(&message)).unwrap();
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1, "what was in it is dropped");
    assert_eq!(
        sender.send(message.clone()),
        Err(SendError(message.clone()))
    );
    assert_eq!(
        sender.try_send(message.clone()),
        Err(TrySendError::Closed(message))
    );
}

#[test]
fn a_receiver_waits_for_tasks_and_threads() {
    Builder::new().workers(2).run(|| {
        let (sender, receiver) = chan::unbounded();
        let of_thread = sender.clone();
        let thread = thread::spawn(move || {
            (0..MESSAGES).for_each(|number| of_thread.send(number).unwrap());
        });
        let tasks: Vec<_> = (1..4)
            .map(|task| {
                let sender = sender.clone();
                spawn(move || {
                    (0..MESSAGES).for_each(|n| sender.send(task * MESSAGES + n).unwrap());
                })
            })
            .collect();
        drop(sender);
        let mut received: Vec<_> = receiver.iter().collect();
        received.sort_unstable();
        assert!(received.into_iter().eq(0..4 * MESSAGES));
        assert_eq!(receiver.recv(), Err(RecvError));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        runtime::blocking(|| thread.join()).unwrap();
    });
}

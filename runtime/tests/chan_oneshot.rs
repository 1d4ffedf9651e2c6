//! Channels for one message: it arrives once or comes back, and both ends know of the other.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::chan::{self, RecvError, RecvUntilError, SendError, TryRecvError};
use runtime::{Runtime, spawn, yield_now};

#[test]
fn a_message_waits_for_its_receiver() {
    let (sender, receiver) = chan::oneshot();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(7).unwrap();
    assert_eq!(receiver.recv(), Ok(7));
}

#[test]
fn a_receiver_waits_for_the_message() {
    Runtime::run(|| {
        let (sender, receiver) = chan::oneshot();
        let receiving = spawn(move || receiver.recv());
        yield_now();
        sender.send(7).unwrap();
        assert_eq!(receiving.join().unwrap(), Ok(7));
    });
}

#[test]
fn tasks_and_threads_send_to_each_other() {
    Runtime::run(|| {
        let ((ask, asked), (answer, answered)) = (chan::oneshot(), chan::oneshot());
        let thread = thread::spawn(move || answer.send(asked.recv().unwrap() + 1));
        ask.send(1).unwrap();
        assert_eq!(answered.recv(), Ok(2));
        runtime::blocking(|| thread.join()).unwrap().unwrap();
    });
}

#[test]
fn each_end_knows_when_the_other_is_gone() {
    Runtime::run(|| {
        let (sender, receiver) = chan::oneshot();
        assert!(!sender.is_closed());
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(7), Err(SendError(7)));

        let (sender, receiver) = chan::oneshot::<u8>();
        let waiting = spawn(move || receiver.recv());
        yield_now();
        drop(sender);
        assert_eq!(waiting.join().unwrap(), Err(RecvError));
    });
}

#[test]
fn the_message_is_received_once() {
    let (sender, receiver) = chan::oneshot();
    sender.send(7).unwrap();
    assert_eq!(receiver.try_recv(), Ok(7));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(receiver.recv(), Err(RecvError));
}

#[test]
fn a_message_that_nobody_receives_is_dropped_with_the_receiver() {
    let message = Arc::new(());
    let (sender, receiver) = chan::oneshot();
    sender.send(Arc::clone(&message)).unwrap();
    assert_eq!(Arc::strong_count(&message), 2);
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn a_receiver_that_gave_up_can_wait_again() {
    Runtime::run(|| {
        let (sender, receiver) = chan::oneshot();
        let token = Token::new();
        token.cancel();
        assert!(matches!(
            receiver.recv_until(&token),
            Err(RecvUntilError::Interrupted(_))
        ));
        let error = receiver.recv_until(Duration::from_millis(1)).unwrap_err();
        assert!(error.interrupted().is_some_and(|why| why.is_timeout()));
        let sending = spawn(move || sender.send(7));
        assert_eq!(receiver.recv_until(Duration::from_secs(3600)).unwrap(), 7);
        sending.join().unwrap().unwrap();
    });
}

#[test]
fn of_several_that_wait_one_gets_it_and_the_others_learn_that_it_is_gone() {
    Runtime::run(|| {
        let (sender, receiver) = chan::oneshot();
        let receiver = Arc::new(receiver);
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                spawn(move || receiver.recv_until(Duration::from_secs(3600)).is_ok())
            })
            .collect();
        (0..10).for_each(|_| yield_now());
        sender.send(()).unwrap();
        let outcomes: Vec<_> = waiting
            .into_iter()
            .map(|task| task.join().unwrap())
            .collect();
        assert_eq!(outcomes.iter().filter(|received| **received).count(), 1);
    });
}

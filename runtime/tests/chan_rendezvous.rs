//! Channels without room: who meets whom, and what a message that nobody took becomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use runtime::cancel::Token;
use runtime::chan::{self, RecvError, RecvUntilError, SendUntilError, TryRecvError, TrySendError};
use runtime::{Builder, Runtime, spawn, yield_now};

const MESSAGES: u64 = if cfg!(miri) { 20 } else { 2_000 };

/// Tries until it succeeds; for the other side of a waiting task.
fn until_some<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        match attempt() {
            Some(value) => return value,
            None => yield_now(),
        }
    }
}

#[test]
fn neither_end_can_do_anything_alone() {
    let (sender, receiver) = chan::rendezvous();
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!((sender.capacity(), sender.len()), (0, 0));
    assert!(sender.is_empty() && receiver.is_empty());
}

#[test]
fn a_capacity_of_zero_is_a_rendezvous() {
    let (sender, _receiver) = chan::bounded(0);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
}

#[test]
fn a_send_returns_when_its_message_was_taken() {
    Runtime::run(|| {
        let (sender, receiver) = chan::rendezvous();
        let is_sent = Arc::new(AtomicBool::new(false));
        let sending = spawn({
            let is_sent = Arc::clone(&is_sent);
            move || {
                sender.send(7).unwrap();
                is_sent.store(true, Ordering::SeqCst);
            }
        });
        (0..100).for_each(|_| yield_now());
        assert!(!is_sent.load(Ordering::SeqCst));
        assert_eq!(receiver.recv(), Ok(7));
        sending.join().unwrap();
    });
}

#[test]
fn tries_succeed_when_the_other_end_waits() {
    Runtime::run(|| {
        let (sender, receiver) = chan::rendezvous();
        let receiving = spawn({
            let receiver = receiver.clone();
            move || receiver.recv()
        });
        until_some(|| sender.try_send(1).ok());
        assert_eq!(receiving.join().unwrap(), Ok(1));
        let sending = spawn(move || sender.send(2));
        assert_eq!(until_some(|| receiver.try_recv().ok()), 2);
        sending.join().unwrap().unwrap();
    });
}

#[test]
fn many_senders_and_receivers_meet() {
    Builder::new().workers(2).run(|| {
        let (sender, receiver) = chan::rendezvous();
        let senders: Vec<_> = (0..4)
            .map(|number| {
                let sender = sender.clone();
                spawn(move || {
                    for message in 0..MESSAGES {
                        sender.send(number * MESSAGES + message).unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(move || receiver.iter().collect::<Vec<_>>())
            })
            .collect();
        senders.into_iter().for_each(|task| task.join().unwrap());
        let mut received: Vec<_> = receivers
            .into_iter()
            .flat_map(|task| task.join().unwrap())
            .collect();
        received.sort_unstable();
        assert!(received.into_iter().eq(0..4 * MESSAGES));
    });
}

#[test]
fn one_sender_is_received_in_order_by_a_thread() {
    Runtime::run(|| {
        let (sender, receiver) = chan::rendezvous();
        let receiving = thread::spawn(move || receiver.iter().eq(0..MESSAGES));
        for message in 0..MESSAGES {
            sender.send(message).unwrap();
        }
        drop(sender);
        assert!(runtime::blocking(|| receiving.join()).unwrap());
    });
}

#[test]
fn closing_wakes_whoever_waits_and_gives_messages_back() {
    Runtime::run(|| {
        let (sender, receiver) = chan::rendezvous();
        let senders: Vec<_> = (0..4)
            .map(|message| {
                let sender = sender.clone();
                spawn(move || sender.send(message).map_err(|error| error.into_inner()))
            })
            .collect();
        (0..10).for_each(|_| yield_now());
        drop(receiver);
        for (message, task) in senders.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), Err(message));
        }
        assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));

        let (sender, receiver) = chan::rendezvous::<u8>();
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(move || receiver.recv())
            })
            .collect();
        (0..10).for_each(|_| yield_now());
        drop(sender);
        for task in receivers {
            assert_eq!(task.join().unwrap(), Err(RecvError));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    });
}

#[test]
fn a_sender_that_gives_up_has_its_message_back() {
    Runtime::run(|| {
        let (sender, receiver) = chan::rendezvous();
        let error = sender.send_until(7, Duration::from_millis(1)).unwrap_err();
        assert!(error.interrupted().is_some_and(|why| why.is_timeout()));
        assert_eq!(error.into_inner(), 7);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));

        let token = Token::new();
        let sending = spawn({
            let (sender, token) = (sender.clone(), token.clone());
            move || sender.send_until(8, &token)
        });
        yield_now();
        token.cancel();
        assert!(matches!(
            sending.join().unwrap(),
            Err(SendUntilError::Interrupted(8, _))
        ));
    });
}

/// Every message is either taken or given back, though both sides give up all the time.
#[test]
fn hasty_senders_and_receivers_lose_and_double_nothing() {
    Builder::new().workers(2).run(|| {
        let (sender, receiver) = chan::rendezvous();
        let senders: Vec<_> = (0..3)
            .map(|number| {
                let sender = sender.clone();
                spawn(move || {
                    let messages = number * MESSAGES..(number + 1) * MESSAGES;
                    let time = Duration::from_micros(5 * number);
                    messages
                        .filter(|&message| sender.send_until(message, time).is_ok())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = (0..2)
            .map(|number| {
                let receiver = receiver.clone();
                spawn(move || {
                    let mut received = Vec::new();
                    loop {
                        match receiver.recv_until(Duration::from_micros(7 * number)) {
                            Ok(message) => received.push(message),
                            Err(RecvUntilError::Interrupted(_)) => yield_now(),
                            Err(RecvUntilError::Closed) => return received,
                        }
                    }
                })
            })
            .collect();
        let join = |tasks: Vec<runtime::JoinHandle<Vec<u64>>>| {
            let mut all: Vec<_> = tasks
                .into_iter()
                .flat_map(|task| task.join().unwrap())
                .collect();
            all.sort_unstable();
            all
        };
        let sent = join(senders);
        assert_eq!(join(receivers), sent);
    });
}

#[test]
fn a_message_that_was_given_up_is_dropped_once() {
    Runtime::run(|| {
        let message = Arc::new(());
        let (sender, receiver) = chan::rendezvous();
        drop(sender.send_until(Arc::clone(&message), Duration::ZERO));
        assert_eq!(Arc::strong_count(&message), 1);
        let sending = spawn({
            let message = Arc::clone(&message);
            move || sender.send(message)
        });
        drop(until_some(|| receiver.try_recv().ok()));
        sending.join().unwrap().unwrap();
        assert_eq!(Arc::strong_count(&message), 1);
    });
}

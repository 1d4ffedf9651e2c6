//! Selects whose operations are added in a loop.

use std::time::Duration;

use runtime::cancel::Token;
use runtime::chan::select::{After, CancelledBy, Select};
use runtime::chan::{self, RecvError};
use runtime::{Builder, Runtime, spawn, yield_now};

const MESSAGES: u64 = if cfg!(miri) { 10 } else { 500 };

#[test]
fn says_which_operation_took_place_and_what_came_of_it() {
    let (sender, receiver) = chan::bounded(1);
    let (full, _kept) = chan::rendezvous();
    sender.send(7).unwrap();
    let (mut receiving, mut sending) = (receiver.receiving(), full.sending("kept"));
    let mut select = Select::new();
    let index = select.add(&mut receiving);
    select.add(&mut sending);
    assert_eq!(select.wait(), index);
    assert_eq!(receiving.take(), Some(Ok(7)));
    assert_eq!(receiving.take(), None);
    assert_eq!(sending.into_message(), Some("kept"));
}

#[test]
fn an_operation_can_be_used_again() {
    let (sender, receiver) = chan::bounded(1);
    let mut receiving = receiver.receiving();
    for number in 0..3 {
        sender.send(number).unwrap();
        let mut select = Select::new();
        select.add(&mut receiving);
        assert_eq!(select.try_now(), Some(0));
        assert_eq!(receiving.take(), Some(Ok(number)));
    }
}

#[test]
fn what_was_received_and_not_asked_for_is_not_lost_in_the_next_select() {
    let (sender, receiver) = chan::bounded(2);
    let mut receiving = receiver.receiving();
    for number in 0..2 {
        sender.send(number).unwrap();
        let mut select = Select::new();
        select.add(&mut receiving);
        assert_eq!(select.wait(), 0);
    }
    assert_eq!(receiving.take(), Some(Ok(0)));
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn waits_no_longer_than_it_may_and_keeps_the_messages() {
    Runtime::run(|| {
        let (sender, _receiver) = chan::rendezvous();
        let mut sending = sender.sending(7);
        let mut select = Select::new();
        select.add(&mut sending);
        assert!(
            select
                .wait_until(Duration::from_millis(1))
                .unwrap_err()
                .is_timeout()
        );
        let token = Token::new();
        let cancelling = spawn({
            let token = token.clone();
            move || token.cancel()
        });
        let mut select = Select::new();
        select.add(&mut sending);
        assert!(!select.wait_until(&token).unwrap_err().is_timeout());
        cancelling.join().unwrap();
        assert_eq!(sending.into_message(), Some(7));
        let none = Select::new().wait_until(Duration::from_millis(1));
        assert!(none.unwrap_err().is_timeout());
        assert_eq!(Select::new().try_now(), None);
    });
}

#[test]
fn an_arm_that_ends_with_the_wait_takes_place() {
    Runtime::run(|| {
        let token = Token::new();
        token.cancel();
        let mut cancelled = CancelledBy::from(&token);
        let mut select = Select::new();
        select.add(&mut cancelled);
        assert_eq!(select.wait_until(&token).unwrap(), 0);
        assert!(cancelled.take().is_some());
        let mut after = After::from(Duration::from_millis(1));
        let mut select = Select::new();
        select.add(&mut after);
        assert_eq!(select.wait_until(Duration::from_secs(3600)).unwrap(), 0);
    });
}

#[test]
fn merges_many_channels() {
    const CHANNELS: u64 = 20;
    Builder::new().workers(2).run(|| {
        let mut open: Vec<_> = (0..CHANNELS)
            .map(|number| {
                let (sender, receiver) = chan::bounded(number as usize % 3);
                spawn(move || {
                    for message in 0..MESSAGES {
                        sender.send(number * MESSAGES + message).unwrap();
                    }
                });
                receiver
            })
            .collect();
        let mut received = Vec::new();
        while !open.is_empty() {
            let mut operations: Vec<_> = open.iter().map(|receiver| receiver.receiving()).collect();
            let mut select = Select::new();
            for operation in &mut operations {
                select.add(operation);
            }
            let index = select.wait();
            let message = operations[index].take().unwrap();
            drop(operations);
            match message {
                Ok(message) => received.push(message),
                Err(RecvError) => drop(open.swap_remove(index)),
            }
        }
        received.sort_unstable();
        assert!(received.into_iter().eq(0..CHANNELS * MESSAGES));
    });
}

#[test]
fn the_same_channel_may_be_in_several_operations() {
    Runtime::run(|| {
        let (sender, receiver) = chan::rendezvous();
        let selecting = spawn({
            let (sender, receiver) = (sender.clone(), receiver.clone());
            move || {
                let (mut a, mut b) = (receiver.receiving(), receiver.receiving());
                let mut c = sender.sending(1);
                let mut select = Select::new();
                select.add(&mut a);
                select.add(&mut b);
                select.add(&mut c);
                let index = select.wait();
                (index, a.take().or(b.take()))
            }
        });
        while sender.try_send(7).is_err() {
            yield_now();
        }
        let (index, message) = selecting.join().unwrap();
        assert!(index < 2);
        assert_eq!(message, Some(Ok(7)));
        assert!(receiver.try_recv().is_err());
    });
}

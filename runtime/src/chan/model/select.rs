//! Models of the select: it takes one operation, nobody waits for ever, nothing is lost between
//! its arms. Tokens are not modelled themselves (their lock is `std`'s): what they do here is to
//! wake a select that may be chosen at the same time.

use loom::thread;

use super::check;
use crate::cancel::Token;
use crate::chan::select::{CancelledBy, Select};
use crate::chan::{self, Receiver, RecvError, Sender};

/// Receives from whichever comes first; its index too.
fn receive<const N: usize>(receivers: [&Receiver<i32>; N]) -> (usize, Result<i32, RecvError>) {
    let mut operations = receivers.map(Receiver::receiving);
    let mut select = Select::new();
    for operation in &mut operations {
        select.add(operation);
    }
    let index = select.wait();
    (index, operations[index].take().unwrap())
}

/// Sends to whichever takes it first; its index.
fn send<const N: usize>(senders: [&Sender<i32>; N], message: i32) -> usize {
    let mut operations = senders.map(|sender| sender.sending(message));
    let mut select = Select::new();
    for operation in &mut operations {
        select.add(operation);
    }
    let index = select.wait();
    assert_eq!(operations[index].take(), Some(Ok(())));
    index
}

#[test]
fn a_select_of_two_channels_gets_the_messages_of_two_peers() {
    for capacities in [[1, 1], [0, 0], [0, 1]] {
        check(3, move || {
            let [(to_first, first), (to_second, second)] = capacities.map(chan::bounded);
            // They keep their ends: a closed channel would be ready, too.
            let peers = [(to_first, 1), (to_second, 2)].map(|(sender, message)| {
                thread::spawn(move || {
                    sender.send(message).unwrap();
                    sender
                })
            });
            let rest = match receive([&first, &second]) {
                (0, message) => {
                    assert_eq!(message, Ok(1));
                    second.recv()
                }
                (_, message) => {
                    assert_eq!(message, Ok(2));
                    first.recv().map(|message| 3 - message)
                }
            };
            assert_eq!(rest, Ok(2));
            let _ = peers.map(|peer| peer.join().unwrap());
        });
    }
}

#[test]
fn two_selects_share_the_messages_of_two_channels() {
    for capacity in [0, 1] {
        check(2, move || {
            let (to_first, first) = chan::bounded(capacity);
            let (to_second, second) = chan::bounded(capacity);
            let other = [first.clone(), second.clone()];
            let receiving = thread::spawn(move || receive([&other[1], &other[0]]).1.unwrap());
            let sending = thread::spawn(move || {
                to_first.send(1).unwrap();
                to_first
            });
            let sent = thread::spawn(move || {
                to_second.send(2).unwrap();
                to_second
            });
            let mine = receive([&first, &second]).1.unwrap();
            assert_eq!(mine + receiving.join().unwrap(), 3);
            sending.join().unwrap();
            sent.join().unwrap();
        });
    }
}

#[test]
fn a_sending_and_a_receiving_select_meet() {
    check(4, || {
        let (to_first, first) = chan::rendezvous();
        let (to_second, second) = chan::rendezvous();
        let sending = thread::spawn(move || {
            let index = send([&to_first, &to_second], 7);
            (index, to_first, to_second)
        });
        let (received_at, message) = receive([&second, &first]);
        assert_eq!(message, Ok(7));
        let (sent_at, ..) = sending.join().unwrap();
        assert_eq!(sent_at, 1 - received_at);
    });
}

#[test]
fn a_sending_select_gives_its_message_to_one_of_two_receivers() {
    check(3, || {
        let (to_first, first) = chan::rendezvous();
        let (to_second, second) = chan::rendezvous();
        let receivers = [first, second].map(|receiver| thread::spawn(move || receiver.recv()));
        send([&to_first, &to_second], 7);
        drop((to_first, to_second));
        let received = receivers.map(|thread| thread.join().unwrap());
        assert_eq!(
            received.iter().filter(|message| **message == Ok(7)).count(),
            1
        );
    });
}

#[test]
fn a_select_learns_that_a_channel_is_closed() {
    for capacity in [0, 1] {
        check(4, move || {
            let (to_first, first) = chan::bounded(capacity);
            let (to_second, second) = chan::bounded::<i32>(capacity);
            let closing = thread::spawn(move || drop(to_second));
            let sending = thread::spawn(move || to_first.send(1));
            match receive([&first, &second]) {
                (0, message) => assert_eq!(message, Ok(1)),
                (_, message) => {
                    assert_eq!(message, Err(RecvError));
                    assert_eq!(first.recv(), Ok(1));
                }
            }
            sending.join().unwrap().unwrap();
            closing.join().unwrap();
        });
    }
}

#[test]
fn a_sending_select_has_its_message_back_when_the_receivers_go() {
    check(4, || {
        let (sender, receiver) = chan::rendezvous();
        let (other, kept) = chan::rendezvous();
        let closing = thread::spawn(move || drop(receiver));
        let (mut a, mut b) = (sender.sending(1), other.sending(2));
        let mut select = Select::new();
        select.add(&mut a);
        select.add(&mut b);
        assert_eq!(select.wait(), 0);
        assert!(a.take().unwrap().is_err());
        assert_eq!(b.into_message(), Some(2));
        closing.join().unwrap();
        drop(kept);
    });
}

#[test]
fn a_cancelled_select_takes_a_message_or_leaves_it() {
    for capacity in [0, 1] {
        check(4, move || {
            let (sender, receiver) = chan::bounded(capacity);
            let token = Token::new();
            let cancelling = {
                let token = token.clone();
                thread::spawn(move || token.cancel())
            };
            let sending = thread::spawn(move || sender.send(7));
            let (mut receiving, mut cancelled) = (receiver.receiving(), CancelledBy::from(&token));
            let mut select = Select::new();
            select.add(&mut receiving);
            select.add(&mut cancelled);
            let index = select.wait();
            cancelling.join().unwrap();
            match index {
                0 => assert_eq!(receiving.take(), Some(Ok(7))),
                _ => {
                    assert_eq!(receiving.take(), None);
                    assert_eq!(receiver.recv(), Ok(7));
                }
            }
            sending.join().unwrap().unwrap();
        });
    }
}

/// The select may be woken for the message and end by its token; then the other receiver must
/// learn of the message.
#[test]
fn a_select_that_ends_otherwise_leaves_the_message_to_the_next() {
    check(3, || {
        let (sender, receiver) = chan::bounded(1);
        let token = Token::new();
        let selecting = {
            let (receiver, token) = (receiver.clone(), token.clone());
            thread::spawn(move || {
                let (mut receiving, mut cancelled) =
                    (receiver.receiving(), CancelledBy::from(&token));
                let mut select = Select::new();
                select.add(&mut cancelled);
                select.add(&mut receiving);
                let _ = select.wait();
                receiving.take()
            })
        };
        let cancelling = thread::spawn(move || {
            token.cancel();
            sender.send(7).unwrap();
            sender.send(8)
        });
        assert!(receiver.recv().is_ok());
        let by_select = selecting.join().unwrap();
        if by_select.is_none() {
            assert_eq!(receiver.recv(), Ok(8));
        }
        cancelling.join().unwrap().unwrap();
    });
}

/// At every moment there is a message in one of two channels.
#[test]
fn a_select_that_does_not_wait_sees_one_moment_of_both_channels() {
    check(3, || {
        let (to_first, first) = chan::bounded(1);
        let (to_second, second) = chan::bounded(1);
        to_first.send(1).unwrap();
        let [left, right] = [first.clone(), second.clone()];
        let looking = thread::spawn(move || {
            // In this order, which a model does not shuffle.
            let mut operations = [right.receiving(), left.receiving()];
            let mut select = Select::new();
            for operation in &mut operations {
                select.add(operation);
            }
            select.try_now()
        });
        to_second.send(2).unwrap();
        let _ = first.try_recv();
        assert!(looking.join().unwrap().is_some());
        drop(second);
    });
}

//! Models of the channel without room, the one without a bound, the one for one message, and of
//! waits that are interrupted.

use loom::thread;

use super::check;
use crate::cancel::Token;
use crate::chan::{self, RecvError, RecvUntilError};

#[test]
fn a_rendezvous_hands_each_message_over_once() {
    check(3, || {
        let (sender, receiver) = chan::rendezvous();
        let other = receiver.clone();
        let receiving = thread::spawn(move || other.recv().unwrap());
        let sending = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        assert_eq!(receiver.recv().unwrap() + receiving.join().unwrap(), 3);
        sending.join().unwrap();
        assert_eq!(receiver.recv(), Err(RecvError));
    });
}

#[test]
fn a_send_to_a_rendezvous_succeeds_or_gives_the_message_back_as_the_receiver_goes() {
    check(3, || {
        let (sender, receiver) = chan::rendezvous();
        let receiving = thread::spawn(move || receiver.try_recv().ok());
        let sent = sender.send(7);
        assert_eq!(receiving.join().unwrap().is_some(), sent.is_ok());
    });
}

#[test]
fn a_sender_that_is_interrupted_has_its_message_back_or_it_was_taken() {
    check(3, || {
        let (sender, receiver) = chan::rendezvous();
        let token = Token::new();
        let cancelling = {
            let token = token.clone();
            thread::spawn(move || token.cancel())
        };
        let receiving = thread::spawn(move || (receiver.try_recv().ok(), receiver));
        let sent = sender.send_until(7, &token);
        let (received, _receiver) = receiving.join().unwrap();
        match sent {
            Ok(()) => assert_eq!(received, Some(7)),
            Err(error) => assert_eq!((error.into_inner(), received), (7, None)),
        }
        cancelling.join().unwrap();
    });
}

#[test]
fn a_receiver_that_is_interrupted_leaves_the_message_to_the_next() {
    for capacity in [0, 1] {
        check(3, move || {
            let (sender, receiver) = chan::bounded(capacity);
            let token = Token::new();
            let hasty = {
                let (receiver, token) = (receiver.clone(), token.clone());
                thread::spawn(move || receiver.recv_until(&token))
            };
            let sending = thread::spawn(move || {
                sender.send(7).unwrap();
                token.cancel();
            });
            let patient = receiver.recv();
            match hasty.join().unwrap() {
                Ok(message) => assert_eq!((message, patient), (7, Err(RecvError))),
                Err(RecvUntilError::Interrupted(_) | RecvUntilError::Closed) => {
                    assert_eq!(patient, Ok(7));
                }
            }
            sending.join().unwrap();
        });
    }
}

#[test]
fn senders_to_an_unbounded_channel_wake_its_receivers() {
    check(3, || {
        let (sender, receiver) = chan::unbounded();
        let other = sender.clone();
        let sending = [(sender, 1), (other, 2)]
            .map(|(sender, message)| thread::spawn(move || sender.send(message).unwrap()));
        assert_eq!(receiver.iter().sum::<i32>(), 3);
        let _ = sending.map(|thread| thread.join().unwrap());
    });
}

#[test]
fn the_one_message_arrives_or_comes_back() {
    check(4, || {
        let (sender, receiver) = chan::oneshot();
        let receiving = thread::spawn(move || receiver.recv());
        sender.send(7).unwrap();
        assert_eq!(receiving.join().unwrap(), Ok(7));
    });
    check(4, || {
        let (sender, receiver) = chan::oneshot();
        let receiving = thread::spawn(move || receiver.try_recv().ok());
        let sent = sender.send(7);
        let received = receiving.join().unwrap();
        assert!(sent.is_ok() || received.is_none());
    });
}

#[test]
fn a_receiver_of_one_message_learns_that_it_will_not_come() {
    check(4, || {
        let (sender, receiver) = chan::oneshot::<i32>();
        let closing = thread::spawn(move || drop(sender));
        assert_eq!(receiver.recv(), Err(RecvError));
        closing.join().unwrap();
    });
}

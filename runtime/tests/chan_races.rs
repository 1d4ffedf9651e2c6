//! Channels whose state changes while somebody looks: what Go's and crossbeam's tests of selects
//! without waiting, of closing and of selects on one channel ask for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::chan::{self, Receiver, TryRecvError};
use runtime::{Builder, select, spawn, yield_now};

const ROUNDS: u32 = if cfg!(miri) { 50 } else { 5_000 };

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

/// Looks at two channels on another thread, while the caller makes the second one ready and then
/// the first one not. At every moment there is something in one of them.
fn looks_while_it_moves(make_ready: impl Fn() -> (Receiver<u8>, Box<dyn FnOnce()>)) {
    for _ in 0..ROUNDS {
        let (first, left) = chan::bounded(1);
        first.send(1).unwrap();
        let (right, ready) = make_ready();
        let looking = {
            let left = left.clone();
            std::thread::spawn(move || {
                select! {
                    recv(left) -> _ => true,
                    recv(right) -> _ => true,
                    default => false,
                }
            })
        };
        ready();
        let _ = left.try_recv();
        assert!(looking.join().unwrap(), "there was always one to take");
    }
}

#[test]
fn a_select_that_does_not_wait_sees_one_moment_of_all_channels() {
    looks_while_it_moves(|| {
        let (sender, receiver) = chan::bounded(1);
        // Refused where whoever looked is gone already, with what was in the other.
        let ready = move || {
            let _ = sender.send(2);
        };
        (receiver, Box::new(ready))
    });
}

#[test]
fn a_select_that_does_not_wait_sees_one_moment_also_of_a_channel_that_closes() {
    looks_while_it_moves(|| {
        let (sender, receiver) = chan::rendezvous();
        (receiver, Box::new(move || drop(sender)))
    });
}

/// Two looks at once: a token goes to and fro, and is always in one of two channels.
#[test]
fn what_is_moved_from_one_channel_to_another_is_seen_in_one_of_them() {
    run(|| {
        let (here, from_here) = chan::bounded(2);
        let (there, from_there) = chan::bounded(2);
        here.send(1_u8).unwrap();
        there.send(1_u8).unwrap();
        let mover = {
            let (from_here, from_there) = (from_here.clone(), from_there.clone());
            let (here, there) = (here.clone(), there.clone());
            spawn(move || {
                for _ in 0..ROUNDS {
                    // Two go round, so there is always one, though not always the mover's own.
                    select! {
                        recv(from_here) -> token => there.send(token.unwrap()).unwrap(),
                        recv(from_there) -> token => here.send(token.unwrap()).unwrap(),
                    }
                }
            })
        };
        for _ in 0..ROUNDS {
            select! {
                recv(from_here) -> token => here.send(token.unwrap()).unwrap(),
                recv(from_there) -> token => there.send(token.unwrap()).unwrap(),
            }
        }
        mover.join().unwrap();
        assert_eq!(from_here.len() + from_there.len(), 2);
    });
}

#[test]
fn what_was_sent_before_the_end_is_received_before_the_end() {
    for _ in 0..ROUNDS {
        let (sender, receiver) = chan::bounded(1);
        sender.send(7).unwrap();
        let closing = std::thread::spawn(move || drop(sender));
        assert_eq!(receiver.try_recv(), Ok(7));
        closing.join().unwrap();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }
}

/// Both arms of each select are on one channel: it never hands its own message to itself.
#[test]
fn a_select_does_not_meet_itself() {
    run(|| {
        let (sender, receiver) = chan::rendezvous();
        let player = |name: u8| {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            move || {
                for _ in 0..ROUNDS {
                    select! {
                        send(sender, name) -> sent => sent.unwrap(),
                        recv(receiver) -> from => assert_ne!(from, Ok(name)),
                    }
                }
            }
        };
        let other = spawn(player(1));
        player(2)();
        other.join().unwrap();
    });
}

#[test]
fn a_lone_select_over_both_ends_of_a_rendezvous_finds_nobody() {
    let (sender, receiver) = chan::rendezvous();
    for _ in 0..100 {
        let met = select! {
            send(sender, 1) -> _ => true,
            recv(receiver) -> _ => true,
            default => false,
        };
        assert!(!met);
    }
}

/// A message that panics when it is dropped.
struct Touchy(Arc<AtomicUsize>);

impl Drop for Touchy {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert!(std::thread::panicking(), "it does not like to be dropped");
    }
}

#[test]
fn a_message_that_panics_when_it_is_dropped_leaves_the_channel_usable() {
    run(|| {
        let dropped = Arc::<AtomicUsize>::default();
        let (sender, receiver) = chan::bounded(2);
        let message = Touchy(Arc::clone(&dropped));
        assert!(sender.send(message).is_ok());
        let drops = spawn(move || drop(receiver));
        assert!(drops.join().unwrap_err().is_panic());
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        let refused = sender.send(Touchy(Arc::clone(&dropped))).unwrap_err();
        std::mem::forget(refused);
    });
}

#[test]
fn messages_without_a_size_are_counted() {
    run(|| {
        let (sender, receiver) = chan::bounded(3);
        let sends = spawn(move || (0..100).for_each(|_| sender.send(()).unwrap()));
        assert_eq!(receiver.iter().count(), 100);
        sends.join().unwrap();
    });
}

#[test]
fn large_messages_arrive_whole() {
    const WORDS: usize = 256;
    run(|| {
        let (sender, receiver) = chan::rendezvous();
        let sends = spawn(move || {
            for number in 0..10_u64 {
                sender.send([number; WORDS]).unwrap();
                yield_now();
            }
        });
        for (number, message) in (0..).zip(&receiver) {
            assert_eq!(message, [number; WORDS]);
        }
        sends.join().unwrap();
    });
}

#[test]
fn a_great_many_unreceived_messages_are_dropped_without_a_deep_stack() {
    const MESSAGES: usize = if cfg!(miri) { 1_000 } else { 1_000_000 };
    run(|| {
        let (sender, receiver) = chan::unbounded();
        (0..MESSAGES).for_each(|number| sender.send(Box::new(number)).unwrap());
        assert_eq!(receiver.len(), MESSAGES);
    });
}

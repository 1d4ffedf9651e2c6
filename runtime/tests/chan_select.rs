//! `select!` between tasks, threads, times and tokens: one arm takes place, the right one, and
//! nothing is lost.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime::cancel::{Cause, Token};
use runtime::chan::{self, RecvError, SendError};
use runtime::time::Instant;
use runtime::{Builder, Runtime, select, spawn, yield_now};

const MESSAGES: u64 = if cfg!(miri) { 20 } else { 2_000 };
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn takes_the_arm_that_is_ready() {
    let (first, from_first) = chan::bounded(1);
    let (_second, from_second) = chan::unbounded::<u8>();
    let (third, _from_third) = chan::rendezvous();
    first.send(7).unwrap();
    let got = select! {
        recv(from_second) -> message => message.unwrap(),
        send(third, 1) -> _ => unreachable!(),
        recv(from_first) -> message => message.unwrap(),
    };
    assert_eq!(got, 7);
    let (room, in_room) = chan::bounded(1);
    select! {
        recv(from_first) -> _ => unreachable!(),
        send(room, 8) -> sent => sent.unwrap(),
    }
    assert_eq!(in_room.try_recv(), Ok(8));
}

#[test]
fn runs_the_default_if_nothing_is_ready() {
    let (sender, receiver) = chan::bounded(1);
    let look = || {
        select! {
            recv(receiver) -> message => message.ok(),
            after(LONG) => None,
            default => Some(0),
        }
    };
    assert_eq!(look(), Some(0));
    sender.send(7).unwrap();
    assert_eq!(look(), Some(7));
    drop(sender);
    assert_eq!(look(), None);
    select! { default => {} }
    assert_eq!(select! { default => 3 }, 3);
}

#[test]
fn a_closed_channel_is_always_ready() {
    let (sender, receiver) = chan::bounded::<u8>(1);
    drop(sender);
    select! {
        recv(receiver) -> message => assert_eq!(message, Err(RecvError)),
    }
    let (sender, receiver) = chan::rendezvous();
    drop(receiver);
    select! {
        send(sender, "back") -> sent => assert_eq!(sent, Err(SendError("back"))),
        after(LONG) => unreachable!(),
    }
}

#[test]
fn closing_wakes_a_select_that_waits() {
    Runtime::run(|| {
        for capacity in [0, 1] {
            let (full, receiver) = chan::bounded(capacity);
            let (sender, empty) = chan::bounded::<u8>(capacity);
            (0..capacity).for_each(|_| full.send(0).unwrap());
            let selecting = |full: &chan::Sender<u8>, empty: &chan::Receiver<u8>| {
                let (full, empty) = (full.clone(), empty.clone());
                spawn(move || {
                    select! {
                        send(full, 7) -> sent => sent.is_err(),
                        recv(empty) -> message => message.is_err(),
                    }
                })
            };
            let first = selecting(&full, &empty);
            (0..10).for_each(|_| yield_now());
            drop(sender);
            assert!(first.join().unwrap());
            let (_sender, empty) = chan::bounded::<u8>(capacity);
            let second = selecting(&full, &empty);
            (0..10).for_each(|_| yield_now());
            drop(receiver);
            assert!(second.join().unwrap());
        }
    });
}

#[test]
fn times_and_tokens_end_it() {
    Runtime::run(|| {
        let (_sender, receiver) = chan::rendezvous::<u8>();
        select! {
            recv(receiver) -> _ => unreachable!(),
            after(LONG) => unreachable!(),
            after(Duration::from_millis(1)) => {}
        }
        let deadline = Instant::now() + Duration::from_millis(1);
        select! {
            recv(receiver) -> _ => unreachable!(),
            after(deadline) => assert!(Instant::now() >= deadline),
        }
        select! {
            recv(receiver) -> _ => unreachable!(),
            after(std::time::Instant::now()) => {}
        }
        let (token, other) = (Token::new(), Token::new());
        let selecting = spawn({
            let (token, receiver) = (token.clone(), receiver.clone());
            move || {
                select! {
                    recv(receiver) -> _ => unreachable!(),
                    cancelled(other) -> _ => unreachable!(),
                    cancelled(token) -> why => why.to_string(),
                }
            }
        });
        (0..10).for_each(|_| yield_now());
        token.cancel_because("enough");
        assert_eq!(selecting.join().unwrap(), "cancelled: enough");
        let soon = Token::new().child_for(Duration::from_millis(1));
        select! {
            recv(receiver) -> _ => unreachable!(),
            cancelled(soon) -> why => assert!(matches!(why.cause(), Cause::DeadlinePassed)),
        }
    });
}

#[test]
fn oneshots_are_received_from() {
    Runtime::run(|| {
        let (answer, answered) = chan::oneshot();
        let (_sender, receiver) = chan::bounded::<u8>(1);
        let answering = spawn(move || answer.send(7));
        let got = select! {
            recv(answered) -> message => message,
            recv(receiver) -> message => message,
        };
        assert_eq!(got, Ok(7));
        answering.join().unwrap().unwrap();
        select! {
            recv(answered) -> message => assert_eq!(message, Err(RecvError)),
        }
    });
}

#[test]
fn all_arms_that_are_ready_get_their_turn() {
    const ROUNDS: u32 = if cfg!(miri) { 100 } else { 6_000 };
    let (sender, receiver) = chan::unbounded();
    let (_, closed) = chan::bounded::<u8>(1);
    let (_unready, empty) = chan::bounded::<u8>(1);
    let cancelled = Token::new();
    cancelled.cancel();
    let mut taken = [0_u32; 4];
    for _ in 0..ROUNDS {
        let arm = select! {
            send(sender, 1) -> _ => 0,
            recv(empty) -> _ => unreachable!(),
            recv(closed) -> _ => 1,
            after(Duration::ZERO) => 2,
            cancelled(cancelled) -> _ => 3,
        };
        taken[arm] += 1;
    }
    assert_eq!(taken.iter().sum::<u32>(), ROUNDS);
    // Each a quarter; by chance, less than a sixth is as good as impossible.
    assert!(taken.iter().all(|&times| times > ROUNDS / 8), "{taken:?}");
    assert_eq!(receiver.len(), taken[0] as usize);
}

#[test]
fn expressions_are_evaluated_once_in_order_whichever_arm_is_taken() {
    let order = Cell::new(0);
    let step = |expected| {
        assert_eq!(order.replace(expected + 1), expected);
    };
    let (sender, receiver) = chan::bounded(1);
    sender.send(0).unwrap();
    select! {
        recv({ step(0); &receiver }) -> _ => {}
        send({ step(1); &sender }, { step(2); 7 }) -> _ => unreachable!(),
        after({ step(3); LONG }) => unreachable!(),
    }
    assert_eq!(order.get(), 4);
}

#[test]
fn a_message_that_is_not_sent_is_dropped_with_the_select() {
    let message = Arc::new(());
    let (full, _receiver) = chan::rendezvous();
    let (sender, receiver) = chan::bounded(1);
    sender.send(7).unwrap();
    select! {
        send(full, Arc::clone(&message)) -> _ => unreachable!(),
        recv(receiver) -> _ => assert_eq!(Arc::strong_count(&message), 1),
    }
}

#[test]
fn bodies_may_move_the_channels_and_leave_the_loop() {
    fn first(receiver: chan::Receiver<u8>) -> Result<u8, RecvError> {
        loop {
            select! {
                recv(receiver) -> message => {
                    let message = message?;
                    if message == 0 {
                        continue;
                    }
                    drop(receiver);
                    return Ok(message);
                }
                after(LONG) => break Err(RecvError),
            }
        }
    }
    let (sender, receiver) = chan::bounded(2);
    sender.send(0).unwrap();
    sender.send(9).unwrap();
    assert_eq!(first(receiver), Ok(9));
    let (_, receiver) = chan::bounded(2);
    assert_eq!(first(receiver), Err(RecvError));
}

#[test]
fn receivers_may_be_borrowed_boxed_and_shared() {
    let (sender, receiver) = chan::bounded(3);
    (0..3).for_each(|number| sender.send(number).unwrap());
    let (shared, boxed) = (Arc::new(receiver.clone()), Box::new(receiver.clone()));
    let borrowed = &receiver;
    let mut sum = 0;
    sum += select! { recv(borrowed) -> n => n.unwrap() };
    sum += select! { recv(shared) -> n => n.unwrap(), };
    sum += select! { recv(boxed) -> n => { n.unwrap() } };
    assert_eq!(sum, 3);
}

/// What it was woken for is its own: nobody else is woken for that message.
#[test]
fn a_select_takes_what_it_was_woken_for() {
    Builder::new().workers(1).run(|| {
        for _ in 0..20 {
            let ((to_first, first), (to_second, second)) = (chan::bounded(1), chan::bounded(1));
            let at = (first.clone(), second.clone());
            let selecting = spawn(move || {
                select! {
                    recv(at.0) -> message => message,
                    recv(at.1) -> message => message,
                }
            });
            yield_now();
            let behind = spawn(move || first.recv());
            yield_now();
            to_first.send(1).unwrap();
            to_second.send(2).unwrap();
            assert_eq!(selecting.join().unwrap(), Ok(1));
            assert_eq!(second.try_recv(), Ok(2));
            drop(to_first);
            assert_eq!(behind.join().unwrap(), Err(RecvError));
        }
    });
}

/// Ping-pong of two tasks that both select over both directions of a rendezvous.
#[test]
fn selects_meet_each_other() {
    Builder::new().workers(2).run(|| {
        let (left, right) = (chan::rendezvous(), chan::rendezvous());
        let player = |to: chan::Sender<u64>, from: chan::Receiver<u64>| {
            spawn(move || {
                let (mut sent, mut received) = (0, 0);
                while sent < MESSAGES || received < MESSAGES {
                    if sent == MESSAGES {
                        assert_eq!(from.recv(), Ok(received));
                        received += 1;
                        continue;
                    }
                    select! {
                        send(to, sent) -> outcome => {
                            outcome.unwrap();
                            sent += 1;
                        }
                        recv(from) -> message => {
                            assert_eq!(message, Ok(received));
                            received += 1;
                        }
                    }
                }
                (to, from)
            })
        };
        let players = [
            player(left.0.clone(), right.1.clone()),
            player(right.0.clone(), left.1.clone()),
        ];
        for player in players {
            player.join().unwrap();
        }
    });
}

/// Producers and consumers that select among channels of all flavours, on tasks and threads,
/// with times that interrupt: all messages arrive once.
#[test]
fn nothing_is_lost_among_many_selects() {
    Builder::new().workers(2).run(|| {
        let channels = [chan::rendezvous(), chan::bounded(1), chan::bounded(3), chan::unbounded()];
        let (done, is_done) = chan::bounded::<()>(1);
        let (senders, receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        let produce = |number: u64| {
            let senders = senders.clone();
            move || {
                for message in number * MESSAGES..(number + 1) * MESSAGES {
                    // Sent once, whichever channel takes it.
                    let is_sent = loop {
                        select! {
                            send(senders[0], message) -> sent => break sent,
                            send(senders[1], message) -> sent => break sent,
                            send(senders[2], message) -> sent => break sent,
                            after(Duration::from_micros(message % 50)) => {}
                        }
                    };
                    is_sent.unwrap();
                    if message % 3 == 0 {
                        senders[3].send(u64::MAX).unwrap();
                    }
                }
            }
        };
        let consume = |number: usize| {
            let (receivers, is_done) = (receivers.clone(), is_done.clone());
            move || {
                let mut received = Vec::new();
                loop {
                    select! {
                        recv(receivers[number % 2]) -> message => received.push(message.unwrap()),
                        recv(receivers[2]) -> message => received.push(message.unwrap()),
                        recv(receivers[1 - number % 2]) -> message => received.push(message.unwrap()),
                        recv(receivers[3]) -> message => received.push(message.unwrap()),
                        recv(is_done) -> _ => return received,
                        after(Duration::from_micros(number as u64)) => {}
                    }
                }
            }
        };
        let producers: Vec<_> = (0..3).map(|number| spawn(produce(number))).collect();
        let thread = thread::spawn(produce(3));
        let consumers: Vec<_> = (0..3).map(|number| spawn(consume(number))).collect();
        let consuming = thread::spawn(consume(3));
        producers.into_iter().for_each(|task| task.join().unwrap());
        runtime::blocking(|| thread.join()).unwrap();
        while receivers.iter().any(|receiver| !receiver.is_empty()) {
            yield_now();
        }
        drop(done);
        let mut received: Vec<_> = consumers
            .into_iter()
            .flat_map(|task| task.join().unwrap())
            .collect();
        received.extend(runtime::blocking(|| consuming.join()).unwrap());
        received.retain(|message| *message != u64::MAX);
        received.sort_unstable();
        assert!(received.into_iter().eq(0..4 * MESSAGES));
    });
}

#[test]
fn foreign_threads_select_without_any_runtime() {
    let (to_first, first) = chan::rendezvous();
    let (to_second, second) = chan::bounded(1);
    let selecting = thread::spawn(move || {
        let mut received = Vec::new();
        let mut open = 2;
        while open > 0 {
            let message = select! {
                recv(first) -> message => message,
                recv(second) -> message => message,
            };
            match message {
                Ok(message) => received.push(message),
                Err(RecvError) => open -= 1,
            }
            if received.len() == 2 * MESSAGES as usize {
                break;
            }
        }
        received.sort_unstable();
        received
    });
    for number in 0..MESSAGES {
        to_first.send(2 * number).unwrap();
        to_second.send(2 * number + 1).unwrap();
    }
    assert!(selecting.join().unwrap().into_iter().eq(0..2 * MESSAGES));
}

//! Loops that poll, by waits that are over at once: they let others run, also where there is one worker
//! and nobody comes to help, as in a simulation. Else what they poll for would never come.

use std::sync::Arc;
use std::time::Duration;

use runtime::cancel::{Token, Until};
use runtime::test::seeds;
use runtime::time::Instant;
use runtime::{chan, select, spawn, sync, yield_now};

/// Far more than the other task needs.
const POLLS: usize = 1_000;

/// Polls until it has come.
fn comes<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    let come = (0..POLLS).find_map(|_| poll());
    come.expect("nobody else has run")
}

#[test]
fn a_select_whose_time_has_come_lets_the_sender_run() {
    seeds(0..10, || {
        for capacity in [0, 1] {
            let (sender, receiver) = chan::bounded(capacity);
            let sending = spawn(move || sender.send(7).unwrap());
            let got = comes(|| {
                select! {
                    recv(receiver) -> message => message.ok(),
                    after(Duration::ZERO) => None,
                }
            });
            assert_eq!(got, 7);
            sending.join().unwrap();
        }
    });
}

#[test]
fn a_select_under_a_token_that_is_cancelled_lets_the_sender_run() {
    seeds(0..10, || {
        let token = Token::new();
        token.cancel();
        let (sender, receiver) = chan::unbounded();
        spawn(move || sender.send(7).unwrap());
        let got = comes(|| {
            select! {
                recv(receiver) -> message => message.ok(),
                cancelled(token) -> _ => None,
            }
        });
        assert_eq!(got, 7);
    });
}

#[test]
fn a_send_or_a_receive_that_is_tried_until_now_lets_the_other_end_run() {
    seeds(0..10, || {
        for capacity in [0, 1] {
            let (sender, receiver) = chan::bounded(capacity);
            let sending = spawn(move || {
                for number in 0..3 {
                    comes(|| sender.send_until(number, Duration::ZERO).ok());
                    yield_now();
                }
            });
            for number in 0..3 {
                let got = comes(|| receiver.recv_until(Duration::ZERO).ok());
                assert_eq!(got, number);
            }
            sending.join().unwrap();
        }
    });
}

#[test]
fn a_lock_or_a_join_that_is_tried_until_now_lets_its_holder_run() {
    seeds(0..10, || {
        let lock = Arc::new(sync::Mutex::new(0));
        let past = Instant::now();
        let inside = Arc::clone(&lock);
        let holder = spawn(move || {
            let mut held = inside.lock().unwrap();
            (0..3).for_each(|_| yield_now());
            *held = 7;
        });
        // Until it holds the lock.
        while lock.try_lock().is_ok() {
            yield_now();
        }
        comes(|| (*lock.lock_until(past).ok()? == 7).then_some(()));
        let mut holder = Some(holder);
        comes(|| {
            let joined = holder.take()?.join_until(past);
            joined.map_err(|(back, _)| holder = Some(back)).ok()
        })
        .unwrap();
    });
}

#[test]
fn a_wait_for_nothing_lets_others_run() {
    seeds(0..10, || {
        let (sender, receiver) = chan::bounded(1);
        spawn(move || sender.send(7).unwrap());
        comes(|| {
            assert!(Until::from(Duration::ZERO).wait().is_timeout());
            receiver.try_recv().ok()
        });
    });
}

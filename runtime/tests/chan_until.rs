//! Waits on a channel that end early: by a time, by a token, with the message given back and
//! nobody's wake-up lost.

use std::time::Duration;

use runtime::cancel::{Interrupted, Token, Until};
use runtime::chan::{self, RecvUntilError, SendUntilError};
use runtime::{Runtime, spawn, yield_now};

const SHORT: Duration = Duration::from_millis(2);

fn is_cancelled(interrupted: Option<&Interrupted>) -> bool {
    matches!(interrupted, Some(Interrupted::Cancelled(_)))
}

#[test]
fn a_receiver_gives_up_at_its_time() {
    Runtime::run(|| {
        let (_sender, receiver) = chan::bounded::<u8>(1);
        let error = receiver.recv_until(SHORT).unwrap_err();
        assert!(error.interrupted().is_some_and(Interrupted::is_timeout));
    });
}

#[test]
fn a_sender_gives_up_at_its_time_and_has_its_message_back() {
    Runtime::run(|| {
        let (sender, receiver) = chan::bounded(1);
        sender.send(1).unwrap();
        let error = sender.send_until(2, SHORT).unwrap_err();
        assert!(error.interrupted().is_some_and(Interrupted::is_timeout));
        assert_eq!(error.into_inner(), 2);
        assert_eq!(receiver.recv(), Ok(1));
        assert!(receiver.try_recv().is_err());
    });
}

#[test]
fn what_can_be_done_at_once_is_done_whatever_the_time_and_the_token() {
    let (sender, receiver) = chan::bounded(1);
    let token = Token::new();
    token.cancel();
    sender
        .send_until(7, Until::from(&token).or_after(Duration::ZERO))
        .unwrap();
    assert_eq!(receiver.recv_until(&token).unwrap(), 7);
    assert!(is_cancelled(
        receiver.recv_until(&token).unwrap_err().interrupted()
    ));
}

#[test]
fn a_token_ends_the_waits_of_tasks_and_threads() {
    Runtime::run(|| {
        let (sender, receiver) = chan::bounded::<u8>(1);
        let token = Token::new();
        let task = spawn({
            let (receiver, token) = (receiver.clone(), token.clone());
            move || receiver.recv_until(&token)
        });
        let thread = std::thread::spawn({
            let (receiver, token) = (receiver.clone(), token.clone());
            move || receiver.recv_until(&token)
        });
        yield_now();
        token.cancel();
        let of_thread = runtime::blocking(|| thread.join()).unwrap();
        for outcome in [task.join().unwrap(), of_thread] {
            assert!(is_cancelled(outcome.unwrap_err().interrupted()));
        }
        sender.send(3).unwrap();
        assert_eq!(receiver.recv(), Ok(3), "those who left take nothing along");
    });
}

#[test]
fn closing_wins_over_a_time_that_is_far_away() {
    Runtime::run(|| {
        let (sender, receiver) = chan::bounded::<u8>(1);
        let waiting = spawn(move || receiver.recv_until(Duration::from_secs(3600)));
        drop(sender);
        assert!(matches!(
            waiting.join().unwrap(),
            Err(RecvUntilError::Closed)
        ));
        let (sender, receiver) = chan::bounded(1);
        sender.send(1).unwrap();
        let waiting = spawn(move || sender.send_until(2, Duration::from_secs(3600)));
        drop(receiver);
        assert!(matches!(
            waiting.join().unwrap(),
            Err(SendUntilError::Closed(2))
        ));
    });
}

/// Receivers that come and go, beside one that stays: it must get every message that none of
/// the others took.
#[test]
fn receivers_that_give_up_leave_no_message_behind() {
    const MESSAGES: u32 = if cfg!(miri) { 20 } else { 2_000 };
    Runtime::run(|| {
        let (sender, receiver) = chan::bounded(2);
        let hasty: Vec<_> = (0..3)
            .map(|number| {
                let receiver = receiver.clone();
                spawn(move || {
                    let mut count = 0;
                    loop {
                        match receiver.recv_until(Duration::from_micros(10 * number)) {
                            Ok(_) => count += 1,
                            Err(RecvUntilError::Interrupted(_)) => yield_now(),
                            Err(RecvUntilError::Closed) => return count,
                        }
                    }
                })
            })
            .collect();
        let patient = spawn(move || receiver.iter().map(|_| 1).sum::<u32>());
        for number in 0..MESSAGES {
            sender.send(number).unwrap();
        }
        drop(sender);
        let received: u32 = hasty.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(received + patient.join().unwrap(), MESSAGES);
    });
}

#[test]
fn errors_say_what_interrupted_without_showing_the_message() {
    let (sender, receiver) = chan::bounded(1);
    sender.send("first").unwrap();
    let error = sender.send_until("secret", Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "the message was not sent: timed out");
    assert_eq!(format!("{error:?}"), "Interrupted(.., TimedOut)");
    assert_eq!(receiver.recv(), Ok("first"));
    let error = receiver.recv_until(Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "no message was received: timed out");
}

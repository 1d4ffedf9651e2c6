//! Selects that go on no more, and those that meet: steps that a test from outside cannot force.

use super::*;
use crate::chan::select::{After, Receiving, Select, Sending};
use crate::chan::{self, Receiver};
use crate::task::place::trial::{leave_one, stop, until};
use crate::{Builder, spawn};
use std::thread;

/// Stands in all lines, as a select that is about to park.
fn stand<'s, 'o>(arms: &'s mut [Arm<'o>], claim: &'s Arc<Claim>) -> Standing<'s, 'o> {
    number(arms);
    let mut standing = Standing::new(arms, claim);
    assert!(standing.line_up());
    standing
}

#[test]
fn a_select_is_chosen_once_and_passed_over_elsewhere() {
    let (first, from_first) = chan::rendezvous();
    let (second, from_second) = chan::bounded(1);
    let (mut a, mut b) = (from_first.receiving(), from_second.receiving());
    let claim = Arc::new(Claim::new());
    let mut arms = [Arm::new(&mut a), Arm::new(&mut b)];
    let standing = stand(&mut arms, &claim);
    second.try_send(2).unwrap();
    assert!(first.try_send(1).is_err(), "the select is decided");
    assert_eq!(standing.claim.chosen(), Some(1));
    assert_eq!(standing.leave(), None, "a buffer hands nothing over");
    assert_eq!(attempt_any(&mut arms), Some(1));
    assert_eq!((a.take(), b.take()), (None, Some(Ok(2))));
}

#[test]
fn a_select_that_was_woken_and_unwinds_passes_its_wake_up_on() {
    let (sender, receiver) = chan::bounded(1);
    let (mut first, mut second) = (receiver.receiving(), receiver.receiving());
    let claims = [(); 2].map(|()| Arc::new(Claim::new()));
    let (mut first, mut second) = ([Arm::new(&mut first)], [Arm::new(&mut second)]);
    let first = stand(&mut first, &claims[0]);
    let second = stand(&mut second, &claims[1]);
    sender.try_send(7).unwrap();
    assert_eq!((claims[0].chosen(), claims[1].chosen()), (Some(0), None));
    drop(first);
    assert_eq!(claims[1].chosen(), Some(0));
    drop(second);
}

#[test]
fn a_select_that_unwinds_before_it_is_woken_takes_no_wake_up_along() {
    let (sender, receiver) = chan::bounded(1);
    let (mut first, mut second) = (receiver.receiving(), receiver.receiving());
    let claims = [(); 2].map(|()| Arc::new(Claim::new()));
    let (mut first, mut second) = ([Arm::new(&mut first)], [Arm::new(&mut second)]);
    let first = stand(&mut first, &claims[0]);
    let second = stand(&mut second, &claims[1]);
    drop(first);
    assert_eq!(claims[1].chosen(), None);
    sender.try_send(7).unwrap();
    assert_eq!(claims[1].chosen(), Some(0));
    drop(second);
}

#[test]
fn a_message_that_was_handed_to_a_select_that_unwinds_goes_to_the_next() {
    let (sender, receiver) = chan::rendezvous();
    let claim = Arc::new(Claim::new());
    let mut receiving = receiver.receiving();
    let mut arms = [Arm::new(&mut receiving)];
    let standing = stand(&mut arms, &claim);
    sender.try_send(7).unwrap();
    drop(standing);
    assert_eq!(receiver.try_recv(), Ok(7));
}

#[test]
fn a_sending_arm_that_is_passed_over_has_its_message_back() {
    let (to_first, first) = chan::rendezvous();
    let (to_second, second) = chan::rendezvous();
    let (mut a, mut b) = (to_first.sending("a"), to_second.sending("b"));
    let claim = Arc::new(Claim::new());
    let mut arms = [Arm::new(&mut a), Arm::new(&mut b)];
    let standing = stand(&mut arms, &claim);
    assert_eq!(first.try_recv(), Ok("a"));
    assert!(second.try_recv().is_err(), "the select is decided");
    assert_eq!(standing.leave(), Some(0));
    assert_eq!(a.take(), Some(Ok(())));
    assert_eq!((a.into_message(), b.into_message()), (None, Some("b")));
}

#[test]
fn a_select_does_not_meet_itself() {
    let (sender, receiver) = chan::rendezvous();
    let claim = Arc::new(Claim::new());
    let (mut sending, mut receiving) = (sender.sending(1), receiver.receiving());
    let mut arms = [Arm::new(&mut sending), Arm::new(&mut receiving)];
    let standing = stand(&mut arms, &claim);
    assert_eq!(standing.leave(), None);
    assert_eq!(attempt_any(&mut arms), None);
}

#[test]
fn a_select_that_finds_another_in_line_looks_again() {
    let (sender, receiver) = chan::rendezvous();
    let claims = [(); 2].map(|()| Arc::new(Claim::new()));
    let (mut sending, mut receiving) = (sender.sending(1), receiver.receiving());
    let (mut first, mut second) = ([Arm::new(&mut sending)], [Arm::new(&mut receiving)]);
    let first = stand(&mut first, &claims[0]);
    let mut standing = Standing::new(&mut second, &claims[1]);
    assert!(!standing.line_up(), "the other one could be served");
    assert_eq!((standing.withdraw(), standing.leave()), (None, None));
    assert_eq!(attempt_any(&mut second), Some(0));
    assert_eq!(first.leave(), Some(0));
}

/// As where a time is shorter than it takes to line up.
#[test]
fn a_select_whose_time_comes_while_it_lines_up_is_in_line_for_one_turn_of_others() {
    Builder::new().workers(1).run(|| {
        let (sender, receiver) = chan::rendezvous();
        let sending = spawn(move || sender.try_send(7));
        let past = Instant::now();
        let (mut receiving, mut after) = (receiver.receiving(), After::from(past));
        let claim = Arc::new(Claim::new());
        let mut arms = [Arm::new(&mut receiving), Arm::new(&mut after)];
        number(&mut arms);
        let mut wait = Wait::new(Until::from(past));
        let mut standing = Standing::new(&mut arms, &claim);
        assert_eq!(standing.stand(&mut wait).unwrap(), Some(0));
        assert_eq!(standing.leave(), Some(0));
        assert_eq!(receiving.take(), Some(Ok(7)));
        sending.join().unwrap().unwrap();
    });
}

/// Tasks whose runtime ends while they select, beside a thread that waits behind them.
mod leftover {
    use super::*;

    fn select_any(receivers: &[Receiver<u8>]) -> Option<u8> {
        let mut operations: Vec<_> = receivers.iter().map(Receiver::receiving).collect();
        let mut select = Select::new();
        for operation in &mut operations {
            select.add(operation);
        }
        let index = select.wait();
        operations[index].take()?.ok()
    }

    /// A task and then a thread that select from the receivers, in this order.
    fn task_and_thread(receivers: [Receiver<u8>; 2]) -> thread::JoinHandle<Option<u8>> {
        let at = receivers.clone();
        spawn(move || select_any(&at));
        until(|| receivers[0].waiting() == 1 && receivers[1].waiting() == 1);
        let at = receivers.clone();
        let behind = thread::spawn(move || select_any(&at));
        until(|| receivers[0].waiting() == 2 && receivers[1].waiting() == 2);
        behind
    }

    #[test]
    fn a_select_that_waits_is_forgotten() {
        let (to_first, first) = chan::bounded(1);
        let (_to_second, second) = chan::rendezvous();
        let behind = leave_one(move || task_and_thread([first, second]));
        to_first.try_send(3).unwrap();
        assert_eq!(behind.join().unwrap(), Some(3));
    }

    #[test]
    fn a_select_that_was_woken_and_has_not_run_passes_its_wake_up_on() {
        let (to_first, first) = chan::bounded(1);
        let (to_second, second) = chan::rendezvous();
        // The channels stay open: closing would wake the thread too.
        let (behind, _open) = leave_one(move || {
            let behind = task_and_thread([first, second]);
            stop();
            to_first.try_send(3).unwrap();
            (behind, to_first)
        });
        assert_eq!(behind.join().unwrap(), Some(3));
        drop(to_second);
    }

    #[test]
    fn a_select_that_was_handed_a_message_and_has_not_run_passes_it_on() {
        let (to_first, first) = chan::bounded(1);
        let (to_second, second) = chan::rendezvous();
        // The channels stay open: closing would wake the thread too.
        let (behind, _open) = leave_one(move || {
            let behind = task_and_thread([first, second]);
            stop();
            to_second.try_send(3).unwrap();
            (behind, to_second)
        });
        assert_eq!(behind.join().unwrap(), Some(3));
        drop(to_first);
    }
}

#[test]
fn every_order_of_arms_comes_up() {
    let channels = [(); 3].map(|()| chan::bounded::<()>(1));
    let mut operations: Vec<Receiving<'_, ()>> = channels
        .iter()
        .map(|(_, receiver)| receiver.receiving())
        .collect();
    let mut arms: Vec<_> = operations.iter_mut().map(Arm::new).collect();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1_000 {
        number(&mut arms);
        shuffle(&mut arms);
        seen.insert(arms.iter().map(|arm| arm.index).collect::<Vec<_>>());
    }
    assert_eq!(seen.len(), 6);
}

#[test]
#[should_panic(expected = "sends its message once")]
fn a_message_is_not_sent_twice() {
    let (sender, receiver) = chan::unbounded();
    let mut sending: Sending<'_, u8> = sender.sending(1);
    for _ in 0..2 {
        let mut select = Select::new();
        select.add(&mut sending);
        assert_eq!(select.wait(), 0);
        assert_eq!(sending.take(), Some(Ok(())));
    }
    drop(receiver);
}

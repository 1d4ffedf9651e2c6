//! Steps of the protocol that a test from outside cannot force: who was served and goes on no
//! more, who is interrupted just then.

use super::*;
use crate::chan::patience::Forever;

/// A receiver that has found nobody and is about to park.
fn waiting_receiver<T>(channel: &Rendezvous<T>) -> Place<'_, T> {
    match Source::line_up(channel, Party::alone()) {
        Joined::Waits(ticket, ..) => Place::new(channel, End::Receiving, ticket),
        Joined::Ready(()) => panic!("nobody sends"),
    }
}

fn waiting_sender<T>(channel: &Rendezvous<T>, message: T) -> Place<'_, T> {
    match Sink::line_up(channel, Party::alone(), message) {
        Joined::Waits(ticket, ..) => Place::new(channel, End::Sending, ticket),
        Joined::Ready(_) => panic!("nobody receives"),
    }
}

/// The outcome of a receiver's next look.
fn received<T>(place: Place<'_, T>) -> Option<T> {
    let ticket = place.ticket.expect("it waits");
    let outcome = place
        .channel
        .with_state(|state| state.became_of_receiver::<()>(ticket));
    place.forget();
    outcome.and_then(Result::ok)
}

#[test]
fn a_message_is_handed_to_whoever_waits_longest() {
    let channel = Rendezvous::new();
    assert!(matches!(channel.put(0), Look::Wait(0, _)));
    let (first, second) = (waiting_receiver(&channel), waiting_receiver(&channel));
    assert_eq!(channel.put(1), Look::Done(()));
    assert_eq!(channel.put(2), Look::Done(()));
    assert_eq!(received(second), Some(2));
    assert_eq!(received(first), Some(1));
}

#[test]
fn a_receiver_that_was_handed_a_message_and_unwinds_passes_it_on() {
    let channel = Rendezvous::new();
    let first = waiting_receiver(&channel);
    let second = waiting_receiver(&channel);
    assert_eq!(channel.put(7), Look::Done(()));
    drop(first);
    assert_eq!(received(second), Some(7));
}

#[test]
fn a_message_that_nobody_else_waits_for_goes_to_the_next_to_come() {
    let channel = Rendezvous::new();
    let only = waiting_receiver(&channel);
    assert_eq!(channel.put(7), Look::Done(()));
    drop(only);
    assert_eq!(channel.len(), 1);
    assert!(matches!(
        Source::line_up(&channel, Party::alone()),
        Joined::Ready(())
    ));
    assert_eq!(channel.take(), Look::Done(7));
}

#[test]
fn a_sender_that_unwinds_takes_its_message_along_unless_it_was_taken() {
    let channel = Rendezvous::new();
    drop(waiting_sender(&channel, 1));
    assert!(matches!(channel.take(), Look::Wait((), _)));
    let taken = waiting_sender(&channel, 2);
    assert_eq!(channel.take(), Look::Done(2));
    drop(taken);
    assert!(matches!(channel.take(), Look::Wait((), _)));
}

#[test]
fn a_sender_that_is_interrupted_has_its_message_back_or_has_sent_it() {
    let channel = Rendezvous::new();
    let (taken, kept) = (waiting_sender(&channel, 1), waiting_sender(&channel, 2));
    assert_eq!(channel.take(), Look::Done(1));
    assert_eq!(Sink::leave(&channel, taken.ticket.unwrap()), None);
    assert_eq!(Sink::leave(&channel, kept.ticket.unwrap()), Some(2));
    assert!(matches!(channel.take(), Look::Wait((), _)));
}

#[test]
fn the_last_receiver_sends_every_sender_home() {
    let channel = Rendezvous::new();
    let places = [1, 2].map(|message| waiting_sender(&channel, message));
    channel.close(End::Receiving);
    for (place, message) in places.into_iter().zip([1, 2]) {
        let ticket = place.ticket.unwrap();
        let outcome = channel.with_state(|state| state.became_of_sender::<()>(ticket));
        assert!(matches!(outcome, Some(Err(Unsent::Closed(back))) if back == message));
        place.forget();
    }
}

/// Tasks whose runtime ends while they wait.
mod leftover {
    use super::*;
    use crate::spawn;
    use crate::task::place::trial::{leave_one, stop, until_parked};
    use std::sync::Arc;

    #[test]
    fn a_receiver_that_was_handed_a_message_and_has_not_run_leaves_it_to_the_next() {
        let channel = Arc::new(Rendezvous::new());
        let shared = Arc::clone(&channel);
        leave_one(move || {
            let used = Arc::clone(&shared);
            let task = spawn(move || drop(used.recv(Forever)));
            until_parked(task.id(), shared.address());
            stop();
            assert_eq!(shared.put(3), Look::Done(()));
        });
        assert_eq!(channel.take(), Look::Done(3));
    }

    #[test]
    fn a_receiver_that_waits_is_forgotten() {
        let channel = Arc::new(Rendezvous::<u8>::new());
        let shared = Arc::clone(&channel);
        leave_one(move || {
            let used = Arc::clone(&shared);
            let task = spawn(move || drop(used.recv(Forever)));
            until_parked(task.id(), shared.address());
        });
        assert!(matches!(channel.put(3), Look::Wait(3, _)));
    }

    #[test]
    fn a_sender_that_waits_is_forgotten_with_its_message() {
        let channel = Arc::new(Rendezvous::new());
        let message = Arc::new(());
        let (shared, sent) = (Arc::clone(&channel), Arc::clone(&message));
        leave_one(move || {
            let used = Arc::clone(&shared);
            let task = spawn(move || drop(used.send(sent, Forever)));
            until_parked(task.id(), shared.address());
        });
        assert!(matches!(channel.take(), Look::Wait((), _)));
        assert_eq!(Arc::strong_count(&message), 1);
    }
}

//! Steps of the channel's protocol that a test from outside cannot force: unwinding waiters,
//! wake-ups for nothing.

use super::*;
use crate::chan::patience::Forever;

/// A receiver that has found the channel empty and is about to park.
fn waiting_receiver<T>(channel: &Buffered<T>) -> Place<'_, T> {
    let mut place = Place {
        channel,
        end: End::Receiving,
        ticket: None,
    };
    assert!(matches!(
        channel.look_to_receive(Some(&mut place)),
        Look::Wait((), _)
    ));
    place
}

fn is_woken<T>(place: &Place<'_, T>) -> bool {
    let ticket = place.ticket.expect("it waits");
    place
        .channel
        .with_state(|state| !state.side(place.end).line.holds(ticket))
}

#[test]
fn a_woken_receiver_that_unwinds_passes_its_wake_up_on() {
    let channel = Buffered::new(1);
    let first = waiting_receiver(&channel);
    let mut second = waiting_receiver(&channel);
    assert_eq!(channel.put(7), Look::Done(()));
    assert!(is_woken(&first) && !is_woken(&second));
    drop(first);
    assert!(is_woken(&second));
    assert!(matches!(
        channel.look_to_receive(Some(&mut second)),
        Look::Done(7)
    ));
}

#[test]
fn a_receiver_that_unwinds_before_it_is_woken_takes_no_wake_up_along() {
    let channel = Buffered::new(1);
    let first = waiting_receiver(&channel);
    let second = waiting_receiver(&channel);
    drop(first);
    assert!(!is_woken(&second));
    assert_eq!(channel.put(7), Look::Done(()));
    assert!(is_woken(&second));
}

#[test]
fn a_woken_receiver_that_finds_nothing_waits_again() {
    let channel = Buffered::new(1);
    let mut place = waiting_receiver(&channel);
    assert_eq!(channel.put(7), Look::Done(()));
    assert_eq!(channel.take(), Look::Done(7), "another one is quicker");
    assert!(matches!(
        channel.look_to_receive(Some(&mut place)),
        Look::Wait((), _)
    ));
    assert!(!is_woken(&place));
}

#[test]
fn a_receiver_that_is_woken_for_no_reason_keeps_its_place() {
    let channel = Buffered::<u8>::new(1);
    let mut place = waiting_receiver(&channel);
    let before = place.ticket;
    assert!(matches!(
        channel.look_to_receive(Some(&mut place)),
        Look::Wait((), _)
    ));
    assert_eq!(place.ticket, before);
}

#[test]
fn a_woken_sender_that_unwinds_passes_its_wake_up_on() {
    let channel = Buffered::new(1);
    assert_eq!(channel.put(1), Look::Done(()));
    let mut places = [(); 2].map(|()| {
        let mut place = Place {
            channel: &channel,
            end: End::Sending,
            ticket: None,
        };
        assert!(matches!(
            channel.look_to_send(2, Some(&mut place)),
            Look::Wait(2, _)
        ));
        Some(place)
    });
    assert_eq!(channel.take(), Look::Done(1));
    drop(places[0].take());
    assert!(places[1].as_ref().is_some_and(is_woken));
}

/// Tasks whose runtime ends while they wait, beside a thread that waits behind them.
mod leftover {
    use super::*;
    use crate::spawn;
    use crate::task::place::trial::{leave_one, stop, until, until_parked};
    use std::sync::Arc;
    use std::thread;

    /// A task that waits at this end for ever, if nobody wakes it.
    fn waiting_task(channel: &Arc<Buffered<u8>>, end: End) {
        let used = Arc::clone(channel);
        let task = spawn(move || match end {
            End::Sending => drop(used.send(9, Forever)),
            End::Receiving => drop(used.recv(Forever)),
        });
        until_parked(task.id(), channel.address());
    }

    /// A thread at this end; lined up already.
    fn waiting_thread(channel: &Arc<Buffered<u8>>, end: End) -> thread::JoinHandle<Option<u8>> {
        let (used, before) = (Arc::clone(channel), channel.waiting(end));
        let thread = thread::spawn(move || match end {
            End::Sending => used.send(7, Forever).map(|()| 7).ok(),
            End::Receiving => used.recv(Forever).ok(),
        });
        until(|| channel.waiting(end) > before);
        thread
    }

    #[test]
    fn a_receiver_that_waits_is_forgotten() {
        let channel = Arc::new(Buffered::new(1));
        let shared = Arc::clone(&channel);
        let behind = leave_one(move || {
            waiting_task(&shared, End::Receiving);
            waiting_thread(&shared, End::Receiving)
        });
        assert_eq!(channel.waiting(End::Receiving), 1);
        assert_eq!(channel.put(3), Look::Done(()));
        assert_eq!(behind.join().unwrap(), Some(3));
    }

    #[test]
    fn a_receiver_that_was_woken_and_has_not_run_passes_its_wake_up_on() {
        let channel = Arc::new(Buffered::new(1));
        let behind = leave_one(move || {
            waiting_task(&channel, End::Receiving);
            let behind = waiting_thread(&channel, End::Receiving);
            stop();
            assert_eq!(channel.put(3), Look::Done(()));
            behind
        });
        assert_eq!(behind.join().unwrap(), Some(3));
    }

    #[test]
    fn a_sender_that_was_woken_and_has_not_run_passes_its_wake_up_on() {
        let channel = Arc::new(Buffered::new(1));
        assert_eq!(channel.put(1), Look::Done(()));
        let shared = Arc::clone(&channel);
        let behind = leave_one(move || {
            waiting_task(&shared, End::Sending);
            let behind = waiting_thread(&shared, End::Sending);
            stop();
            assert_eq!(shared.take(), Look::Done(1));
            behind
        });
        assert_eq!(behind.join().unwrap(), Some(7));
        assert_eq!(channel.take(), Look::Done(7));
    }
}

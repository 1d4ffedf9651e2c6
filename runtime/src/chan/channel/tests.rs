//! Steps of the channel's protocol that a test from outside cannot force: unwinding waiters,
//! wake-ups for nothing.

use super::*;

/// A receiver that has found the channel empty and is about to park.
fn waiting_receiver<T>(channel: &Channel<T>) -> Place<'_, T> {
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
        .with_state(|state| !state.side(place.end).waiting.holds(ticket))
}

#[test]
fn a_woken_receiver_that_unwinds_passes_its_wake_up_on() {
    let channel = Channel::new(1);
    let first = waiting_receiver(&channel);
    let mut second = waiting_receiver(&channel);
    assert_eq!(channel.try_send(7), Ok(()));
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
    let channel = Channel::new(1);
    let first = waiting_receiver(&channel);
    let second = waiting_receiver(&channel);
    drop(first);
    assert!(!is_woken(&second));
    assert_eq!(channel.try_send(7), Ok(()));
    assert!(is_woken(&second));
}

#[test]
fn a_woken_receiver_that_finds_nothing_waits_again() {
    let channel = Channel::new(1);
    let mut place = waiting_receiver(&channel);
    assert_eq!(channel.try_send(7), Ok(()));
    assert_eq!(channel.try_recv(), Ok(7), "another one is quicker");
    assert!(matches!(
        channel.look_to_receive(Some(&mut place)),
        Look::Wait((), _)
    ));
    assert!(!is_woken(&place));
}

#[test]
fn a_receiver_that_is_woken_for_no_reason_keeps_its_place() {
    let channel = Channel::<u8>::new(1);
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
    let channel = Channel::new(1);
    assert_eq!(channel.try_send(1), Ok(()));
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
    assert_eq!(channel.try_recv(), Ok(1));
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

    fn waiting_on(channel: &Channel<u8>, end: End) -> usize {
        channel.with_state(|state| state.side(end).waiting.len())
    }

    /// A task that waits at this end for ever, if nobody wakes it.
    fn waiting_task(channel: &Arc<Channel<u8>>, end: End) {
        let used = Arc::clone(channel);
        let task = spawn(move || match end {
            End::Sending => drop(used.send(9, Until::FOREVER)),
            End::Receiving => drop(used.recv(Until::FOREVER)),
        });
        until_parked(task.id(), channel.address());
    }

    /// A thread at this end; lined up already.
    fn waiting_thread(channel: &Arc<Channel<u8>>, end: End) -> thread::JoinHandle<Option<u8>> {
        let (used, before) = (Arc::clone(channel), waiting_on(channel, end));
        let thread = thread::spawn(move || match end {
            End::Sending => used.send(7, Until::FOREVER).map(|()| 7).ok(),
            End::Receiving => used.recv(Until::FOREVER).ok(),
        });
        until(|| waiting_on(channel, end) > before);
        thread
    }

    #[test]
    fn a_receiver_that_waits_is_forgotten() {
        let channel = Arc::new(Channel::new(1));
        let shared = Arc::clone(&channel);
        let behind = leave_one(move || {
            waiting_task(&shared, End::Receiving);
            waiting_thread(&shared, End::Receiving)
        });
        assert_eq!(waiting_on(&channel, End::Receiving), 1);
        assert_eq!(channel.try_send(3), Ok(()));
        assert_eq!(behind.join().unwrap(), Some(3));
    }

    #[test]
    fn a_receiver_that_was_woken_and_has_not_run_passes_its_wake_up_on() {
        let channel = Arc::new(Channel::new(1));
        let behind = leave_one(move || {
            waiting_task(&channel, End::Receiving);
            let behind = waiting_thread(&channel, End::Receiving);
            stop();
            assert_eq!(channel.try_send(3), Ok(()));
            behind
        });
        assert_eq!(behind.join().unwrap(), Some(3));
    }

    #[test]
    fn a_sender_that_was_woken_and_has_not_run_passes_its_wake_up_on() {
        let channel = Arc::new(Channel::new(1));
        assert_eq!(channel.try_send(1), Ok(()));
        let shared = Arc::clone(&channel);
        let behind = leave_one(move || {
            waiting_task(&shared, End::Sending);
            let behind = waiting_thread(&shared, End::Sending);
            stop();
            assert_eq!(shared.try_recv(), Ok(1));
            behind
        });
        assert_eq!(behind.join().unwrap(), Some(7));
        assert_eq!(channel.try_recv(), Ok(7));
    }
}

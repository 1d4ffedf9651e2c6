//! Models of the channel's protocol: every interleaving of a few threads, by loom. A lost
//! wake-up shows as a deadlock, a lost or doubled message as a wrong sum.

use loom::thread;

use super::bounded;

mod flavours;
mod select;

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

#[test]
fn a_sender_that_waits_for_room_is_woken() {
    check(3, || {
        let (sender, receiver) = bounded(1);
        let sending = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(receiver.recv(), Ok(2));
        sending.join().unwrap();
        assert!(receiver.recv().is_err());
    });
}

#[test]
fn two_receivers_get_one_message_each() {
    check(3, || {
        let (sender, receiver) = bounded(2);
        let other = receiver.clone();
        let receiving = thread::spawn(move || other.recv().unwrap());
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        let sum = receiver.recv().unwrap() + receiving.join().unwrap();
        assert_eq!(sum, 3);
    });
}

#[test]
fn two_senders_share_one_place() {
    check(3, || {
        let (sender, receiver) = bounded(1);
        let other = sender.clone();
        let first = thread::spawn(move || sender.send(1).unwrap());
        let second = thread::spawn(move || other.send(2).unwrap());
        assert_eq!(receiver.iter().sum::<i32>(), 3);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn a_receiver_that_barges_in_leaves_no_message_behind() {
    check(3, || {
        let (sender, receiver) = bounded(1);
        let other = receiver.clone();
        let receiving = thread::spawn(move || other.recv().unwrap());
        sender.send(1).unwrap();
        let barged = receiver.try_recv().unwrap_or(0);
        sender.send(2).unwrap();
        let rest = if barged == 0 { 0 } else { barged };
        let received = receiving.join().unwrap();
        let left = receiver.try_recv().unwrap_or(0);
        assert_eq!(received + rest + left, 3);
    });
}

#[test]
fn dropping_the_last_sender_wakes_every_receiver() {
    check(3, || {
        let (sender, receiver) = bounded::<i32>(1);
        let other = receiver.clone();
        let receiving = thread::spawn(move || other.recv().is_err());
        let closing = thread::spawn(move || drop(sender));
        assert!(receiver.recv().is_err());
        assert!(receiving.join().unwrap());
        closing.join().unwrap();
    });
}

#[test]
fn dropping_the_receiver_gives_a_waiting_sender_its_message_back() {
    check(3, || {
        let (sender, receiver) = bounded(1);
        sender.send(1).unwrap();
        let closing = thread::spawn(move || drop(receiver));
        assert_eq!(sender.send(2).map_err(|error| error.into_inner()), Err(2));
        closing.join().unwrap();
    });
}

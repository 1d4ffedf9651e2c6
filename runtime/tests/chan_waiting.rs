//! Channels between tasks, and between tasks and foreign threads: nobody waits for ever, no
//! message is lost or doubled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use runtime::{Builder, chan, spawn};

/// Messages per sender; few under Miri, which runs a thousand times slower.
const MESSAGES: u64 = if cfg!(miri) { 20 } else { 2_000 };

fn run<T: Send + 'static>(main: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().workers(2).run(main)
}

/// What one sender numbered `sender` sends; every message of a test is different.
fn send_all(sender: u64, channel: &chan::Sender<u64>) {
    for number in 0..MESSAGES {
        channel.send(sender * MESSAGES + number).unwrap();
    }
}

fn sum_below(count: u64) -> u64 {
    count * (count - 1) / 2
}

#[test]
fn a_full_channel_parks_the_sender_until_there_is_room() {
    run(|| {
        let (sender, receiver) = chan::bounded(1);
        let sending = spawn(move || send_all(0, &sender));
        assert!(receiver.iter().eq(0..MESSAGES));
        sending.join().unwrap();
    });
}

#[test]
fn many_senders_and_receivers_share_a_small_channel() {
    run(|| {
        let (sender, receiver) = chan::bounded(3);
        let senders: Vec<_> = (0..4)
            .map(|number| {
                let sender = sender.clone();
                spawn(move || send_all(number, &sender))
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(move || {
                    receiver
                        .iter()
                        .fold((0, 0), |(count, sum), n| (count + 1, sum + n))
                })
            })
            .collect();
        senders.into_iter().for_each(|task| task.join().unwrap());
        let (count, sum) = receivers
            .into_iter()
            .map(|task| task.join().unwrap())
            .fold((0, 0), |(count, sum), (c, s)| (count + c, sum + s));
        assert_eq!((count, sum), (4 * MESSAGES, sum_below(4 * MESSAGES)));
    });
}

#[test]
fn a_foreign_thread_sends_to_a_task() {
    run(|| {
        let (sender, receiver) = chan::bounded(2);
        let sending = thread::spawn(move || send_all(0, &sender));
        assert!(receiver.iter().eq(0..MESSAGES));
        sending.join().unwrap();
    });
}

#[test]
fn a_task_sends_to_a_foreign_thread() {
    run(|| {
        let (sender, receiver) = chan::bounded(2);
        let receiving = thread::spawn(move || receiver.iter().eq(0..MESSAGES));
        send_all(0, &sender);
        drop(sender);
        assert!(receiving.join().unwrap());
    });
}

#[test]
fn foreign_threads_use_a_channel_without_any_runtime() {
    let (sender, receiver) = chan::bounded(1);
    let sending = thread::spawn(move || send_all(0, &sender));
    assert!(receiver.iter().eq(0..MESSAGES));
    sending.join().unwrap();
}

#[test]
fn the_last_sender_wakes_every_waiting_receiver() {
    run(|| {
        let (sender, receiver) = chan::bounded::<()>(1);
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(move || receiver.recv())
            })
            .collect();
        drop(sender);
        for task in waiting {
            assert!(task.join().unwrap().is_err());
        }
    });
}

#[test]
fn the_last_receiver_wakes_every_waiting_sender() {
    run(|| {
        let (sender, receiver) = chan::bounded(1);
        sender.send(0).unwrap();
        let waiting: Vec<_> = (1..9)
            .map(|number| {
                let sender = sender.clone();
                spawn(move || sender.send(number).map_err(|error| error.into_inner()))
            })
            .collect();
        drop(receiver);
        for (number, task) in (1..9).zip(waiting) {
            assert_eq!(task.join().unwrap(), Err(number));
        }
    });
}

#[test]
fn requests_carry_the_channel_for_their_answer() {
    run(|| {
        let (ask, questions) = chan::bounded::<(u64, chan::Sender<u64>)>(4);
        let server = spawn(move || {
            for (number, answer) in &questions {
                answer.send(number * 2).unwrap();
            }
        });
        let answered = Arc::new(AtomicU64::new(0));
        let clients: Vec<_> = (0..MESSAGES / 10)
            .map(|number| {
                let (ask, answered) = (ask.clone(), Arc::clone(&answered));
                spawn(move || {
                    let (answer, answers) = chan::bounded(1);
                    ask.send((number, answer)).unwrap();
                    assert_eq!(answers.recv(), Ok(number * 2));
                    answered.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        drop(ask);
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
        server.join().unwrap();
        assert_eq!(answered.load(Ordering::Relaxed), MESSAGES / 10);
    });
}

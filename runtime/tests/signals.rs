//! Signals: in a program of its own, as they are the whole process's.

mod net;

use std::time::Duration;

use net::until_parked;
use runtime::cancel::Token;
use runtime::signal::{Signal, Signals};
use runtime::{Builder, Reason, spawn};

fn send(signal: i32) {
    signal_hook::low_level::raise(signal).unwrap();
}

#[test]
fn a_task_that_waits_for_signals_gets_them_all_and_each_its_own() {
    Builder::new().workers(2).run(|| {
        let wait = |signals: &'static [Signal], count: usize| {
            spawn(move || {
                let mut signals = Signals::new(signals).unwrap();
                (0..count).map(|_| signals.wait()).collect::<Vec<_>>()
            })
        };
        let first = wait(&[Signal::User1], 1);
        let both = wait(&[Signal::User1, Signal::User2], 2);
        until_parked(first.id(), Reason::IoRead);
        until_parked(both.id(), Reason::IoRead);
        send(signal_hook::consts::SIGUSR1);
        assert_eq!(first.join().unwrap(), [Signal::User1]);
        send(signal_hook::consts::SIGUSR2);
        assert_eq!(both.join().unwrap(), [Signal::User1, Signal::User2]);
    });
}

#[test]
fn a_wait_for_a_signal_ends_by_its_time_and_a_signal_before_it_counts() {
    Builder::new().workers(1).run(|| {
        let mut signals = Signals::new(&[Signal::WindowChange]).unwrap();
        let late = signals.wait_until(Duration::from_millis(2));
        assert!(late.unwrap_err().is_timeout());
        let token = Token::new();
        token.cancel();
        assert!(!signals.wait_until(&token).unwrap_err().is_timeout());
        send(signal_hook::consts::SIGWINCH);
        assert_eq!(signals.wait_until(&token).ok(), Some(Signal::WindowChange));
    });
}

//! A waiter that leaves, by unwinding or because its runtime ended, while the lock is given back:
//! every interleaving, by loom. A wake-up or a hand-off that it keeps shows as a deadlock.

use loom::sync::Arc;
use loom::thread;

use super::*;

#[test]
fn a_waiter_that_leaves_keeps_neither_the_lock_nor_a_wake_up() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let mutex = Arc::new(RawMutex::new());
        mutex.lock();
        let (left, behind) = (Arc::clone(&mutex), Arc::clone(&mutex));
        let leaving = thread::spawn(move || {
            let mut place = Place {
                mutex: &left,
                ticket: None,
                patience: Patience::new(),
            };
            match left.acquire_or_wait(&mut place) {
                Take::Taken => left.unlock(),
                Take::HeldBy(_) => drop(place),
            }
        });
        let behind = thread::spawn(move || {
            behind.lock();
            behind.unlock();
        });
        mutex.unlock();
        leaving.join().unwrap();
        behind.join().unwrap();
        assert!(mutex.try_lock(), "nobody has it");
    });
}

//! The lock that is never released: a task locks an account and then waits for an approval
//! that nobody gives, so every transfer of that account waits for it.
//!
//! An observer sees the transfers parked with `mutex`, their owner being the task that locked
//! the account.

use std::sync::Arc;
use std::time::Duration;

use runtime::sync::Mutex;
use runtime::task::Builder;
use runtime::{chan, sleep, spawn};

/// Transfers that get stuck, one after another.
const TRANSFERS: u64 = 8;

/// Time between them.
const PAUSE: Duration = Duration::from_secs(2);

/// Locks the account for ever and starts the transfers.
pub fn start() {
    Builder::new().name("bank").service(true).spawn(|| {
        let account = Arc::new(Mutex::new(1_000_u64));
        let (approve, approval) = chan::bounded::<()>(1);
        let (locked, is_locked) = chan::bounded::<()>(1);
        let audited = Arc::clone(&account);
        spawn(move || freeze(&audited, &locked, &approval));
        // The freeze does not end before it has locked the account.
        let _ = is_locked.recv();
        for amount in 1..=TRANSFERS {
            let account = Arc::clone(&account);
            spawn(move || transfer(&account, amount));
            sleep(PAUSE);
        }
        // Nobody approves, and nobody gives up either.
        let (_keep, never) = chan::bounded::<()>(1);
        let _ = never.recv();
        drop(approve);
    });
}

fn freeze(account: &Mutex<u64>, locked: &chan::Sender<()>, approval: &chan::Receiver<()>) {
    let balance = account.lock().expect("no holder panics");
    // The bank waits for this.
    let _ = locked.send(());
    let _ = approval.recv();
    drop(balance);
}

fn transfer(account: &Mutex<u64>, amount: u64) {
    *account.lock().expect("no holder panics") += amount;
}

//! The lock-order cycle: two transfers between the same accounts, in opposite directions, each of
//! which locks the account it takes from first.
//!
//! Repaired, the account with the lower number is locked first.

use std::sync::Arc;
use std::time::Duration;

use runtime::sleep;
use runtime::sync::Mutex;
use runtime::task::Builder;

/// Between the first lock and the second: enough for the other transfer to begin.
const CHECK: Duration = Duration::from_millis(50);

type Accounts = Arc<[Mutex<i64>; 2]>;

pub fn start(repaired: bool) {
    let accounts: Accounts = Arc::new([Mutex::new(100), Mutex::new(100)]);
    for (from, to) in [(0, 1), (1, 0)] {
        let accounts = Arc::clone(&accounts);
        Builder::new().name("transfer").spawn(move || {
            loop {
                transfer(&accounts, from, to, repaired);
                sleep(CHECK);
            }
        });
    }
}

fn transfer(accounts: &Accounts, from: usize, to: usize, repaired: bool) {
    let (first, second) = if repaired {
        (from.min(to), from.max(to))
    } else {
        (from, to)
    };
    let mut one = accounts[first].lock().expect("no holder panics");
    sleep(CHECK);
    let mut other = accounts[second].lock().expect("no holder panics");
    let amount = if first == from { 1 } else { -1 };
    *one -= amount;
    *other += amount;
}

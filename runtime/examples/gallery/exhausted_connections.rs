//! The pool without connections: a request takes one, and gives it back only if all goes well.
//!
//! Repaired, a connection goes back whatever happens.

use std::time::Duration;

use runtime::chan::{self, Receiver, Sender};
use runtime::sleep;
use runtime::task::Builder;

use crate::load;

/// Connections that there are.
const CONNECTIONS: u64 = 4;

/// One in so many requests fails.
const FAILS: u64 = 5;

const QUERY: Duration = Duration::from_millis(10);

struct Connection;

pub fn start(repaired: bool) {
    let (give_back, free) = chan::bounded(CONNECTIONS as usize);
    for _ in 0..CONNECTIONS {
        give_back.send(Connection).expect("there is room");
    }
    load::requests(move |number| {
        let (give_back, free) = (give_back.clone(), free.clone());
        Builder::new()
            .name("request")
            .spawn(move || answer(number, repaired, &give_back, &free));
    });
}

fn answer(
    number: u64,
    repaired: bool,
    give_back: &Sender<Connection>,
    free: &Receiver<Connection>,
) {
    let Ok(connection) = free.recv() else { return };
    sleep(QUERY);
    let failed = number.is_multiple_of(FAILS);
    if !failed || repaired {
        // There is room for all.
        let _ = give_back.send(connection);
    }
}

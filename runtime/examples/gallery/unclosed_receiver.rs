//! The channel that is never closed: every request starts a task that follows its updates, and the
//! list of subscribers keeps the sender after the request is over.
//!
//! Repaired, the sender goes with its request.

use runtime::chan;
use runtime::task::Builder;

use crate::load;

pub fn start(repaired: bool) {
    let mut subscribers = Vec::new();
    load::requests(move |number| {
        let (updates, followed) = chan::bounded(4);
        Builder::new()
            .name("follower")
            .spawn(move || followed.iter().sum::<u64>());
        updates.send(number).expect("the follower lives");
        if !repaired {
            subscribers.push(updates);
        }
    });
}

//! The ticker that nobody stops: every session starts a heartbeat, and the session's end does not
//! end it.
//!
//! Repaired, the heartbeat looks at the session's token.

use std::time::Duration;

use runtime::cancel::Token;
use runtime::task::Builder;
use runtime::time::Interval;

use crate::load;

const HEARTBEAT: Duration = Duration::from_millis(200);

/// How long a session lasts.
const SESSION: Duration = Duration::from_millis(500);

pub fn start(repaired: bool) {
    load::requests(move |_| {
        let session = Token::new().child_for(SESSION);
        Builder::new().name("heartbeat").spawn(move || {
            let mut interval = Interval::new(HEARTBEAT);
            if repaired {
                while interval.tick_until(&session).is_ok() {}
            } else {
                loop {
                    interval.tick();
                }
            }
        });
    });
}

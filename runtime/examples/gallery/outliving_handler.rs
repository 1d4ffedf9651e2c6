//! The handler that outlives its request: a client gives up after a while, and its handler goes on
//! waiting for a backend that does not answer.
//!
//! Repaired, the handler waits no longer than its client.

use std::sync::Arc;
use std::time::Duration;

use runtime::cancel::{Token, Until};
use runtime::sync::{Condvar, Mutex};
use runtime::task::Builder;

use crate::load;

/// How long a client waits.
const PATIENCE: Duration = Duration::from_millis(300);

#[derive(Default)]
struct Backend {
    answer: Mutex<Option<u64>>,
    answered: Condvar,
}

pub fn start(repaired: bool) {
    let backend = Arc::new(Backend::default());
    load::requests(move |_| {
        let backend = Arc::clone(&backend);
        let request = Token::new().child_for(PATIENCE);
        Builder::new().name("handler").spawn(move || {
            if repaired {
                Until::from(&request).wait();
            } else {
                backend.wait();
            }
        });
    });
}

impl Backend {
    fn wait(&self) {
        let answer = self.answer.lock().expect("no holder panics");
        let answer = self.answered.wait_while(answer, |answer| answer.is_none());
        drop(answer.expect("no holder panics"));
    }
}

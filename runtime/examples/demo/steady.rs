//! Nothing wrong here: a pool of service tasks, requests with answers, a ticker, and tasks
//! that come and go. An observer has nothing to report about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runtime::task::Builder;
use runtime::{chan, sleep, spawn};

/// Tasks of the pool.
const POOL: usize = 8;

/// Requests that wait for the pool at most.
const BACKLOG: usize = 32;

/// Time between two requests.
const PAUSE: Duration = Duration::from_millis(5);

struct Request {
    number: u64,
    answer: chan::Sender<u64>,
}

/// Starts the pool, its clients and the ticker.
pub fn start() {
    let (requests, queue) = chan::bounded::<Request>(BACKLOG);
    for _ in 0..POOL {
        let queue = queue.clone();
        Builder::new().name("pool").service(true).spawn(move || {
            for request in &queue {
                // A client that has gone needs no answer.
                let _ = request.answer.send(request.number.wrapping_mul(31));
            }
        });
    }
    let answered = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&answered);
    Builder::new()
        .name("clients")
        .service(true)
        .spawn(move || clients(&requests, &counted));
    Builder::new()
        .name("ticker")
        .service(true)
        .spawn(move || tick(&answered));
}

fn clients(requests: &chan::Sender<Request>, answered: &Arc<AtomicU64>) {
    for number in 0_u64.. {
        let (requests, answered) = (requests.clone(), Arc::clone(answered));
        spawn(move || ask(number, &requests, &answered));
        sleep(PAUSE);
    }
}

fn ask(number: u64, requests: &chan::Sender<Request>, answered: &AtomicU64) {
    let (answer, answers) = chan::bounded(1);
    if requests.send(Request { number, answer }).is_ok() && answers.recv().is_ok() {
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Once a minute, says how many requests were answered.
fn tick(answered: &AtomicU64) {
    loop {
        sleep(Duration::from_secs(60));
        println!(
            "demo has answered {} requests",
            answered.load(Ordering::Relaxed)
        );
    }
}

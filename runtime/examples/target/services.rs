//! Healthy shapes that must never be reported, and a few unhealthy ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::sync::{Condvar, Mutex};
use runtime::task::Builder;
use runtime::{chan, sleep};

use crate::truth;

/// How long a sleeper sleeps: longer than any test.
const FOR_LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// How often short tasks are spawned, as many as are due by then.
const SLICE: Duration = Duration::from_millis(10);

/// An idle pool: service tasks that wait for work on one channel.
pub fn pool(tasks: u64) {
    let (work, orders) = chan::bounded::<()>(1);
    for _ in 0..tasks {
        let orders = orders.clone();
        truth::spawn_as(Builder::new().name("pool").service(true), move || {
            orders.iter().for_each(drop);
        });
    }
    // The pool's clients live as long as the process.
    std::mem::forget(work);
}

/// An idle pool that waits for a condition, and is not declared a service.
pub fn condvar_pool(tasks: u64) {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    for _ in 0..tasks {
        let shared = Arc::clone(&shared);
        truth::spawn(move || {
            let guard = shared.0.lock().expect("no holder panics");
            let work = shared.1.wait_while(guard, |work| !*work);
            drop(work.expect("no holder panics"));
        });
    }
}

/// Tasks that sleep until the process ends.
pub fn sleepers(tasks: u64) {
    for _ in 0..tasks {
        truth::spawn(|| sleep(FOR_LONG));
    }
}

/// A task that wakes once a second and does nothing.
pub fn ticker() {
    truth::spawn(|| {
        loop {
            sleep(Duration::from_secs(1));
        }
    });
}

/// A main that joins its server, which waits for requests that do not come.
pub fn join_server() {
    let (clients, requests) = chan::bounded::<()>(1);
    std::mem::forget(clients);
    let server = truth::spawn_as(Builder::new().name("server").service(true), move || {
        requests.iter().count()
    });
    truth::spawn(move || server.join().expect("the server does not panic"));
}

/// Tasks that send on a channel whose receiver lives and never receives.
pub fn senders(tasks: u64) {
    let (sender, receiver) = chan::bounded(1);
    sender.try_send(0).expect("there is room for one");
    std::mem::forget(receiver);
    for task in 0..tasks {
        let sender = sender.clone();
        truth::spawn(move || sender.send(task));
    }
}

/// Tasks that panic; returns when all have.
pub fn panic(tasks: u64) {
    let all: Vec<_> = (0..tasks)
        .map(|task| truth::spawn(move || panic!("task {task} was told to panic")))
        .collect();
    for task in all {
        let _: Result<(), _> = task.join();
    }
}

/// Spawns short tasks at a steady rate until it is dropped.
pub struct ShortTasks {
    _running: chan::Sender<()>,
}

impl ShortTasks {
    /// `rate` tasks a second, each of which reads and writes a JSON document.
    pub fn start(rate: u64) -> Option<Self> {
        if rate == 0 {
            return None;
        }
        let (running, stop) = chan::bounded::<()>(1);
        truth::spawn_as(Builder::new().service(true), move || {
            spawn_at_rate(rate, &stop)
        });
        Some(Self { _running: running })
    }
}

/// Keeps to the rate on average: a late slice spawns what the time since the start demands.
fn spawn_at_rate(rate: u64, stop: &chan::Receiver<()>) {
    let start = Instant::now();
    let mut spawned = 0;
    while stop.try_recv() != Err(chan::TryRecvError::Closed) {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        for task in spawned..due {
            truth::spawn(move || json_round_trip(task));
        }
        spawned = due;
        sleep(SLICE);
    }
}

fn json_round_trip(number: u64) -> usize {
    let text = format!(r#"{{"order":{number},"lines":[{{"item":"a","count":[1,[2,[3]]]}}]}}"#);
    let document: serde_json::Value = serde_json::from_str(&text).expect("well formed");
    document.to_string().len()
}

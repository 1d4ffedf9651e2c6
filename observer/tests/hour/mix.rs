//! A healthy program: a server that warms up and whose load goes up and down, with connections that
//! live for a minute; a pool of workers that is filled as it is needed; bursts that a semaphore
//! lets through; and jobs of every minute and of every five. All of it ends after a given time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runtime::sync::{Mutex, Semaphore};
use runtime::task::Builder;
use runtime::time::Instant;
use runtime::{chan, sleep};

use crate::random::Random;

/// Name of the leak's tasks.
pub const LEAK: &str = "follower";

/// Requests a second, on average.
const REQUESTS: f64 = 6.0;
/// Time until the server takes all of its load.
const WARM_UP: Duration = Duration::from_secs(60);
/// Length of a wave of load; it goes up and down by a half.
const WAVE: Duration = Duration::from_secs(20 * 60);
/// Connections that come a second, and how long one lives on average.
const CONNECTIONS: f64 = 2.0;
const CONNECTED: Duration = Duration::from_secs(60);
/// Workers of the pool at most.
const WORKERS: u64 = 64;
/// Tasks of a burst that are let in at once.
const LET_IN: usize = 40;
const MINUTE: Duration = Duration::from_secs(60);

/// The running program.
pub struct Mix {
    clock: Clock,
    live: Arc<AtomicU64>,
}

/// When the program began, and for how long it takes new work.
#[derive(Clone, Copy, Debug)]
struct Clock {
    began: Instant,
    lasts: Duration,
}

/// What every part is made with.
struct Part {
    clock: Clock,
    live: Arc<AtomicU64>,
    random: Random,
}

impl Mix {
    /// Starts it, as `seed` has it, with a leak from then on if any.
    pub fn start(seed: u64, lasts: Duration, leaks_from: Option<Duration>) -> Self {
        let began = Instant::now();
        let clock = Clock { began, lasts };
        let live = Arc::new(AtomicU64::new(0));
        let part = |stream| Part {
            clock,
            live: Arc::clone(&live),
            random: Random::new(seed, stream),
        };
        part(1).start("server", serve);
        part(2).start("listener", connect);
        part(3).start("producer", fill_a_pool);
        part(4).start("door", burst);
        part(5).start("cron", every_minute);
        part(6).start("calendar", every_five_minutes);
        if let Some(after) = leaks_from {
            part(7).start("leak", move |part| leak(part, after));
        }
        Self { clock, live }
    }

    /// How long it has been running.
    pub fn age(&self) -> Duration {
        self.clock.age()
    }

    /// All tasks but those of the leak have ended.
    pub fn is_over(&self) -> bool {
        self.clock.is_over() && self.live.load(Ordering::Relaxed) == 0
    }
}

impl Clock {
    fn age(self) -> Duration {
        Instant::now() - self.began
    }

    fn is_over(self) -> bool {
        self.age() >= self.lasts
    }
}

impl Part {
    /// A service that makes tasks.
    #[track_caller]
    fn start(self, name: &'static str, run: impl FnOnce(Self) + Send + 'static) {
        let service = Builder::new().name(name).service(true);
        self.counted(service, run);
    }

    /// A task of the caller's line.
    #[track_caller]
    fn counted(self, task: Builder, run: impl FnOnce(Self) + Send + 'static) {
        let live = Arc::clone(&self.live);
        live.fetch_add(1, Ordering::Relaxed);
        task.spawn(move || {
            run(self);
            live.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// The same with numbers of its own.
    fn fork(&mut self) -> Self {
        Self {
            clock: self.clock,
            live: Arc::clone(&self.live),
            random: self.random.fork(),
        }
    }

    fn is_over(&self) -> bool {
        self.clock.is_over()
    }

    /// The part of the load that there is now.
    fn load(&self) -> f64 {
        let age = self.clock.age().as_secs_f64();
        let warm = (age / WARM_UP.as_secs_f64()).clamp(0.02, 1.0);
        let phase = age / WAVE.as_secs_f64() * std::f64::consts::TAU;
        warm * (1.0 + phase.sin() / 2.0)
    }
}

/// Requests, each with a lock for a moment, a question to a back end, and an answer that a few
/// clients take slowly.
fn serve(mut part: Part) {
    let table = Arc::new(Mutex::new(0_u64));
    let (ask, questions) = chan::bounded::<chan::Sender<u64>>(64);
    for _ in 0..4 {
        let questions = questions.clone();
        part.fork().start("back end", move |mut part| {
            for answer in &questions {
                sleep(Duration::from_millis(part.random.within(5..60)));
                let _ = answer.send(1);
            }
        });
    }
    while !part.is_over() {
        sleep(part.random.gap(REQUESTS * part.load()));
        let (table, ask) = (Arc::clone(&table), ask.clone());
        let slow = part.random.within(0..100) == 0;
        let send = if slow {
            part.random.within(5_000..40_000)
        } else {
            part.random.within(10..800)
        };
        part.fork()
            .counted(Builder::new().name("request"), move |_| {
                *table.lock().expect("no holder panics") += 1;
                let (answer, answered) = chan::bounded(1);
                let _ = ask.send(answer);
                let _ = answered.recv();
                sleep(Duration::from_millis(send));
            });
    }
}

/// Connections: each talks now and then until it ends.
fn connect(mut part: Part) {
    while !part.is_over() {
        sleep(part.random.gap(CONNECTIONS * part.load()));
        let lives = CONNECTED.mul_f64(part.random.exponential());
        part.fork()
            .counted(Builder::new().name("connection"), move |mut part| {
                let ends = Instant::now() + lives;
                while Instant::now() < ends {
                    let pause = Duration::from_millis(part.random.within(500..20_000));
                    sleep(pause.min(ends - Instant::now()));
                }
            });
    }
}

/// Work that comes in heaps, for workers that are made when all others are busy and then stay.
fn fill_a_pool(mut part: Part) {
    let (work, heap) = chan::bounded::<Duration>(1_024);
    let idle = Arc::new(AtomicU64::new(0));
    let mut workers = 0;
    while !part.is_over() {
        for _ in 0..part.random.within(20..400) {
            let _ = work.send(Duration::from_millis(part.random.within(50..900)));
            if idle.load(Ordering::Relaxed) == 0 && workers < WORKERS {
                workers += 1;
                let (heap, idle) = (heap.clone(), Arc::clone(&idle));
                let worker = Builder::new().name("worker");
                part.fork().counted(worker, move |_| labour(&heap, &idle));
            }
            sleep(Duration::from_millis(part.random.within(1..60)));
        }
        sleep(Duration::from_secs(part.random.within(20..150)));
    }
}

fn labour(heap: &chan::Receiver<Duration>, idle: &AtomicU64) {
    loop {
        idle.fetch_add(1, Ordering::Relaxed);
        let job = heap.recv();
        idle.fetch_sub(1, Ordering::Relaxed);
        match job {
            Ok(job) => sleep(job),
            Err(_) => return,
        }
    }
}

/// Some thousand tasks at once, let through by a semaphore within some ten seconds.
fn burst(mut part: Part) {
    let door = Arc::new(Semaphore::new(LET_IN));
    while !part.is_over() {
        sleep(Duration::from_secs(part.random.within(150..420)));
        for _ in 0..part.random.within(300..2_000) {
            let door = Arc::clone(&door);
            part.fork()
                .counted(Builder::new().name("visitor"), move |mut part| {
                    let _permit = door.acquire().expect("it is never closed");
                    sleep(Duration::from_millis(part.random.within(50..350)));
                });
        }
    }
}

fn every_minute(part: Part) {
    every(MINUTE, part, |part| {
        for _ in 0..part.random.within(10..50) {
            let lasts = Duration::from_millis(part.random.within(500..50_000));
            part.fork()
                .counted(Builder::new().name("job"), move |_| sleep(lasts));
        }
    });
}

/// A report: its parts are begun one after another.
fn every_five_minutes(part: Part) {
    every(5 * MINUTE, part, |part| {
        for _ in 0..part.random.within(150..300) {
            let lasts = Duration::from_secs(part.random.within(20..100));
            part.fork()
                .counted(Builder::new().name("report"), move |_| sleep(lasts));
            sleep(Duration::from_millis(part.random.within(20..120)));
        }
    });
}

fn every(pause: Duration, mut part: Part, mut run: impl FnMut(&mut Part)) {
    let mut next = Instant::now() + pause;
    while !part.is_over() {
        sleep(next - Instant::now());
        next += pause;
        run(&mut part);
    }
}

/// A task for each of ten requests a second, which waits for what nobody sends.
fn leak(part: Part, after: Duration) {
    sleep(after);
    let mut kept = Vec::new();
    while !part.is_over() {
        let (updates, followed) = chan::bounded::<u64>(1);
        kept.push(updates);
        Builder::new()
            .name(LEAK)
            .spawn(move || followed.recv().map_or(0, |update| update));
        sleep(Duration::from_millis(100));
    }
    // They are left for good, whatever ends.
    std::mem::forget(kept);
}

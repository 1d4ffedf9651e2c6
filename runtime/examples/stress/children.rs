//! Actors that spawn actors: every way to spawn, and to wait for the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use runtime::blocking;
use runtime::cancel;
use runtime::sync::{Barrier, WaitGroup};
use runtime::task::{self, JoinSet, TaskGroup, WorkerPool};

use crate::actor::Actor;
use crate::program::{Children, Patience, Steps};

/// How long one waits at a barrier before it gives up and comes again.
const AT_THE_BARRIER: Duration = Duration::from_micros(100);

/// Jobs that may wait for a worker of a pool.
const QUEUE: usize = 2;

impl Actor {
    /// Spawns a child for each of the bodies.
    pub fn children(&self, kind: Children, bodies: &[Steps]) {
        let on_a_task = task::current().is_some();
        match kind {
            Children::Detached => bodies.iter().for_each(|body| drop(self.spawn(body))),
            Children::Scope if on_a_task => self.scope(bodies),
            Children::JoinSet(cancels) if on_a_task => self.join_set(cancels, bodies),
            Children::Group(limit) if on_a_task => self.group(limit.into(), bodies),
            Children::WaitGroup(patience) => self.wait_group(patience, bodies),
            Children::WorkerPool(workers) if on_a_task => self.worker_pool(workers.into(), bodies),
            Children::Threads if self.world.has_threads() => self.threads(bodies),
            _ => bodies
                .iter()
                .for_each(|body| self.join_late(self.spawn(body))),
        }
    }

    /// The children borrow their steps; every second one is joined by hand.
    fn scope(&self, bodies: &[Steps]) {
        let scoped = || {
            task::scope(|scope| {
                let children = bodies.iter().map(|body| {
                    let child = self.child();
                    let life = self.world.accounts.life(|accounts| &accounts.tasks);
                    scope.spawn(move || {
                        let _life = life;
                        child.live(body);
                    })
                });
                let children: Vec<_> = children.collect();
                for child in children.into_iter().step_by(2) {
                    self.note_join(child.join());
                }
            });
        };
        // Of a panic of a child that was not joined.
        let _ = catch_unwind(AssertUnwindSafe(scoped));
    }

    fn join_set(&self, cancels: bool, bodies: &[Steps]) {
        let mut set = JoinSet::new();
        for body in bodies {
            set.spawn(self.child().body(body));
        }
        if cancels {
            set.cancel_all();
        }
        let mut ended = 0;
        while let Some(joined) = set.join_next() {
            self.note_join(joined);
            ended += 1;
        }
        self.world.accounts.check(ended == bodies.len(), || {
            format!("of {} tasks in a set {ended} were joined", bodies.len())
        });
    }

    /// A body without steps is a failure.
    fn group(&self, limit: usize, bodies: &[Steps]) {
        let mut group = TaskGroup::new().limit(limit);
        for body in bodies {
            let fails = body.is_empty();
            let work = self.child().body(body);
            group.spawn(move || {
                work();
                if fails { Err("nothing to do") } else { Ok(()) }
            });
        }
        let fails = bodies.iter().any(|body| body.is_empty());
        let failed = group.wait().is_err();
        self.world.accounts.check(!fails || failed, || {
            "a group succeeded in which one failed".to_owned()
        });
    }

    fn wait_group(&self, patience: Patience, bodies: &[Steps]) {
        let mut group = WaitGroup::new();
        let done = Arc::<AtomicU64>::default();
        for body in bodies {
            let (member, done) = (group.clone(), Arc::clone(&done));
            let work = self.child().body(body);
            let work = move || {
                let _member = member;
                let _done = CountOnDrop(done);
                work();
            };
            drop(self.spawn_body(work));
        }
        let token = cancel::current();
        let first = group.wait_until(patience.until(&token));
        if let Err(error) = first {
            group = error.group;
            group.wait();
        }
        let done = done.load(Ordering::Acquire);
        self.world.accounts.check(done == bodies.len() as u64, || {
            format!("a wait group let go with {done} of {} done", bodies.len())
        });
    }

    fn worker_pool(&self, workers: usize, bodies: &[Steps]) {
        let pool = WorkerPool::new(workers, QUEUE, |job: Box<dyn FnOnce() + Send>| job());
        for body in bodies {
            let job = self.child().body(body);
            let submitted = pool.submit(Box::new(job));
            let story = || "a pool of workers refused a job".to_owned();
            self.world.accounts.check(submitted.is_ok(), story);
        }
        pool.finish();
    }

    fn threads(&self, bodies: &[Steps]) {
        let threads: Vec<_> = bodies
            .iter()
            .map(|body| {
                let life = self.world.accounts.life(|accounts| &accounts.threads);
                let (child, body) = (self.child(), Arc::clone(body));
                thread::spawn(move || {
                    let _life = life;
                    child.live(&body);
                })
            })
            .collect();
        // A panic of theirs is a planned one, or the hook has seen it.
        blocking(|| threads.into_iter().for_each(|thread| drop(thread.join())));
    }

    /// Meets others so many times, where everybody is now and then impatient.
    pub fn meet(&self, others: usize, rounds: u64) {
        let barrier = Arc::new(Barrier::new(others + 1));
        let leaders = Arc::<AtomicU64>::default();
        let meet = move |barrier: &Barrier, leaders: &AtomicU64| {
            for _ in 0..rounds {
                let result = loop {
                    if let Ok(result) = barrier.wait_until(AT_THE_BARRIER) {
                        break result;
                    }
                };
                leaders.fetch_add(result.is_leader().into(), Ordering::Relaxed);
            }
        };
        let spawned = (0..others).map(|_| {
            let (barrier, leaders) = (Arc::clone(&barrier), Arc::clone(&leaders));
            self.spawn_body(move || meet(&barrier, &leaders))
        });
        let spawned: Vec<_> = spawned.collect();
        meet(&barrier, &leaders);
        spawned
            .into_iter()
            .for_each(|task| self.note_join(task.join()));
        let leaders = leaders.load(Ordering::Relaxed);
        self.world.accounts.check(leaders == rounds, || {
            format!("{leaders} leaders in {rounds} rounds")
        });
    }
}

/// Counts also where it panics.
struct CountOnDrop(Arc<AtomicU64>);

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

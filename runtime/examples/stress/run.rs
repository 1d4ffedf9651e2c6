//! One program from its beginning to its end, and what was wrong with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use runtime::test::Test;
use runtime::{Builder, JoinHandle, sleep, spawn};

use crate::accounts::{Accounts, Event};
use crate::actor::Actor;
use crate::boxes::{self, Inbox, Outbox};
use crate::drains;
use crate::program::{DrainPlan, Host, Mode, Program, TaskPlan, microseconds};
use crate::world::World;

/// How often the main task looks whether all have ended whom nobody joins.
const LOOK: Duration = Duration::from_micros(100);

/// Drains' numbers in the course, apart from those of actors.
const FIRST_DRAIN: u64 = 1 << 32;

/// What the hook has seen since it was asked.
static UNPLANNED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Counts panics that no program asked for, and keeps quiet about those that one did.
pub fn watch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        // What the runtime says of planned panics that nobody took.
        let is_planned =
            message.ends_with("nobody joined it") || message == "a task of the scope panicked";
        if !is_planned {
            before(panic);
            unplanned().push(panic.to_string());
        }
    }));
}

fn unplanned() -> std::sync::MutexGuard<'static, Vec<String>> {
    UNPLANNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a program did.
pub struct Outcome {
    /// In order.
    pub course: Vec<Event>,
    pub tasks: u64,
    pub violations: Vec<String>,
}

/// Runs a program; one at a time. `accounts` are fresh.
pub fn run(program: &Program, seed: u64, accounts: &Arc<Accounts>) -> Outcome {
    let test = match program.mode {
        Mode::Simulated => Test::simulation(seed),
        Mode::Workers(workers) => Test::with(Builder::new().workers(workers)),
    };
    let main = {
        let (program, accounts) = (program.clone(), Arc::clone(accounts));
        move || carry_out(&program, &accounts)
    };
    let ended = catch_unwind(AssertUnwindSafe(|| test.run(main)));
    match ended.map(Arc::try_unwrap) {
        Ok(Ok(world)) => world.check(),
        Ok(Err(_)) => accounts.violated("somebody is left who knows the world"),
        Err(_) => accounts.violated("the main task panicked"),
    }
    check_ends(accounts);
    unplanned()
        .drain(..)
        .for_each(|panic| accounts.violated(panic));
    Outcome {
        course: accounts.course(),
        tasks: accounts.tasks.begun(),
        violations: accounts.violations(),
    }
}

/// Tasks spawned = tasks ended, by their own books and by the runtime's.
fn check_ends(accounts: &Accounts) {
    for (name, pair) in [("tasks", &accounts.tasks), ("threads", &accounts.threads)] {
        let (begun, ended) = (pair.begun(), pair.ended());
        accounts.check(begun == ended, || {
            format!("{begun} {name} begun, {ended} ended")
        });
    }
    for site in runtime::introspect::sites() {
        let ended = site.returned + site.panicked + site.cancelled;
        accounts.check(site.live == 0 && ended == site.spawned, || {
            format!("{}: {site:?}", site.site())
        });
        accounts.check(site.cancelled == 0, || {
            format!("{}: tasks were given up", site.site())
        });
    }
}

/// The main function: starts everybody, and waits until all have ended.
fn carry_out(program: &Program, accounts: &Arc<Accounts>) -> Arc<World> {
    let world = Arc::new(World::new(program, accounts));
    let channels = program.channels.iter().copied();
    let (outboxes, inboxes): (Vec<_>, Vec<_>) = channels.map(boxes::open).unzip();
    let messages: Vec<_> = inboxes
        .iter()
        .map(|inbox| Arc::clone(&inbox.messages))
        .collect();
    let drains: Vec<_> = program
        .drains
        .iter()
        .enumerate()
        .map(|(number, plan)| start_drain(&world, number, plan, &inboxes))
        .collect();
    drop(inboxes);
    let tasks: Vec<_> = program
        .tasks
        .iter()
        .map(|plan| (plan, start_task(&world, plan, &outboxes)))
        .collect();
    drop(outboxes);
    world.make_all();
    for (plan, started) in tasks {
        started.cancel_after(plan.cancelled_after);
        started.join();
    }
    drains.into_iter().for_each(Started::join);
    while accounts.tasks.begun() > accounts.tasks.ended() {
        sleep(LOOK);
    }
    for (number, messages) in messages.iter().enumerate() {
        let name = format!("channel {number}, {:?}", program.channels[number]);
        messages.check(&name, accounts);
    }
    world
}

/// Somebody who was started, and will be joined.
enum Started {
    Task(JoinHandle<()>),
    Thread(thread::JoinHandle<()>),
}

impl Started {
    fn new(world: &World, host: Host, body: impl FnOnce() + Send + 'static) -> Self {
        match host {
            Host::Thread if world.has_threads() => Self::Thread(thread::spawn(body)),
            _ => Self::Task(spawn(body)),
        }
    }

    fn cancel_after(&self, time: Option<u16>) {
        if let (Self::Task(task), Some(time)) = (self, time) {
            sleep(microseconds(time));
            task.cancel();
        }
    }

    /// Panics are planned ones, or the hook has seen them.
    fn join(self) {
        match self {
            Self::Task(task) => drop(task.join()),
            Self::Thread(thread) => drop(runtime::blocking(|| thread.join())),
        }
    }
}

fn start_drain(world: &Arc<World>, number: usize, plan: &DrainPlan, inboxes: &[Inbox]) -> Started {
    let own = inboxes[number % inboxes.len()].clone();
    let also = plan
        .also
        .iter()
        .map(|at| Program::pick(inboxes, *at).clone());
    let inboxes = std::iter::once(own).chain(also).collect();
    let (plan, accounts) = (plan.clone(), Arc::clone(&world.accounts));
    Started::new(world, plan.host, move || {
        drains::drain(&plan, FIRST_DRAIN + number as u64, inboxes, accounts);
    })
}

fn start_task(world: &Arc<World>, plan: &TaskPlan, outboxes: &[Outbox]) -> Started {
    let actor = Actor::new(world, outboxes);
    Started::new(world, plan.host, actor.body(&plan.steps))
}

//! One who carries out steps: a task, or a thread outside of the runtime.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::sync::Arc;

use runtime::cancel::{self, Token, Until};
use runtime::chan::{self, select::Select, select::Sending};
use runtime::time::Interval;
use runtime::{JoinHandle, select, spawn, task, yield_now};

use crate::accounts::Message;
use crate::boxes::Outbox;
use crate::program::{Patience, Program, Share, Step, Steps, microseconds};
use crate::world::World;

/// The payload of a panic that a program asks for: no hook is told of it.
pub struct Planned;

/// Who carries out steps.
pub struct Actor {
    pub world: Arc<World>,
    outboxes: Vec<Outbox>,
    id: u64,
    /// Messages that it made.
    messages: Cell<u64>,
    /// Locks below this number are held, or may not be taken any more.
    level: Cell<usize>,
    /// Joined when all steps are done.
    late: RefCell<Vec<JoinHandle<()>>>,
}

impl Actor {
    /// With senders of its own.
    pub fn new(world: &Arc<World>, outboxes: &[Outbox]) -> Self {
        Self {
            world: Arc::clone(world),
            outboxes: outboxes.to_vec(),
            id: world.next_id(),
            messages: Cell::new(0),
            level: Cell::new(0),
            late: RefCell::default(),
        }
    }

    /// Another one like this.
    pub fn child(&self) -> Self {
        Self::new(&self.world, &self.outboxes)
    }

    /// What a task or a thread does that is this actor.
    pub fn body(self, steps: &Steps) -> impl FnOnce() + Send + 'static {
        let steps = Arc::clone(steps);
        let life = self.world.accounts.life(|accounts| &accounts.tasks);
        move || {
            let _life = life;
            self.live(&steps);
        }
    }

    /// Does all of it, and joins those it said it would.
    pub fn live(self, steps: &[Step]) {
        self.run(steps);
        self.late.take().into_iter().for_each(|late| {
            self.note_join(late.join());
        });
    }

    /// A task of its own for these steps.
    pub fn spawn(&self, steps: &Steps) -> JoinHandle<()> {
        self.spawn_body(self.child().body(steps))
    }

    /// A task, from wherever it is called.
    pub fn spawn_body<F: FnOnce() + Send + 'static>(&self, body: F) -> JoinHandle<()> {
        if task::current().is_some() {
            spawn(body)
        } else {
            self.world.handle.spawn(body)
        }
    }

    /// No task is given up while its runtime runs.
    pub fn note_join(&self, joined: Result<(), task::JoinError>) {
        if let Err(error) = joined {
            let story = || format!("while its runtime runs: {error}");
            self.world.accounts.check(!error.is_cancelled(), story);
        }
    }

    /// Joins that one when all steps are done.
    pub fn join_late(&self, late: JoinHandle<()>) {
        self.late.borrow_mut().push(late);
    }

    /// Does these steps.
    pub fn run(&self, steps: &[Step]) {
        steps.iter().for_each(|step| self.step(step));
    }

    fn step(&self, step: &Step) {
        let accounts = &self.world.accounts;
        accounts.note(self.id, std::mem::discriminant(step));
        match step {
            Step::Send { channel, patience } => self.send(*channel, *patience),
            Step::TrySend { channel } => {
                let outbox = Program::pick(&self.outboxes, *channel);
                outbox.try_send(self.message(outbox));
            }
            Step::SelectSend { channels, patience } => self.select_send(channels, *patience),
            Step::Ask { answers, patience } => self.ask(*answers, *patience),
            Step::Hold {
                lock,
                share,
                patience,
                body,
            } => self.hold(*lock, *share, *patience, body),
            Step::Pooled { comes_back, body } => {
                let mut buffer = self.world.pool.get();
                buffer.lend(accounts);
                self.run(body);
                if !comes_back {
                    drop(runtime::pool::Pooled::into_inner(buffer));
                }
            }
            Step::Timeout(time, body) => cancel::timeout(microseconds(*time), || self.run(body)),
            Step::Once { number, panics } => self.world.make_once(*number, || {
                yield_now();
                if *panics {
                    resume_unwind(Box::new(Planned));
                }
            }),
            Step::Meet { others, rounds } => self.meet((*others).into(), (*rounds).into()),
            Step::Children(kind, bodies) => self.children(*kind, bodies),
            Step::Panic => resume_unwind(Box::new(Planned)),
            wait => self.wait(wait),
        }
    }

    /// Steps that only wait, or tell others not to.
    fn wait(&self, step: &Step) {
        match step {
            Step::Yield => yield_now(),
            Step::Sleep(time) => runtime::sleep(microseconds(*time)),
            Step::SleepUnlessCancelled(time) => drop(cancel::sleep(microseconds(*time))),
            Step::Tick { period, ticks } => {
                let mut interval = Interval::new(microseconds(*period));
                for _ in 0..*ticks {
                    interval.tick();
                }
            }
            Step::Block(time) => self.world.block(microseconds(*time)),
            Step::Cancel => cancel::current().cancel(),
            Step::Limited(patience) => with_until(*patience, |until| {
                drop(self.world.limiter.acquire_until(1, until));
            }),
            Step::AwaitOnce(number, patience) => {
                with_until(*patience, |until| self.world.await_once(*number, until));
            }
            other => unreachable!("{other:?} does more than wait"),
        }
    }

    fn message(&self, outbox: &Outbox) -> Message {
        self.messages.set(self.messages.get() + 1);
        outbox.messages.make(self.id, self.messages.get())
    }

    fn send(&self, channel: u8, patience: Patience) {
        let outbox = Program::pick(&self.outboxes, channel);
        let message = self.message(outbox);
        with_until(patience, |until| outbox.send(message, until));
    }

    /// Offers a message to each; one is sent, or none if that takes too long.
    fn select_send(&self, channels: &[u8], patience: Patience) {
        let outboxes = channels.iter().map(|at| Program::pick(&self.outboxes, *at));
        let mut offers: Vec<_> = outboxes
            .filter_map(|outbox| {
                let sending = outbox.selectable()?.sending(self.message(outbox));
                Some((outbox, sending))
            })
            .collect();
        if offers.is_empty() {
            return;
        }
        let mut select = Select::new();
        for (_, sending) in &mut offers {
            select.add(sending);
        }
        let chosen = match patience {
            Patience::Microseconds(0) => select.try_now(),
            _ => with_until(patience, |until| select.wait_until(until).ok()),
        };
        for (at, (outbox, sending)) in offers.into_iter().enumerate() {
            self.settle(outbox, sending, chosen == Some(at));
        }
    }

    fn settle(&self, outbox: &Outbox, mut sending: Sending<'_, Message>, is_chosen: bool) {
        let outcome = sending.take();
        self.world
            .accounts
            .check(outcome.is_some() == is_chosen, || {
                format!("chosen: {is_chosen}, and took place: {outcome:?}")
            });
        let sent = match outcome {
            Some(sent) => sent.map_err(chan::SendError::into_inner),
            None => sending.into_message().map_or(Ok(()), Err),
        };
        outbox.messages.settle(sent);
    }

    /// Asks a task that answers, or goes without.
    fn ask(&self, answers: bool, patience: Patience) {
        let (sender, receiver) = chan::oneshot();
        let messages = Arc::clone(&self.world.answers);
        let id = self.id;
        let life = self.world.accounts.life(|accounts| &accounts.tasks);
        drop(self.spawn_body(move || {
            let _life = life;
            if answers {
                let answer = messages.make(id, 0);
                messages.settle(sender.send(answer).map_err(chan::SendError::into_inner));
            }
        }));
        let received = match patience {
            Patience::Microseconds(time) => select! {
                recv(receiver) -> answer => answer.ok(),
                after(microseconds(time)) => None,
            },
            Patience::Token => select! {
                recv(receiver) -> answer => answer.ok(),
                cancelled(cancel::current()) => None,
            },
            Patience::Forever => receiver.recv_until(Until::FOREVER).ok(),
        };
        self.world
            .accounts
            .check(answers || received.is_none(), || {
                "an answer came from nowhere".to_owned()
            });
        received.into_iter().for_each(Message::receive);
    }

    /// Holds a lock above those that it holds already.
    fn hold(&self, lock: u8, share: Share, patience: Patience, body: &Steps) {
        let level = self.level.get();
        let above = &self.world.locks[level..];
        if above.is_empty() {
            return self.run(body);
        }
        let at = usize::from(lock) % above.len();
        with_until(patience, |until| {
            above[at].hold(share, until, &self.world.accounts, || {
                self.level.set(level + at + 1);
                self.run(body);
            });
        });
        self.level.set(level);
    }
}

/// Runs `inside` with an end of this kind for what it waits for.
fn with_until<R>(patience: Patience, inside: impl FnOnce(Until<'_>) -> R) -> R {
    let token = match patience {
        Patience::Token => cancel::current(),
        _ => Token::new(),
    };
    inside(patience.until(&token))
}

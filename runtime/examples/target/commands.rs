//! The commands: parses a line's words, calls the module that does it, builds the answer.

use anyhow::{Context, Result, bail, ensure};
use runtime::Reason;
use serde_json::{Value, json};

use crate::connections::Connections;
use crate::gate::Gate;
use crate::locks::Locks;
use crate::services::{self, ShortTasks};
use crate::sites::{self, SITES};
use crate::{process, stacks, truth};

const HELP: &str = "spawn SITES TASKS [REASON] | release N | release_all | wake N | \
    churn TASKS [SITES] | truth | lock | wait N | unlock | recurse N DEPTH_BYTES | unrecurse | \
    pool N | condvar_pool N | sleepers N | ticker | join_server | connections N | talk | senders N | panic N | \
    short_tasks RATE | fork | exec PATH [ARGUMENT…] | second_runtime TASKS | \
    foreign TASKS | rss | quit";

/// What the commands share.
#[derive(Default)]
pub struct Target {
    parked: &'static Gate,
    recursing: &'static Gate,
    locks: Locks,
    connections: Connections,
    short_tasks: Option<ShortTasks>,
}

impl Target {
    /// Does one command; the answer says whether it worked.
    pub fn execute(&mut self, words: &[&str]) -> Value {
        match self.command(words) {
            Ok(mut answer) => {
                answer["ok"] = json!(true);
                answer
            }
            Err(error) => json!({ "ok": false, "error": format!("{error:#}") }),
        }
    }

    fn command(&mut self, words: &[&str]) -> Result<Value> {
        match words[0] {
            "spawn" | "release" | "release_all" | "wake" | "churn" => self.tasks(words),
            "lock" | "wait" | "unlock" => self.lock(words),
            "recurse" | "unrecurse" => self.stack(words),
            "pool" | "condvar_pool" | "sleepers" | "ticker" | "join_server" | "senders"
            | "panic" | "short_tasks" => self.service(words),
            "connections" | "talk" => self.connection(words),
            "fork" | "exec" | "second_runtime" | "foreign" | "rss" => self.process(words),
            "truth" => Ok(json!({ "sites": truth::report() })),
            "help" => Ok(json!({ "commands": HELP })),
            "quit" => Ok(json!({})),
            unknown => bail!("unknown command {unknown}; try help"),
        }
    }

    fn tasks(&self, words: &[&str]) -> Result<Value> {
        match words[0] {
            "spawn" => {
                let (sites, tasks) = (number(words, 1)?, number(words, 2)?);
                ensure!(
                    (1..=SITES.len() as u64).contains(&sites),
                    "1 to {} sites",
                    SITES.len()
                );
                let reason = words
                    .get(3)
                    .map_or(Ok(Reason::ChanRecv), |name| reason(name))?;
                sites::spawn_held(self.parked, sites, tasks, reason);
                Ok(json!({ "sites": sites, "tasks": tasks }))
            }
            "churn" => {
                let sites = if words.len() > 2 {
                    number(words, 2)?
                } else {
                    1
                };
                ensure!(
                    (1..=SITES.len() as u64).contains(&sites),
                    "1 to {} sites",
                    SITES.len()
                );
                sites::churn(sites, number(words, 1)?);
                Ok(json!({ "tasks": number(words, 1)? }))
            }
            "release" => Ok(json!({ "released": self.parked.release(number(words, 1)?) })),
            "release_all" => Ok(json!({ "released": self.parked.release(u64::MAX) })),
            _ => Ok(json!({ "woken": self.parked.wake(number(words, 1)?) })),
        }
    }

    fn lock(&mut self, words: &[&str]) -> Result<Value> {
        match words[0] {
            "lock" => Ok(json!({ "holder": self.locks.lock()?.as_u64() })),
            "wait" => Ok(json!({ "waiting": self.locks.wait(number(words, 1)?) })),
            _ => self.locks.unlock().map(|()| json!({})),
        }
    }

    fn stack(&self, words: &[&str]) -> Result<Value> {
        if words[0] == "unrecurse" {
            return Ok(json!({ "released": self.recursing.release(u64::MAX) }));
        }
        let (tasks, depth_bytes) = (number(words, 1)?, number(words, 2)?);
        stacks::recurse(self.recursing, tasks, usize::try_from(depth_bytes)?);
        Ok(json!({ "tasks": tasks, "depth_bytes": depth_bytes }))
    }

    fn service(&mut self, words: &[&str]) -> Result<Value> {
        match words[0] {
            "pool" => services::pool(number(words, 1)?),
            "condvar_pool" => services::condvar_pool(number(words, 1)?),
            "sleepers" => services::sleepers(number(words, 1)?),
            "ticker" => services::ticker(),
            "join_server" => services::join_server(),
            "senders" => services::senders(number(words, 1)?),
            "panic" => services::panic(number(words, 1)?),
            _ => {
                drop(self.short_tasks.take());
                self.short_tasks = ShortTasks::start(number(words, 1)?);
            }
        }
        Ok(json!({}))
    }

    fn connection(&mut self, words: &[&str]) -> Result<Value> {
        if words[0] == "talk" {
            return Ok(json!({ "answers": self.connections.talk()? }));
        }
        self.connections.open(number(words, 1)?)?;
        Ok(json!({}))
    }

    fn process(&self, words: &[&str]) -> Result<Value> {
        match words[0] {
            "fork" => Ok(json!({ "pid": process::fork()? })),
            "exec" => process::exec(words.get(1).context("exec needs a path")?, &words[2..]),
            "second_runtime" => {
                process::second_runtime(self.parked, number(words, 1)?);
                Ok(json!({ "tasks": number(words, 1)? }))
            }
            "foreign" => {
                process::foreign(self.parked, number(words, 1)?)?;
                Ok(json!({ "tasks": number(words, 1)? }))
            }
            _ => Ok(process::memory()),
        }
    }
}

fn number(words: &[&str], place: usize) -> Result<u64> {
    let word = words
        .get(place)
        .with_context(|| format!("{} needs more numbers", words[0]))?;
    word.parse().with_context(|| format!("{word} is no number"))
}

fn reason(name: &str) -> Result<Reason> {
    let found = Reason::ALL.into_iter().find(|reason| reason.name() == name);
    found.with_context(|| format!("{name} is no reason"))
}

//! One round of the measurements `echo_64` and `echo_1000`: a server in one process, its load in
//! another, each on cores of its own where there is more than one.

use anyhow::{Context, Result};

use super::available;
use super::contestants::Contestants;
use super::conversation::Conversation;
use super::cpu::{Account, Window};
use crate::command::Invocation;
use crate::runner;

/// What a round gave, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchange {
    /// Processor time of the server, in user and kernel mode, per request.
    pub cpu_ns: f64,
    /// From request to answer, as the load sees it: 99 of 100 take no longer.
    pub p99_ns: f64,
}

/// Runs a server on this runtime, and so many connections that ask it, one request each at a time.
pub fn exchange(
    contestants: &Contestants,
    runtime: &str,
    connections: u64,
    requests: u64,
) -> Result<Exchange> {
    available::raise_open_files()?;
    let cores = Cores::share_out(&available::cores()?);
    let call = contestants.call(runtime, cores.workers).arg("--serve");
    let mut server = Conversation::start(&pinned(call, &cores.server))?;
    let greeting = server.ask("")?;
    let address = greeting["address"].as_str().context("no address")?;
    let call = contestants
        .load()
        .args(["--address", address])
        .args(["--connections", &connections.to_string()]);
    let mut load = Conversation::start(&pinned(call, &cores.load))?;
    let warming_up = (requests / 10).max(connections);
    load.ask(&warming_up.to_string())?;
    let window = Window::begin(Account::process(server.pid()))?;
    let answer = load.ask(&requests.max(connections).to_string())?;
    let used = window.used()?;
    let done = answer["requests"].as_f64().context("no requests")?;
    Ok(Exchange {
        cpu_ns: used.as_nanos() as f64 / done,
        p99_ns: answer["p99_ns"].as_f64().context("no latency")?,
    })
}

/// Who gets which cores.
#[derive(Debug, PartialEq, Eq)]
struct Cores {
    server: String,
    load: String,
    /// As many as the server has cores.
    workers: u32,
}

impl Cores {
    /// The load gets the last core, the server the others; one core they share.
    fn share_out(all: &[usize]) -> Self {
        let (load, server) = match all {
            [one] => (one, all),
            [others @ .., last] => (last, others),
            [] => (&0, all),
        };
        let numbers: Vec<String> = server.iter().map(ToString::to_string).collect();
        Self {
            server: numbers.join(","),
            load: load.to_string(),
            workers: server.len().max(1) as u32,
        }
    }
}

/// The call on these cores, where the system has the program for it.
fn pinned(call: Invocation, cores: &str) -> Invocation {
    match runner::find_program("taskset") {
        Some(taskset) => call.through(Invocation::new(taskset).args(["-c", cores])),
        None => call,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_gets_a_core_of_its_own() {
        let cores = Cores::share_out(&[0, 2, 5]);
        assert_eq!((cores.server.as_str(), cores.load.as_str()), ("0,2", "5"));
        assert_eq!(cores.workers, 2);
        let alone = Cores::share_out(&[3]);
        assert_eq!((alone.server.as_str(), alone.load.as_str()), ("3", "3"));
        assert_eq!(alone.workers, 1);
    }
}

//! Events as a Chrome trace (JSON object format), which Perfetto and `chrome://tracing` open.
//!
//! | in the trace | what |
//! |---|---|
//! | a track | a thread, named after the worker that runs on it |
//! | a slice on it | a task from `run` to `park`, `exit`, or the next `run` in that thread; its name is the task's site |
//! | an arrow | from the `unpark` or `spawn` that made a task runnable to its next `run` |
//! | an instant | `spawn`, `stack_grow`, and events that were lost |
//!
//! Slices are written when they end, as complete events, so none is ever without its end. A task
//! that yields fires no probe: its slice lasts until the next task runs there. A slice whose
//! `run` came before the trace is not drawn; one that is open at the end of the trace ends there.
//! An `unpark` outside of any task (a timer, the poller, a foreign thread) is a short slice of
//! its own, because an arrow begins at a slice.
//!
//! Format: "Trace Event Format", Google, 2016.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::event::{outcome_name, reason_name};
use super::{Event, Format, Kind, TaskId};

/// Arrows that wait for their end; beyond, tasks are drawn without one.
const MAX_ARROWS: usize = 1 << 20;
/// How long an `unpark` outside of any task is drawn; real ones take longer.
const UNPARK_NS: u64 = 100;

/// A Chrome trace.
#[derive(Debug)]
pub struct Chrome {
    pid: u32,
    process: String,
    origin_ns: u64,
    is_first: bool,
    /// By thread: the task that runs there.
    open: HashMap<u32, Slice>,
    /// By thread: the worker that it was last.
    workers: HashMap<u32, u64>,
    threads: HashSet<u32>,
    /// By task: where the arrow to its next run begins.
    arrows: HashMap<TaskId, Start>,
    arrow_count: u64,
    last_ns: u64,
    lost: u64,
}

#[derive(Debug)]
struct Slice {
    began_ns: u64,
    task: TaskId,
    name: String,
    args: Value,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    tid: u32,
    at_ns: u64,
}

impl Chrome {
    /// A trace of this process; its times count from this boot time on.
    #[must_use]
    pub fn new(pid: u32, process: &str, origin_ns: u64) -> Self {
        Self {
            pid,
            process: process.to_owned(),
            origin_ns,
            is_first: true,
            open: HashMap::new(),
            workers: HashMap::new(),
            threads: HashSet::new(),
            arrows: HashMap::new(),
            arrow_count: 0,
            last_ns: 0,
            lost: 0,
        }
    }

    /// Writes one object of the array; `ph` says what it is.
    fn put(&mut self, ph: &str, tid: u32, at_ns: u64, mut rest: Value, out: &mut String) {
        rest["ph"] = json!(ph);
        rest["pid"] = json!(self.pid);
        rest["tid"] = json!(tid);
        rest["ts"] = microseconds(at_ns.saturating_sub(self.origin_ns));
        out.push_str(if self.is_first { "\n" } else { ",\n" });
        self.is_first = false;
        let _ = write!(out, "{rest}");
    }

    fn name_thread(&mut self, tid: u32, worker: Option<u64>, out: &mut String) {
        let is_new = self.threads.insert(tid);
        let is_news = worker.is_some() && self.workers.get(&tid).copied() != worker;
        if !is_new && !is_news {
            return;
        }
        let (name, place) = match worker {
            Some(worker) => (format!("worker {worker}"), worker),
            None => (format!("thread {tid}"), u64::from(u32::MAX)),
        };
        if let Some(worker) = worker {
            self.workers.insert(tid, worker);
        }
        let name = json!({ "name": "thread_name", "args": { "name": name } });
        self.put("M", tid, 0, name, out);
        let place = json!({ "name": "thread_sort_index", "args": { "sort_index": place } });
        self.put("M", tid, 0, place, out);
    }

    fn run(&mut self, event: &Event, out: &mut String) {
        self.close(event.tid, event.boot_ns, "yielded or unknown", out);
        if let Some(start) = self.arrows.remove(&event.task) {
            self.draw_arrow(start, event, out);
        }
        let slice = Slice {
            began_ns: event.boot_ns,
            task: event.task,
            name: event.site.to_string(),
            args: arguments(event),
        };
        self.open.insert(event.tid, slice);
    }

    /// Ends what runs in the thread, if anything does.
    fn close(&mut self, tid: u32, at_ns: u64, end: &str, out: &mut String) {
        let Some(mut slice) = self.open.remove(&tid) else {
            return;
        };
        slice.args["end"] = json!(end);
        let rest = json!({
            "name": slice.name,
            "cat": "task",
            "dur": microseconds(at_ns.saturating_sub(slice.began_ns)),
            "args": slice.args,
        });
        self.put("X", tid, slice.began_ns, rest, out);
    }

    /// Ends the event's task, if it is what runs in the event's thread.
    fn stop(&mut self, event: &Event, end: &str, out: &mut String) {
        self.arrows.remove(&event.task);
        let runs = self.open.get(&event.tid);
        if runs.is_some_and(|slice| slice.task == event.task) {
            self.close(event.tid, event.boot_ns, end, out);
        }
    }

    fn begin_arrow(&mut self, event: &Event, out: &mut String) {
        if !self.open.contains_key(&event.tid) {
            let rest = json!({
                "name": event.kind.name(),
                "cat": "wake",
                "dur": microseconds(UNPARK_NS),
                "args": arguments(event),
            });
            self.put("X", event.tid, event.boot_ns, rest, out);
        }
        if self.arrows.len() < MAX_ARROWS {
            let start = Start {
                tid: event.tid,
                at_ns: event.boot_ns,
            };
            self.arrows.insert(event.task, start);
        }
    }

    /// Both ends at once, so that none is without the other.
    fn draw_arrow(&mut self, start: Start, event: &Event, out: &mut String) {
        if start.at_ns > event.boot_ns {
            return;
        }
        self.arrow_count += 1;
        let end = |more: Value| {
            let mut rest = json!({ "name": "wake", "cat": "wake", "id": self.arrow_count });
            if let Some(more) = more.as_str() {
                rest["bp"] = json!(more);
            }
            rest
        };
        let (first, last) = (end(Value::Null), end(json!("e")));
        self.put("s", start.tid, start.at_ns, first, out);
        self.put("f", event.tid, event.boot_ns, last, out);
    }

    fn instant(&mut self, event: &Event, out: &mut String) {
        let rest = json!({ "name": event.kind.name(), "s": "t", "args": arguments(event) });
        self.put("i", event.tid, event.boot_ns, rest, out);
    }
}

impl Format for Chrome {
    fn begin(&mut self, out: &mut String) {
        out.push_str("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
        let name = json!({ "name": "process_name", "args": { "name": self.process } });
        self.put("M", 0, self.origin_ns, name, out);
    }

    fn event(&mut self, event: &Event, out: &mut String) {
        self.last_ns = self.last_ns.max(event.boot_ns);
        let worker = match event.kind {
            Kind::Run { worker, .. } => Some(worker),
            _ => None,
        };
        self.name_thread(event.tid, worker, out);
        match event.kind {
            Kind::Run { .. } => self.run(event, out),
            Kind::Park { reason, .. } => {
                self.stop(event, &format!("park: {}", reason_name(reason)), out);
            }
            Kind::Exit { outcome } => self.stop(event, outcome_name(outcome), out),
            Kind::Unpark { .. } => self.begin_arrow(event, out),
            Kind::Spawn { .. } => {
                self.instant(event, out);
                self.begin_arrow(event, out);
            }
            Kind::StackGrow { .. } => self.instant(event, out),
        }
    }

    fn lost(&mut self, count: u64, out: &mut String) {
        self.lost += count;
        let rest = json!({ "name": format!("{count} events lost"), "s": "g" });
        self.put("i", 0, self.last_ns, rest, out);
        // Whether these tasks still run, nobody knows: what follows is drawn anew.
        self.close_all("lost", out);
        self.arrows.clear();
    }

    fn end(&mut self, out: &mut String) {
        self.close_all("end of the trace", out);
        let other = json!({ "lost_events": self.lost });
        let _ = writeln!(out, "\n],\"otherData\":{other}}}");
    }
}

impl Chrome {
    fn close_all(&mut self, end: &str, out: &mut String) {
        let mut tids: Vec<u32> = self.open.keys().copied().collect();
        tids.sort_unstable();
        for tid in tids {
            self.close(tid, self.last_ns, end, out);
        }
    }
}

fn arguments(event: &Event) -> Value {
    let mut args = json!({ "task": event.task, "site": &*event.site });
    for (name, value) in super::json::arguments(&event.kind) {
        args[name] = value;
    }
    args
}

/// The unit of the format; exact to the nanosecond for a trace of a hundred days.
fn microseconds(ns: u64) -> Value {
    json!(ns as f64 / 1_000.0)
}

#[cfg(test)]
#[path = "chrome_tests.rs"]
mod tests;

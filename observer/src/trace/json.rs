//! Events as lines of JSON: one object each, its members named as the probe's arguments.
//!
//! ```text
//! {"unix_ns":1767225600000000000,"tid":4711,"event":"spawn","task":"12.3","site":"shop/src/main.rs:7:5","parent":"1.1"}
//! {"event":"lost","count":17}
//! ```

use serde_json::{Value, json};

use super::event::{outcome_name, reason_name};
use super::{Event, Format, Kind, TaskId};

/// Lines of JSON.
#[derive(Debug)]
pub struct JsonLines {
    unix_offset_ns: u64,
}

impl JsonLines {
    /// `unix_offset_ns` is what to add to a boot time for one since 1970.
    #[must_use]
    pub fn new(unix_offset_ns: u64) -> Self {
        Self { unix_offset_ns }
    }
}

impl Format for JsonLines {
    fn begin(&mut self, _: &mut String) {}

    fn event(&mut self, event: &Event, out: &mut String) {
        let mut line = json!({
            "unix_ns": event.boot_ns.saturating_add(self.unix_offset_ns),
            "tid": event.tid,
            "event": event.kind.name(),
            "task": event.task,
            "site": &*event.site,
        });
        for (name, value) in arguments(&event.kind) {
            line[name] = value;
        }
        add_line(&line, out);
    }

    fn lost(&mut self, count: u64, out: &mut String) {
        add_line(&json!({ "event": "lost", "count": count }), out);
    }

    fn end(&mut self, _: &mut String) {}
}

fn add_line(line: &Value, out: &mut String) {
    out.push_str(&line.to_string());
    out.push('\n');
}

/// What the probe says beside task and site; null where it says nothing.
pub(super) fn arguments(kind: &Kind) -> Vec<(&'static str, Value)> {
    match *kind {
        Kind::Spawn { parent } => vec![("parent", task(parent))],
        Kind::Run {
            worker,
            runnable_ns,
        } => {
            vec![
                ("worker", json!(worker)),
                ("runnable_ns", known(runnable_ns)),
            ]
        }
        Kind::Park {
            reason,
            resource,
            owner,
        } => vec![
            ("reason", json!(reason_name(reason))),
            ("resource", address(resource)),
            ("owner", task(owner)),
        ],
        Kind::Unpark { parked_ns, waker } => {
            vec![("parked_ns", known(parked_ns)), ("waker", task(waker))]
        }
        Kind::Exit { outcome } => vec![("outcome", json!(outcome_name(outcome)))],
        Kind::StackGrow {
            old_bytes,
            new_bytes,
            pc,
        } => vec![
            ("old_bytes", json!(old_bytes)),
            ("new_bytes", json!(new_bytes)),
            ("fault_pc", address(pc)),
        ],
    }
}

fn task(task: TaskId) -> Value {
    if task.is_some() {
        json!(task)
    } else {
        Value::Null
    }
}

fn known(ns: u64) -> Value {
    if ns == 0 { Value::Null } else { json!(ns) }
}

fn address(address: u64) -> Value {
    if address == 0 {
        return Value::Null;
    }
    json!(format!("{address:#x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::event::tests::event;

    #[test]
    fn every_line_is_an_object_with_the_arguments_of_its_probe() {
        let mut format = JsonLines::new(1_000_000_000);
        let mut out = String::new();
        format.begin(&mut out);
        let kinds = [
            Kind::Spawn {
                parent: TaskId(1 << 32),
            },
            Kind::Run {
                worker: 1,
                runnable_ns: 0,
            },
            Kind::Park {
                reason: 2,
                resource: 0x7f00,
                owner: TaskId(0),
            },
            Kind::Unpark {
                parked_ns: 5,
                waker: TaskId(9),
            },
            Kind::Exit { outcome: 2 },
            Kind::StackGrow {
                old_bytes: 1,
                new_bytes: 2,
                pc: 0xabc,
            },
        ];
        for kind in kinds {
            format.event(&event(5, 70, 12, kind), &mut out);
        }
        format.lost(17, &mut out);
        format.end(&mut out);
        let lines: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let spawn = json!({
            "unix_ns": 1_000_005_000_u64, "tid": 70, "event": "spawn", "task": "12.0",
            "site": "shop/src/main.rs:7:5", "parent": "0.1",
        });
        assert_eq!(lines[0], spawn);
        assert_eq!(lines[1]["runnable_ns"], Value::Null);
        assert_eq!(lines[2]["reason"], "mutex");
        assert_eq!(lines[2]["resource"], "0x7f00");
        assert_eq!(lines[2]["owner"], Value::Null);
        assert_eq!(lines[3]["waker"], "9.0");
        assert_eq!(lines[4]["outcome"], "cancelled");
        assert_eq!(lines[5]["new_bytes"], 2);
        assert_eq!(lines[6], json!({ "event": "lost", "count": 17 }));
    }
}

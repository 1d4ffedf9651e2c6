//! Events as lines for people.
//!
//! ```text
//!  SECONDS      THREAD  EVENT       TASK  SITE
//!     0.000012  4711    spawn       12.3  shop/src/main.rs:7:5  by 1.1
//!     0.000040  4711    run         12.3  shop/src/main.rs:7:5  on worker 0, runnable for 28.0 µs
//!     0.000052  4711    park        12.3  shop/src/main.rs:7:5  mutex 0x7f00dead, held by 9.2
//! ```

use std::fmt::Write as _;

use super::event::{outcome_name, reason_name};
use super::{Event, Format, Kind, TaskId};
use crate::human;

/// Lines for people; times are seconds since the first event.
#[derive(Debug, Default)]
pub struct TextLines {
    first_ns: Option<u64>,
}

impl Format for TextLines {
    fn begin(&mut self, out: &mut String) {
        out.push_str("     SECONDS  THREAD   EVENT       TASK        SITE\n");
    }

    fn event(&mut self, event: &Event, out: &mut String) {
        let first_ns = *self.first_ns.get_or_insert(event.boot_ns);
        // Threads take their times before they write: a record may be a moment early.
        let since_ns = event.boot_ns.saturating_sub(first_ns);
        let (seconds, us) = (since_ns / 1_000_000_000, since_ns / 1_000 % 1_000_000);
        let (tid, task, site, name) = (event.tid, event.task, &event.site, event.kind.name());
        let about = about(&event.kind);
        let line =
            format!("{seconds:>5}.{us:06}  {tid:<7}  {name:<10}  {task:<10}  {site}  {about}");
        let _ = writeln!(out, "{}", line.trim_end());
    }

    fn lost(&mut self, count: u64, out: &mut String) {
        let _ = writeln!(
            out,
            "              --- {count} events lost: the ring was full ---"
        );
    }

    fn end(&mut self, _: &mut String) {}
}

fn about(kind: &Kind) -> String {
    match *kind {
        Kind::Spawn { parent } => with_task("by", parent),
        Kind::Run {
            worker,
            runnable_ns: 0,
        } => format!("on worker {worker}"),
        Kind::Run {
            worker,
            runnable_ns,
        } => {
            format!(
                "on worker {worker}, runnable for {}",
                human::duration(runnable_ns)
            )
        }
        Kind::Park {
            reason,
            resource,
            owner,
        } => about_park(reason, resource, owner),
        Kind::Unpark {
            parked_ns: 0,
            waker,
        } => with_task("by", waker),
        Kind::Unpark { parked_ns, waker } => {
            let after = format!("after {}", human::duration(parked_ns));
            [after, with_task(" by", waker)].concat()
        }
        Kind::Exit { outcome } => outcome_name(outcome).to_owned(),
        Kind::StackGrow {
            old_bytes,
            new_bytes,
            pc,
        } => {
            let (old, new) = (human::bytes(old_bytes), human::bytes(new_bytes));
            format!("from {old} to {new} at {pc:#x}")
        }
    }
}

fn about_park(reason: u64, resource: u64, owner: TaskId) -> String {
    let mut text = match reason_name(reason) {
        "unknown" => format!("reason {reason}"),
        name => name.to_owned(),
    };
    if resource != 0 {
        let _ = write!(text, " {resource:#x}");
    }
    text + &with_task(", held by", owner)
}

/// The words and the task; nothing without one.
fn with_task(words: &str, task: TaskId) -> String {
    if task.is_some() {
        format!("{words} {task}")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::event::tests::event;

    #[test]
    fn every_event_is_one_line_that_says_what_is_known() {
        let park = |reason, resource, owner| Kind::Park {
            reason,
            resource,
            owner: TaskId(owner),
        };
        let mut out = String::new();
        let mut format = TextLines::default();
        format.begin(&mut out);
        for (at_us, kind) in [
            (1_000_000, Kind::Spawn { parent: TaskId(7) }),
            (1_000_000, Kind::Spawn { parent: TaskId(0) }),
            (
                1_000_028,
                Kind::Run {
                    worker: 1,
                    runnable_ns: 28_000,
                },
            ),
            (
                1_000_030,
                Kind::Run {
                    worker: 1,
                    runnable_ns: 0,
                },
            ),
            (1_000_040, park(2, 0x7f00, 9)),
            (1_000_041, park(5, 0, 0)),
            (1_000_042, park(77, 0, 0)),
            (
                2_500_040,
                Kind::Unpark {
                    parked_ns: 1_500_000_000,
                    waker: TaskId(9),
                },
            ),
            (
                2_500_041,
                Kind::Unpark {
                    parked_ns: 0,
                    waker: TaskId(0),
                },
            ),
            (
                2_500_050,
                Kind::StackGrow {
                    old_bytes: 32_768,
                    new_bytes: 65_536,
                    pc: 0xabc,
                },
            ),
            (2_500_060, Kind::Exit { outcome: 1 }),
            (999_999, Kind::Exit { outcome: 0 }),
        ] {
            format.event(&event(at_us, 4_711, 12 | 3 << 32, kind), &mut out);
        }
        format.lost(17, &mut out);
        format.end(&mut out);
        insta::assert_snapshot!(out);
    }
}

//! A report for people, in the manner of Go's dump of goroutines: a paragraph a group.

use std::fmt::{self, Display, Formatter};

use super::report::{Group, Owner, Report, Stack, Wait};
use crate::cli::output::printable;
use crate::stacks::Frame;

/// Tasks of a group that are named.
const MAX_TASKS: usize = 5;

/// The report as text.
pub(super) fn text(report: &Report) -> String {
    let (process, totals) = (&report.process, &report.totals);
    let mut text = format!(
        "{} ({}), {}, {}\n{} tasks: {} parked, {} running, {} runnable\n",
        printable(&process.name),
        process.pid,
        printable(&process.exe),
        report.taken,
        totals.tasks,
        totals.parked,
        totals.running,
        totals.runnable,
    );
    for missing in &report.missing {
        text += &format!("missing: {missing}\n");
    }
    for group in &report.groups {
        text += &format!("\n{}", Paragraph(group));
    }
    text
}

/// The first line of a group: how many, what they do, and whose they are.
pub(super) fn headline(group: &Group) -> String {
    let mut line = format!("{} {}", group.count, group.state);
    if let Some(reason) = &group.reason {
        line += &format!(": {reason}");
    }
    if let Some(span) = group.parked_seconds {
        let (shortest, longest) = (span.shortest, span.longest);
        let (shortest, longest) = (format!("{shortest:.1}"), format!("{longest:.1}"));
        line += &match shortest == longest {
            true => format!(", for {longest} s"),
            false => format!(", for {shortest} to {longest} s"),
        };
    }
    line + &format!(", by {}", printable(&group.site.describe()))
}

/// The lines of a stack.
pub(super) fn stack_lines(stack: &Stack) -> String {
    let mut lines: String = stack.shown().map(frame_lines).collect();
    if stack.is_cut {
        lines += "    … (the stack is deeper than what is read)\n";
    }
    lines
}

struct Paragraph<'a>(&'a Group);

impl Display for Paragraph<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let group = self.0;
        writeln!(f, "{}", headline(group))?;
        for wait in &group.waits {
            writeln!(f, "    {}", wait_line(wait, group))?;
        }
        match &group.stack {
            Some(stack) => f.write_str(&stack_lines(stack))?,
            None if group.state == "parked" => writeln!(f, "    (no stack)")?,
            None => {}
        }
        writeln!(f, "    {}", tasks_line(group))
    }
}

fn wait_line(wait: &Wait, group: &Group) -> String {
    let mut line = match wait.resource {
        Some(resource) => format!("at {resource:#x}"),
        None => "at no address".to_owned(),
    };
    if wait.count < group.count {
        line = format!("{} {line}", wait.count);
    }
    if let Some(owner) = &wait.owner {
        let role = role(group.reason.as_deref().unwrap_or_default());
        line += &format!(", {role} {}", owner_words(owner));
    }
    line
}

/// What the owner of a park has to do with it, by the park's reason.
fn role(reason: &str) -> &'static str {
    match reason {
        "mutex" | "rwlock" => "held by",
        "join" => "for the end of",
        "chan_send" | "chan_recv" | "select" => "other end last used by",
        "semaphore" | "wait_group" => "last taken by",
        _ => "owned by",
    }
}

fn owner_words(owner: &Owner) -> String {
    let task = &owner.task;
    match (&owner.state, &owner.site) {
        (Some(state), Some(site)) => format!("task {task} ({state}, by {})", printable(site)),
        _ => format!("task {task} (ended)"),
    }
}

fn frame_lines(frame: &Frame) -> String {
    let function = match &frame.function {
        Some(function) => printable(function),
        None => printable(&frame.place()),
    };
    let inlined = if frame.inlined { " (inlined)" } else { "" };
    let source = match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("        {}:{line}\n", printable(file)),
        (Some(file), None) => format!("        {}\n", printable(file)),
        (None, _) if frame.function.is_some() => format!("        {}\n", printable(&frame.place())),
        (None, _) => String::new(),
    };
    format!("    {function}{inlined}\n{source}")
}

fn tasks_line(group: &Group) -> String {
    let named = group
        .tasks
        .iter()
        .take(MAX_TASKS)
        .map(|task| task.id.as_str());
    let named = named.collect::<Vec<_>>().join(", ");
    match group.count.saturating_sub(MAX_TASKS) {
        0 => format!("tasks {named}"),
        others => format!("tasks {named} and {others} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{frame, group, report};
    use super::*;
    use crate::cli::dump::report::Span;

    #[test]
    fn a_report_reads_like_a_dump_of_goroutines() {
        let mut leak = group(1_000, "chan_send", "src/feed.rs:41:9");
        leak.parked_seconds = Some(Span {
            shortest: 12.5,
            longest: 61.0,
        });
        leak.waits = vec![Wait {
            count: 1_000,
            resource: Some(0x7f21_0000),
            owner: Some(Owner {
                task: "4.1".to_owned(),
                state: Some("running".to_owned()),
                site: Some("src/main.rs:7:5".to_owned()),
            }),
        }];
        let mut hidden = frame("runtime::task::park", "park.rs", 3);
        hidden.hidden = true;
        leak.stack = Some(Stack {
            frames: vec![
                hidden,
                frame("runtime::chan::Sender<T>::send", "chan/sender.rs", 55),
                frame("shop::feed::push", "src/feed.rs", 44),
            ],
            is_cut: false,
        });
        let expected = "\
shop (77), /srv/shop, 2026-01-31T12:00:00.000Z
1000 tasks: 1000 parked, 0 running, 0 runnable

1000 parked: chan_send, for 12.5 to 61.0 s, by src/feed.rs:41:9
    at 0x7f210000, other end last used by task 4.1 (running, by src/main.rs:7:5)
    runtime::chan::Sender<T>::send
        chan/sender.rs:55
    shop::feed::push
        src/feed.rs:44
    tasks 1.1, 2.1, 3.1, 4.1, 5.1 and 995 more
";
        assert_eq!(text(&report(vec![leak])), expected);
    }

    #[test]
    fn a_frame_without_a_name_is_its_module_and_offset() {
        let nameless = Frame {
            address: 0x5555_1234,
            module: "/srv/shop".to_owned(),
            offset: 0x1234,
            ..Frame::default()
        };
        assert_eq!(frame_lines(&nameless), "    /srv/shop+0x1234\n");
        let nowhere = Frame {
            address: 0x77,
            ..Frame::default()
        };
        assert_eq!(frame_lines(&nowhere), "    0x77\n");
        let symbol = Frame {
            function: Some("main".to_owned()),
            ..nameless
        };
        let lines = "    main\n        /srv/shop+0x1234\n";
        assert_eq!(frame_lines(&symbol), lines);
    }

    #[test]
    fn names_from_the_target_cannot_steer_the_terminal() {
        let mut group = group(1, "mutex", "src/\u{1b}[2J.rs:1:1");
        group.stack = Some(Stack {
            frames: vec![frame("a\u{1b}b", "f", 1)],
            is_cut: true,
        });
        let text = text(&report(vec![group]));
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(text.contains("deeper than what is read"), "{text:?}");
    }
}

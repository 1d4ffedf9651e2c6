//! Reports for the tests of this folder.

use super::report::{Group, Process, Report, Site, Task, Totals, VERSION};
use crate::stacks::Frame;

pub(super) fn report(groups: Vec<Group>) -> Report {
    let tasks = groups.iter().map(|group| group.count).sum();
    Report {
        version: VERSION,
        process: Process {
            pid: 77,
            name: "shop".to_owned(),
            exe: "/srv/shop".to_owned(),
        },
        taken: "2026-01-31T12:00:00.000Z".to_owned(),
        taken_unix_ns: 1_769_860_800_000_000_000,
        totals: Totals {
            tasks,
            parked: tasks,
            ..Totals::default()
        },
        missing: Vec::new(),
        groups,
    }
}

pub(super) fn group(count: usize, reason: &str, place: &str) -> Group {
    let task = |number| Task {
        id: format!("{number}.1"),
        parked_seconds: 1.0,
        resource: None,
        owner: None,
    };
    Group {
        count,
        state: "parked".to_owned(),
        reason: Some(reason.to_owned()),
        site: Site {
            place: place.to_owned(),
            ..Site::default()
        },
        parked_seconds: None,
        waits: Vec::new(),
        stack: None,
        tasks: (1..=count.min(100)).map(task).collect(),
    }
}

pub(super) fn frame(function: &str, file: &str, line: u32) -> Frame {
    Frame {
        function: Some(function.to_owned()),
        file: Some(file.to_owned()),
        line: Some(line),
        ..Frame::default()
    }
}

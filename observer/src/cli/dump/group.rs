//! From what a process answered to a report: equal tasks together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use runtime_abi::{Reason, TaskState, task_generation, task_slot};

use super::ask::Answer;
use super::census::{StackState, Task as Seen};
use super::report::{
    Group, Owner, Process, Report, Site, Span, Stack, Task, Totals, VERSION, Wait,
};
use crate::collect::Text;
use crate::export::rfc3339;
use crate::model::label_of;
use crate::stacks::{StackId, Walked};

/// Tasks that a group names.
const MAX_TASKS: usize = 100;

/// Different things to wait for that a group names.
pub(super) const MAX_WAITS: usize = 16;

/// Makes the report of an answer.
pub(super) fn report(answer: &Answer, taken_unix_ns: u64) -> Report {
    let walked = answer.walked.as_ref().ok();
    let tasks = Tasks::new(&answer.tasks, &answer.sites);
    let groups = tasks.groups(walked);
    Report {
        version: VERSION,
        process: Process {
            pid: answer.found.id.pid,
            name: answer.found.name.clone(),
            exe: answer.found.exe.clone(),
        },
        taken: rfc3339(taken_unix_ns),
        taken_unix_ns,
        totals: totals(&answer.tasks),
        missing: missing(answer),
        groups,
    }
}

fn missing(answer: &Answer) -> Vec<String> {
    let stacks = answer.walked.as_ref().err().map(ToString::to_string);
    answer.incomplete.iter().cloned().chain(stacks).collect()
}

fn totals(tasks: &[Seen]) -> Totals {
    let of = |state: TaskState| {
        let tasks = tasks.iter();
        tasks
            .filter(|task| task.record.state == state as u64)
            .count()
    };
    Totals {
        tasks: tasks.len(),
        parked: of(TaskState::Parked),
        running: of(TaskState::Running),
        runnable: of(TaskState::Runnable),
    }
}

/// What tasks of a group have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    state: u64,
    reason: Option<u64>,
    site: Site,
    stack: Option<StackId>,
}

/// The tasks of an answer and how to name them.
struct Tasks<'a> {
    tasks: &'a [Seen],
    by_id: HashMap<u64, &'a Seen>,
    sites: HashMap<u64, Site>,
}

impl<'a> Tasks<'a> {
    fn new(tasks: &'a [Seen], texts: &HashMap<u64, Text>) -> Self {
        let by_id = tasks.iter().map(|task| (task.record.task, task)).collect();
        let addresses = tasks.iter().map(|task| task.record.site);
        let sites = addresses.map(|address| (address, site(address, texts)));
        Self {
            tasks,
            by_id,
            sites: sites.collect(),
        }
    }

    fn groups(&self, walked: Option<&Walked>) -> Vec<Group> {
        let mut groups: BTreeMap<Key, Vec<&Seen>> = BTreeMap::new();
        for task in self.tasks {
            groups.entry(self.key(task, walked)).or_default().push(task);
        }
        let groups = groups.into_iter();
        let mut groups: Vec<Group> = groups
            .map(|(key, tasks)| self.group(key, tasks, walked))
            .collect();
        groups.sort_by_key(|group| (group.state != "parked", Reverse(group.count)));
        groups
    }

    fn key(&self, task: &Seen, walked: Option<&Walked>) -> Key {
        let record = &task.record;
        let is_true = task.stack == StackState::True;
        let walked = walked.filter(|_| is_true);
        Key {
            state: record.state,
            reason: is_waiting(task).then_some(record.reason),
            site: self.sites[&record.site].clone(),
            stack: walked.and_then(|walked| walked.of_task(record.task)),
        }
    }

    fn group(&self, key: Key, mut tasks: Vec<&Seen>, walked: Option<&Walked>) -> Group {
        tasks.sort_by_key(|task| (Reverse(task.record.parked_ns), task.record.task));
        let seconds = |task: Option<&&Seen>| task.map(|task| seconds(task.record.parked_ns));
        let span = || {
            Some(Span {
                shortest: seconds(tasks.last())?,
                longest: seconds(tasks.first())?,
            })
        };
        let stack = key.stack.zip(walked).map(|(id, walked)| walked.stack(id));
        Group {
            count: tasks.len(),
            state: state_name(key.state),
            reason: key.reason.map(reason_name),
            site: key.site,
            parked_seconds: key.reason.and_then(|_| span()),
            waits: self.waits(&tasks),
            stack: stack.map(|stack| Stack {
                frames: stack.frames.clone(),
                is_cut: stack.is_cut,
            }),
            tasks: tasks
                .iter()
                .take(MAX_TASKS)
                .map(|task| line(task))
                .collect(),
        }
    }

    fn waits(&self, tasks: &[&Seen]) -> Vec<Wait> {
        let mut counts: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        for task in tasks.iter().filter(|task| is_waiting(task)) {
            let (resource, owner) = (task.record.resource, task.record.owner);
            if (resource, owner) != (0, 0) {
                *counts.entry((resource, owner)).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        let counts = counts.into_iter().take(MAX_WAITS);
        let waits = counts.map(|((resource, owner), count)| Wait {
            count,
            resource: present(resource),
            owner: present(owner).map(|owner| self.owner(owner)),
        });
        waits.collect()
    }

    fn owner(&self, id: u64) -> Owner {
        let known = self.by_id.get(&id);
        Owner {
            task: task_name(id),
            state: known.map(|task| state_name(task.record.state)),
            site: known.map(|task| self.sites[&task.record.site].place.clone()),
        }
    }
}

fn line(task: &Seen) -> Task {
    let record = &task.record;
    let is_waiting = is_waiting(task);
    Task {
        id: task_name(record.task),
        parked_seconds: seconds(record.parked_ns),
        resource: present(record.resource).filter(|_| is_waiting),
        owner: present(record.owner).filter(|_| is_waiting).map(task_name),
    }
}

/// Parked, or in a blocking call, which a runtime reports as a running task with a reason.
fn is_waiting(task: &Seen) -> bool {
    let is_blocking = task.record.reason == Reason::Blocking.code();
    task.record.state == TaskState::Parked as u64 || is_blocking
}

fn site(address: u64, texts: &HashMap<u64, Text>) -> Site {
    match texts.get(&address) {
        Some(text) => Site {
            place: label_of(text),
            name: text
                .name
                .as_ref()
                .map(|name| name.replace(char::is_control, "?")),
            service: text.is_service(),
        },
        None => Site {
            place: format!("an unreadable site at {address:#x}"),
            ..Site::default()
        },
    }
}

fn state_name(state: u64) -> String {
    const NAMES: [&str; 3] = ["runnable", "running", "parked"];
    let name = usize::try_from(state).ok().and_then(|at| NAMES.get(at));
    name.map_or_else(|| format!("state {state}"), |name| (*name).to_owned())
}

fn reason_name(reason: u64) -> String {
    let known = Reason::from_code(reason);
    known.map_or_else(
        || format!("reason {reason}"),
        |known| known.name().to_owned(),
    )
}

fn task_name(id: u64) -> String {
    format!("{}.{}", task_slot(id), task_generation(id))
}

fn present(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

/// To a hundredth: parks are no more exact than that.
fn seconds(ns: u64) -> f64 {
    (ns / 10_000_000) as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::super::census::{Census, Wanted};
    use super::*;
    use observer_ebpf_abi::Record;
    use runtime_abi::task_id;

    fn parked(slot: u32, site: u64, reason: Reason, owner: u64, seconds: u64) -> Record {
        Record {
            task: task_id(slot, 1),
            site,
            state: TaskState::Parked as u64,
            reason: reason.code(),
            resource: 0x1000 * site,
            owner,
            parked_ns: seconds * 1_000_000_000,
            ..Record::EMPTY
        }
    }

    fn running(slot: u32, site: u64, reason: u64) -> Record {
        Record {
            state: TaskState::Running as u64,
            reason,
            ..parked(slot, site, Reason::Other, 0, 0)
        }
    }

    fn tasks(records: &[Record]) -> Vec<Seen> {
        let mut census = Census::new(false);
        for record in records {
            assert_eq!(census.take(record), Wanted::Nothing);
        }
        census.finish()
    }

    fn text(line: u32) -> Text {
        Text {
            file: "/home/ann/shop/src/main.rs".to_owned(),
            line,
            column: 5,
            name: None,
            flags: 0,
        }
    }

    fn groups(records: &[Record]) -> Vec<Group> {
        let texts = HashMap::from([(7, text(7)), (8, text(8))]);
        Tasks::new(&tasks(records), &texts).groups(None)
    }

    #[test]
    fn equal_tasks_are_one_group_and_the_largest_parked_one_is_first() {
        let groups = groups(&[
            running(1, 7, 0),
            running(2, 7, 0),
            running(3, 7, 0),
            parked(4, 8, Reason::Mutex, task_id(1, 1), 3),
            parked(5, 7, Reason::ChanRecv, 0, 1),
            parked(6, 7, Reason::ChanRecv, 0, 61),
        ]);
        let shape = |group: &Group| (group.count, group.state.clone(), group.reason.clone());
        let shapes: Vec<_> = groups.iter().map(shape).collect();
        let parked = "parked".to_owned();
        assert_eq!(shapes[0], (2, parked.clone(), Some("chan_recv".to_owned())));
        assert_eq!(shapes[1], (1, parked, Some("mutex".to_owned())));
        assert_eq!(shapes[2], (3, "running".to_owned(), None));
        let span = groups[0].parked_seconds.expect("parked");
        assert_eq!((span.shortest, span.longest), (1.0, 61.0));
        assert_eq!(groups[0].tasks[0].id, "6.1", "the longest first");
        assert_eq!(groups[0].site.place, "shop/src/main.rs:7:5");
    }

    #[test]
    fn an_owner_is_named_with_its_site_and_one_that_is_gone_without() {
        let groups = groups(&[
            running(1, 7, 0),
            parked(4, 8, Reason::Mutex, task_id(1, 1), 3),
            parked(5, 8, Reason::Mutex, task_id(9, 9), 3),
        ]);
        let owners: Vec<_> = groups[0]
            .waits
            .iter()
            .map(|wait| wait.owner.clone())
            .collect();
        let holder = Owner {
            task: "1.1".to_owned(),
            state: Some("running".to_owned()),
            site: Some("shop/src/main.rs:7:5".to_owned()),
        };
        let gone = Owner {
            task: "9.9".to_owned(),
            state: None,
            site: None,
        };
        assert_eq!(owners, [Some(holder), Some(gone)]);
    }

    #[test]
    fn a_blocking_call_has_its_reason_although_its_task_runs() {
        let groups = groups(&[running(1, 7, Reason::Blocking.code())]);
        assert_eq!(groups[0].state, "running");
        assert_eq!(groups[0].reason.as_deref(), Some("blocking"));
    }

    #[test]
    fn what_a_newer_runtime_sends_is_shown_as_its_number() {
        assert_eq!(state_name(7), "state 7");
        assert_eq!(reason_name(99), "reason 99");
        assert_eq!(
            site(0x77, &HashMap::new()).place,
            "an unreadable site at 0x77"
        );
    }

    #[test]
    fn many_tasks_and_waits_are_cut_and_the_count_is_not() {
        let records: Vec<_> = (1..=300)
            .map(|slot| parked(slot, 7, Reason::ChanRecv, u64::from(slot), 1))
            .collect();
        let groups = groups(&records);
        let group = &groups[0];
        assert_eq!((group.count, group.tasks.len()), (300, MAX_TASKS));
        assert_eq!(group.waits.len(), MAX_WAITS);
    }
}

//! Two dumps compared: which groups are new, gone, grown or shrunk.
//!
//! Groups are the same if state, reason, site and stack are, by names and lines and not by
//! addresses: so dumps of two runs of a program can be compared too.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::report::{Group, Report};
use super::text::stack_lines;
use crate::cli::output::printable;
use crate::stacks::Frame;

/// What became of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    New,
    Grown,
    Shrunk,
    Gone,
}

/// A group that is not the same in both.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Changed {
    pub change: Change,
    pub before: usize,
    pub after: usize,
    /// As it is in the second dump, or in the first if it is gone.
    pub group: Group,
}

/// The groups that differ: new ones first, then by how much they did.
pub(super) fn diff(first: &Report, second: &Report) -> Vec<Changed> {
    let (before, after) = (by_key(first), by_key(second));
    let mut keys: Vec<&Key> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut changes: Vec<Changed> = keys
        .into_iter()
        .filter_map(|key| changed(before.get(key), after.get(key)))
        .collect();
    changes.sort_by_key(|one| (one.change, Reverse(one.before.abs_diff(one.after))));
    changes
}

/// The differences for people.
pub(super) fn text(changes: &[Changed]) -> String {
    if changes.is_empty() {
        return "no difference\n".to_owned();
    }
    let paragraphs = changes.iter().map(paragraph);
    paragraphs.collect::<Vec<_>>().join("\n")
}

fn paragraph(changed: &Changed) -> String {
    let (group, before, after) = (&changed.group, changed.before, changed.after);
    let what = match changed.change {
        Change::New => format!("new: {after}"),
        Change::Gone => format!("gone: {before}"),
        Change::Grown => format!("grown: {before} → {after}"),
        Change::Shrunk => format!("shrunk: {before} → {after}"),
    };
    let reason = group.reason.as_ref().map(|reason| format!(": {reason}"));
    let site = printable(&group.site.describe());
    let stack = group.stack.as_ref().map(stack_lines);
    format!(
        "{what} {}{}, by {site}\n{}",
        group.state,
        reason.unwrap_or_default(),
        stack.unwrap_or_default()
    )
}

/// State, reason, site, and the stack by names.
type Key = (String, Option<String>, String, Vec<String>);

/// Groups by what they are; those that differ in addresses only are one.
fn by_key(report: &Report) -> BTreeMap<Key, Group> {
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    for group in &report.groups {
        let frames = group.stack.iter().flat_map(|stack| &stack.frames);
        let key = (
            group.state.clone(),
            group.reason.clone(),
            group.site.place.clone(),
            frames.map(frame_key).collect(),
        );
        let known = groups.entry(key).or_insert_with(|| Group {
            count: 0,
            ..group.clone()
        });
        known.count += group.count;
    }
    groups
}

fn frame_key(frame: &Frame) -> String {
    match (&frame.function, frame.line) {
        (Some(function), Some(line)) => format!("{function}:{line}"),
        (Some(function), None) => function.clone(),
        (None, _) => frame.place(),
    }
}

fn changed(before: Option<&Group>, after: Option<&Group>) -> Option<Changed> {
    let count = |group: Option<&Group>| group.map_or(0, |group| group.count);
    let (before_count, after_count) = (count(before), count(after));
    let change = match (before, after) {
        (None, _) => Change::New,
        (_, None) => Change::Gone,
        _ if after_count > before_count => Change::Grown,
        _ if after_count < before_count => Change::Shrunk,
        _ => return None,
    };
    Some(Changed {
        change,
        before: before_count,
        after: after_count,
        group: after.or(before)?.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::Stack;
    use super::super::samples::{frame, group, report};
    use super::*;

    fn at(count: usize, place: &str, address: u64) -> Group {
        let mut frame = frame("shop::push", "src/feed.rs", 44);
        frame.address = address;
        let stack = Stack {
            frames: vec![frame],
            is_cut: false,
        };
        Group {
            stack: Some(stack),
            ..group(count, "mutex", place)
        }
    }

    #[test]
    fn groups_are_new_gone_grown_or_shrunk_whatever_their_addresses() {
        let first = report(vec![
            at(5, "a.rs:1:1", 0x1000),
            at(5, "b.rs:1:1", 0x1000),
            at(5, "c.rs:1:1", 0x1000),
            at(5, "d.rs:1:1", 0x1000),
        ]);
        let second = report(vec![
            at(5, "a.rs:1:1", 0x2000),
            at(3, "b.rs:1:1", 0x2000),
            at(9, "c.rs:1:1", 0x2000),
            at(2, "e.rs:1:1", 0x2000),
        ]);
        let changes = diff(&first, &second);
        let short = |one: &Changed| (one.change, one.group.site.place.clone(), one.after);
        let short: Vec<_> = changes.iter().map(short).collect();
        let expected = [
            (Change::New, "e.rs:1:1".to_owned(), 2),
            (Change::Grown, "c.rs:1:1".to_owned(), 9),
            (Change::Shrunk, "b.rs:1:1".to_owned(), 3),
            (Change::Gone, "d.rs:1:1".to_owned(), 0),
        ];
        assert_eq!(short, expected);
        let text = text(&changes);
        assert!(text.contains("grown: 5 → 9 parked: mutex, by c.rs:1:1\n    shop::push"));
        assert!(diff(&first, &first).is_empty());
    }

    #[test]
    fn another_line_of_the_same_function_is_another_group() {
        let mut moved = at(5, "a.rs:1:1", 0);
        moved.stack.as_mut().expect("it has one").frames[0].line = Some(45);
        let changes = diff(&report(vec![at(5, "a.rs:1:1", 0)]), &report(vec![moved]));
        let changes: Vec<_> = changes.iter().map(|one| one.change).collect();
        assert_eq!(changes, [Change::New, Change::Gone]);
    }
}

//! What a dump says: the form in which it is printed as JSON, saved, and compared.

use serde::{Deserialize, Serialize};

use crate::stacks::Frame;

/// The version of the saved form; another one is not read.
pub(super) const VERSION: u32 = 1;

/// A dump of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// [`VERSION`].
    pub version: u32,
    pub process: Process,
    /// When it was taken: RFC 3339 in UTC, and nanoseconds since 1970.
    pub taken: String,
    pub taken_unix_ns: u64,
    pub totals: Totals,
    /// What is missing, a sentence each.
    pub missing: Vec<String>,
    /// Parked ones first, the largest first.
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub pid: u32,
    pub name: String,
    pub exe: String,
}

/// Tasks by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    pub tasks: usize,
    pub parked: usize,
    pub running: usize,
    pub runnable: usize,
}

/// Tasks of one site that do the same at the same place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    pub count: usize,
    /// `parked`, `running`, `runnable`, or the number that a newer runtime sent.
    pub state: String,
    /// Why they are parked, or in a blocking call; a number if a newer runtime sent it.
    pub reason: Option<String>,
    pub site: Site,
    /// How long they have been parked.
    pub parked_seconds: Option<Span>,
    /// What they wait for, the most frequent first; [`super::group::MAX_WAITS`] at most.
    pub waits: Vec<Wait>,
    /// Their stack, if it could be read.
    pub stack: Option<Stack>,
    /// The tasks, those that have been parked longest first; a hundred at most.
    pub tasks: Vec<Task>,
}

/// Where tasks were spawned.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Site {
    /// `file:line:column`, or the address of a record that could not be read.
    pub place: String,
    pub name: Option<String>,
    pub service: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Span {
    pub shortest: f64,
    pub longest: f64,
}

/// What some tasks of a group wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Wait {
    pub count: usize,
    /// The resource's address; `None` if there is none.
    pub resource: Option<u64>,
    pub owner: Option<Owner>,
}

/// Who holds what is waited for, or used it last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Owner {
    pub task: String,
    /// `None` if it is not among the tasks: it has ended.
    pub state: Option<String>,
    pub site: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stack {
    /// The innermost first.
    pub frames: Vec<Frame>,
    /// Frames are missing at its end.
    pub is_cut: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Task {
    /// Slot and generation.
    pub id: String,
    pub parked_seconds: f64,
    pub resource: Option<u64>,
    pub owner: Option<String>,
}

impl Report {
    /// Shows what is left out by default.
    pub fn show_all_frames(&mut self) {
        let stacks = self
            .groups
            .iter_mut()
            .filter_map(|group| group.stack.as_mut());
        for stack in stacks {
            stack
                .frames
                .iter_mut()
                .for_each(|frame| frame.hidden = false);
        }
    }
}

impl Stack {
    /// The frames that are for people.
    pub fn shown(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(|frame| !frame.hidden)
    }
}

impl Site {
    /// Its place, its name, and whether it is a service.
    pub fn describe(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" {name:?}"));
        let service = if self.service { " (service)" } else { "" };
        format!("{}{}{service}", self.place, name.unwrap_or_default())
    }
}

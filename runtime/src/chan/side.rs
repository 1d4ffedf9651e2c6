//! One end of a channel: its handles, who waits there, and who used it last.

use super::line::Line;
use crate::task::{self, TaskId};

/// One end of a channel.
#[derive(Clone, Copy)]
pub(super) enum End {
    Sending,
    Receiving,
}

/// The handles of one end, and those who wait there, each with what it brought.
pub(super) struct Side<P> {
    pub(super) handles: usize,
    pub(super) line: Line<P>,
    /// The task that last sent or received; the owner of the other end's parks.
    pub(super) last_used_by: TaskId,
}

impl<P> Side<P> {
    /// An end with one handle.
    pub(super) const fn new() -> Self {
        Self {
            handles: 1,
            line: Line::new(),
            last_used_by: TaskId::NONE,
        }
    }

    /// Records a message by the current task.
    pub(super) fn used(&mut self) {
        self.last_used_by = task::current().unwrap_or(TaskId::NONE);
    }
}

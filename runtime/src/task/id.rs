//! The name of a task: 64 bits, never given to two tasks.

use std::fmt;

use runtime_abi::{task_generation, task_id, task_slot};

/// Names one task: the low half a slot (dense, reused), the high half the slot's generation.
///
/// The id of a task that has ended names nobody: [`TaskId::unpark`] of it does nothing.
///
/// ```
/// use runtime::TaskId;
///
/// assert!(TaskId::NONE.is_none());
/// assert_eq!(TaskId::NONE.as_u64(), 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct TaskId(u64);

impl TaskId {
    /// No task.
    pub const NONE: Self = Self(0);

    /// The id as probes carry it; 0 is no task.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The id that [`TaskId::as_u64`] gave.
    #[must_use]
    pub const fn from_u64(id: u64) -> Self {
        Self(id)
    }

    /// Whether this is [`TaskId::NONE`].
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Self(task_id(slot, generation))
    }

    pub(crate) const fn slot(self) -> u32 {
        task_slot(self.0)
    }

    pub(crate) const fn generation(self) -> u32 {
        task_generation(self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot(), self.generation())
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({self})")
    }
}

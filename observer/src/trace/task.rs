//! The name of a task, as people read and write it.

use std::fmt;
use std::str::FromStr;

use runtime_abi::{task_generation, task_id, task_slot};
use serde::{Serialize, Serializer};

/// A task's id: `slot.generation`, as the runtime itself prints it.
///
/// ```
/// use observer::trace::TaskId;
///
/// let task: TaskId = "12.3".parse()?;
/// assert_eq!(task.to_string(), "12.3");
/// assert_eq!("12884901900".parse::<TaskId>()?, task, "the number in findings");
/// assert!("twelve".parse::<TaskId>().is_err());
/// # Ok::<(), observer::trace::NotATask>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// A text that is no task's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a task: write slot.generation, for example 12.3, or the number in a finding")]
pub struct NotATask;

impl TaskId {
    /// Whether it names a task.
    #[must_use]
    pub fn is_some(self) -> bool {
        self.0 != 0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{}", task_slot(self.0), task_generation(self.0));
        formatter.pad(&text)
    }
}

impl FromStr for TaskId {
    type Err = NotATask;

    fn from_str(text: &str) -> Result<Self, NotATask> {
        let id = match text.split_once('.') {
            Some((slot, generation)) => slot
                .parse()
                .ok()
                .zip(generation.parse().ok())
                .map(|(slot, generation)| task_id(slot, generation)),
            None => text.parse().ok(),
        };
        id.filter(|id| *id != 0).map(Self).ok_or(NotATask)
    }
}

/// As text: not every reader of JSON has whole numbers of 64 bits.
impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for id in [1, 1 << 32, u64::MAX] {
            assert_eq!(TaskId(id).to_string().parse(), Ok(TaskId(id)));
            assert_eq!(id.to_string().parse(), Ok(TaskId(id)));
        }
    }

    #[test]
    fn no_task_and_no_number_are_refused() {
        for text in [
            "0",
            "0.0",
            "",
            ".",
            "1.",
            ".1",
            "1.2.3",
            "-1",
            "4294967296.1",
        ] {
            assert_eq!(text.parse::<TaskId>(), Err(NotATask), "{text:?}");
        }
    }
}

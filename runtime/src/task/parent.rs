//! Who spawned a task, and at which line: noted at its spawn, so that it can be asked when the
//! parent has ended.

use crate::site::Site;
use crate::task::{TaskId, current, record::Record};

/// The task that spawned another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parent {
    id: TaskId,
    site: &'static Site,
}

impl Parent {
    pub(crate) fn new(id: TaskId, site: &'static Site) -> Self {
        Self { id, site }
    }

    /// Its id. It may have ended since; ids are not used again.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The line at which it was spawned itself.
    #[must_use]
    pub fn site(&self) -> &'static Site {
        self.site
    }
}

/// Who spawned the calling task. `None` for the main task, for tasks that a thread outside
/// spawned, and on a thread that runs no task.
///
/// ```
/// use runtime::{Runtime, spawn, task};
///
/// Runtime::run(|| {
///     assert!(task::parent().is_none());
///     let child = spawn(task::parent);
///     let parent = child.join().unwrap().unwrap();
///     assert_eq!(Some(parent.id()), task::current());
///     assert_eq!(Some(parent.site()), task::site());
/// });
/// ```
#[must_use]
pub fn parent() -> Option<Parent> {
    current::record()?.parent()
}

/// The line that spawned the calling task, or `None` on a thread that runs no task.
#[must_use]
pub fn site() -> Option<&'static Site> {
    current::record().map(Record::site)
}

//! What a parked task waits for, beside its state word; written by the task, read by anyone.
//!
//! The state word is the sequence of a seqlock, and these fields (with the saved registers, the
//! site and the ledger's park word) are its data:
//!
//! | the owner of the task | a reader: `table.rs` |
//! |---|---|
//! | 1. makes it active: a change of the word, acquire and release | a. reads the word, acquire |
//! | 2. writes the data, each store a **release** | b. reads the data, relaxed |
//! | 3. publishes the park: a change of the word, release | c. **fence, acquire** |
//! | | d. reads the word again: if it is another, what b read is thrown away |
//!
//! Both marked orders are needed, as Boehm shows in "Can seqlocks get along with programming
//! language memory models?" (MSPC 2012). If b read anything of step 2, then that store, by its
//! release, and c synchronise: d comes after step 1 and sees its change. With relaxed stores in 2
//! nothing orders them behind step 1 for the reader, and d may still find the old word beside new
//! data. Boehm puts one release fence between 1 and 2; on the processors that we build for,
//! release stores cost the same (x86-64: nothing) or less. Every park has a sequence of its own in
//! the word, so d does not take a later park for the one of a.

use runtime_abi::Reason;

use crate::primitive::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::task::TaskId;

/// Reason, resource and owner of the current park.
#[derive(Debug)]
pub(crate) struct WaitFields {
    reason: AtomicU32,
    resource: AtomicU64,
    owner: AtomicU64,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) reason: Reason,
    /// An address, 0 if there is none.
    pub(crate) resource: u64,
    pub(crate) owner: TaskId,
}

impl Wait {
    #[inline]
    pub(crate) fn new(reason: Reason, resource: usize, owner: TaskId) -> Self {
        Self {
            reason,
            resource: resource as u64,
            owner,
        }
    }
}

impl WaitFields {
    pub(crate) fn new() -> Self {
        Self {
            reason: AtomicU32::new(0),
            resource: AtomicU64::new(0),
            owner: AtomicU64::new(0),
        }
    }

    /// Step 2; by the owner of the task.
    #[inline]
    pub(crate) fn write(&self, wait: Wait) {
        // Release: pairs with the fence in `StateWord::is_still`.
        self.reason.store(wait.reason as u32, Ordering::Release);
        self.resource.store(wait.resource, Ordering::Release);
        self.owner.store(wait.owner.as_u64(), Ordering::Release);
    }

    /// Step b: perhaps of several parks, until `StateWord::is_still` has said otherwise.
    pub(crate) fn read(&self) -> Wait {
        let reason = self.reason.load(Ordering::Relaxed);
        Wait {
            reason: Reason::from_code(reason.into()).unwrap_or(Reason::Other),
            resource: self.resource.load(Ordering::Relaxed),
            owner: TaskId::from_u64(self.owner.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::task::state::{Life, Parking, StateWord, Unparking};

    struct Model {
        state: StateWord,
        wait: WaitFields,
    }

    const FIRST: Wait = Wait {
        reason: Reason::Mutex,
        resource: 1,
        owner: TaskId::from_u64(1),
    };
    const SECOND: Wait = Wait {
        reason: Reason::ChanRecv,
        resource: 2,
        owner: TaskId::from_u64(2),
    };

    /// One look; `None` if it must be repeated.
    fn look(model: &Model) -> Option<(Life, Wait)> {
        let before = model.state.read();
        let wait = model.wait.read();
        model
            .state
            .is_still(before)
            .then_some((before.life(), wait))
    }

    #[test]
    fn loom_what_a_reader_keeps_belongs_to_one_park() {
        loom::model(|| {
            let model = Arc::new(Model {
                state: StateWord::new(),
                wait: WaitFields::new(),
            });
            let generation = model.state.start();
            model.wait.write(FIRST);
            assert_eq!(model.state.park(), Parking::Parked);
            let first = model.state.read();
            let task = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    assert_eq!(model.state.unpark(generation), Unparking::Queue);
                    model.wait.write(SECOND);
                    assert_eq!(model.state.park(), Parking::Parked);
                })
            };
            let is_first = model.state.read() == first;
            if let Some((Life::Parked, wait)) = look(&model) {
                assert!(wait == FIRST || wait == SECOND, "{wait:?}");
                assert!(is_first || wait == SECOND, "{wait:?}");
            }
            task.join().unwrap();
            assert_eq!(look(&model), Some((Life::Parked, SECOND)));
        });
    }
}

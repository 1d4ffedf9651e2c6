//! The word that a task and its join handle share, and the only code that changes it.
//!
//! ```text
//!           wait (joiner)            finish (task)
//!   Open ─────────────────▶ Waited ─────────────────▶ Done, joiner is woken
//!    │ │
//!    │ └── finish ────────────────▶ Done, the handle finds the result
//!    └──── detach (handle) ──────▶ Detached ── finish ──▶ the task frees the cell
//! ```
//!
//! Until `Done` the task owns the cell's content; the joiner owns the waiter field before
//! `wait`, and after that only the task's finish reads it. After `Done` the handle owns all,
//! unless it was detached before: whoever comes second frees the cell.

use crate::primitive::atomic::{AtomicU32, Ordering};

const DONE: u32 = 1;
const WAITED: u32 = 2;
const DETACHED: u32 = 4;

/// Done, waited, detached.
#[derive(Debug)]
pub(crate) struct JoinWord(AtomicU32);

/// Who is left when a task has finished.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Finished<W> {
    /// The handle, which will look by itself; the cell is no longer the task's.
    Handle,
    /// A joiner that waits; the cell is no longer the task's.
    Wake(W),
    /// Nobody: the caller frees the cell.
    Nobody,
}

impl JoinWord {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Whether the task has finished. Acquire: pairs with `finish`, for the result.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) & DONE != 0
    }

    /// Whether a joiner was announced. For the handle, which alone announces one.
    pub(crate) fn is_waited(&self) -> bool {
        self.0.load(Ordering::Relaxed) & WAITED != 0
    }

    /// Joiner, after it wrote the waiter: whether it must wait to be woken. Release: for the
    /// waiter field.
    #[must_use]
    pub(crate) fn wait(&self) -> bool {
        self.0.fetch_or(WAITED, Ordering::AcqRel) & DONE == 0
    }

    /// Handle: gives up the result. Whether the task has finished, so that the caller frees
    /// the cell.
    #[must_use]
    pub(crate) fn detach(&self) -> bool {
        self.0.fetch_or(DETACHED, Ordering::AcqRel) & DONE != 0
    }

    /// Task, after it wrote the result. The waiter is copied *before* the word says that the
    /// task is done, because a joiner that woke early may then free the cell at once.
    pub(crate) fn finish<W>(&self, copy_waiter: impl Fn() -> W) -> Finished<W> {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let waiter = (word & WAITED != 0).then(&copy_waiter);
            match self
                .0
                .compare_exchange(word, word | DONE, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) if word & DETACHED != 0 => return Finished::Nobody,
                Ok(_) => return waiter.map_or(Finished::Handle, Finished::Wake),
                Err(seen) => word = seen,
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{Arc, UnsafeCell, thread};

    /// A cell whose result and waiter loom watches.
    struct Model {
        word: JoinWord,
        result: UnsafeCell<u32>,
        waiter: UnsafeCell<u32>,
    }
    // SAFETY: loom checks every access of the cells.
    unsafe impl Sync for Model {}
    // SAFETY: as above.
    unsafe impl Send for Model {}

    fn start() -> (Arc<Model>, thread::JoinHandle<Finished<u32>>) {
        let model = Arc::new(Model {
            word: JoinWord::new(),
            result: UnsafeCell::new(0),
            waiter: UnsafeCell::new(0),
        });
        let task = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                // SAFETY: the task owns the result until it finishes; loom checks it.
                model.result.with_mut(|result| unsafe { *result = 7 });
                // SAFETY: written before `wait`; loom checks it.
                model
                    .word
                    .finish(|| model.waiter.with(|waiter| unsafe { *waiter }))
            })
        };
        (model, task)
    }

    #[test]
    fn loom_a_joiner_is_woken_or_finds_the_result() {
        loom::model(|| {
            let (model, task) = start();
            // SAFETY: the joiner owns the waiter before `wait`; loom checks it.
            model.waiter.with_mut(|waiter| unsafe { *waiter = 3 });
            let waits = model.word.wait();
            if !waits {
                // SAFETY: done, the result is ours; loom checks it.
                assert_eq!(model.result.with(|result| unsafe { *result }), 7);
            }
            let finished = task.join().unwrap();
            assert_eq!(
                finished,
                if waits {
                    Finished::Wake(3)
                } else {
                    Finished::Handle
                }
            );
        });
    }

    #[test]
    fn loom_a_joiner_that_sees_done_may_free_the_cell() {
        loom::model(|| {
            let (model, task) = start();
            // SAFETY: the joiner owns the waiter before `wait`; loom checks it.
            model.waiter.with_mut(|waiter| unsafe { *waiter = 3 });
            let _ = model.word.wait();
            if model.word.is_done() {
                // SAFETY: stands for freeing: loom reports a task that still reads these.
                model.waiter.with_mut(|waiter| unsafe { *waiter = 0 });
                // SAFETY: as above.
                model.result.with_mut(|result| unsafe { *result = 0 });
            }
            let _ = task.join().unwrap();
        });
    }

    #[test]
    fn loom_a_detached_cell_is_freed_once() {
        loom::model(|| {
            let (model, task) = start();
            let handle_frees = model.word.detach();
            if handle_frees {
                // SAFETY: stands for freeing; loom checks it.
                model.result.with_mut(|result| unsafe { *result = 0 });
            }
            let task_frees = task.join().unwrap() == Finished::Nobody;
            assert_ne!(handle_frees, task_frees);
        });
    }
}

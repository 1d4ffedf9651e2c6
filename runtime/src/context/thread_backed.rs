//! The switch by threads: each body runs on a thread of its own, and exactly one of the two
//! sides runs at any time. For Miri, loom and shuttle, which cannot follow a stack pointer.
//!
//! A baton in a mutex says whose turn it is. Everything that one side did before it passed the
//! baton happens before what the other does after it took it, as on one thread.

use super::{RegisterCell, Switch};
use crate::primitive::{Arc, Condvar, Mutex, thread, thread_local};
use crate::stack::{self, Stack, Window};
use crate::sys::registers::Registers;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;

thread_local! {
    static WORKER_WORD: Cell<usize> = const { Cell::new(0) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Worker,
    Body,
    Finished,
}

/// Whose turn it is, and the worker's word, which goes with it.
struct Baton {
    turn: Turn,
    worker_word: usize,
}

struct Shared {
    baton: Mutex<Baton>,
    passed: Condvar,
}

/// A body and the accounts of its stack.
pub(crate) struct Context {
    stack: Option<Stack>,
    shared: Arc<Shared>,
    /// Taken by the first resume.
    body: Option<Box<dyn FnOnce(Suspender) + Send>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// The body's side of the switch, valid until the body returns.
#[derive(Clone, Copy)]
pub(crate) struct Suspender {
    shared: *const Shared,
    window: Window,
}

// SAFETY: the pointer is to what the body's thread keeps alive, and that is shared by design.
unsafe impl Send for Suspender {}
// SAFETY: as above.
unsafe impl Sync for Suspender {}

impl Context {
    /// Keeps the body; nothing runs yet.
    pub(crate) fn new<F>(stack: Stack, body: F) -> Self
    where
        F: FnOnce(Suspender) + Send + 'static,
    {
        let baton = Mutex::new(Baton {
            turn: Turn::Worker,
            worker_word: 0,
        });
        let shared = Arc::new(Shared {
            baton,
            passed: Condvar::new(),
        });
        Self {
            stack: Some(stack),
            shared,
            body: Some(Box::new(body)),
            thread: None,
        }
    }

    /// Lets the body run until it suspends itself or returns.
    pub(crate) fn resume(&mut self) -> Switch {
        self.shared.pass(Turn::Body);
        if let Some(body) = self.body.take() {
            self.thread = Some(self.start(body));
        }
        let turn = self.shared.wait_while(Turn::Body);
        if turn == Turn::Worker {
            return Switch::Suspended;
        }
        let thread = self
            .thread
            .take()
            .expect("a body that finished was started");
        thread.join().expect("a body's thread ends without a panic");
        Switch::Finished
    }

    fn start(&self, body: Box<dyn FnOnce(Suspender) + Send>) -> thread::JoinHandle<()> {
        let shared = Arc::clone(&self.shared);
        let window = self
            .stack
            .as_ref()
            .expect("taken by into_stack only")
            .window();
        thread::spawn(move || {
            shared.wait_while(Turn::Worker);
            let suspender = Suspender {
                shared: &raw const *shared,
                window,
            };
            if panic::catch_unwind(AssertUnwindSafe(|| body(suspender))).is_err() {
                stack::abort_with(format_args!("a task unwound past its root\n"));
            }
            shared.pass(Turn::Finished);
        })
    }

    /// The stack, for the next body.
    pub(crate) fn into_stack(mut self) -> Stack {
        assert!(
            self.thread.is_none(),
            "cannot take the stack of a body that has not returned"
        );
        self.stack.take().expect("taken once")
    }
}

impl Suspender {
    /// Leaves the body and returns from the `resume` that runs it.
    ///
    /// # Safety
    ///
    /// The caller runs in the body that was given this suspender.
    pub(crate) unsafe fn suspend(self, registers: &RegisterCell) {
        // SAFETY: the body runs, and its thread keeps the baton alive until it ends.
        let shared = unsafe { &*self.shared };
        registers.store(Registers::default());
        shared.pass(Turn::Worker);
        shared.wait_while(Turn::Worker);
    }

    /// Nothing to open.
    pub(crate) fn ensure_headroom(self) {
        stack::ensure_headroom(self.window);
    }
}

impl std::fmt::Debug for Suspender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Suspender")
            .field(&ptr::addr_eq(self.shared, ptr::null::<()>()))
            .finish()
    }
}

impl Shared {
    fn pass(&self, turn: Turn) {
        let mut baton = self.baton.lock().expect("no side panics with the baton");
        baton.turn = turn;
        if turn == Turn::Body {
            baton.worker_word = worker_word();
        }
        self.passed.notify_all();
    }

    /// Waits until it is not the turn of `other`, and takes the worker's word over if the baton
    /// came to the body.
    fn wait_while(&self, other: Turn) -> Turn {
        let mut baton = self.baton.lock().expect("no side panics with the baton");
        while baton.turn == other {
            baton = self
                .passed
                .wait(baton)
                .expect("no side panics with the baton");
        }
        if baton.turn == Turn::Body {
            set_worker_word(baton.worker_word);
        }
        baton.turn
    }
}

/// The word that the worker which runs this body, or the current thread, has set.
pub(crate) fn worker_word() -> usize {
    WORKER_WORD.with(Cell::get)
}

/// Sets the word of the current thread.
pub(crate) fn set_worker_word(word: usize) {
    WORKER_WORD.with(|place| place.set(word));
}

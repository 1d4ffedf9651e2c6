//! An M:N scheduler of stackful tasks, made to be watched.
//!
//! A task is a function with a stack of its own. It costs some 4 KiB while it waits, a fraction
//! of a microsecond to spawn and join, and blocks like a thread: no `async`, no colours. Tasks
//! run on a few worker threads, may move between them whenever they park, and carry probes that
//! tell an observer which line of the program leaks tasks, is stuck, or overgrows its stacks.
//!
//! ```
//! use runtime::{Runtime, chan, spawn};
//!
//! let total = Runtime::run(|| {
//!     let (sender, receiver) = chan::bounded(16);
//!     for worker in 0..4_u64 {
//!         let sender = sender.clone();
//!         spawn(move || (0..100).for_each(|n| sender.send(worker * n).unwrap()));
//!     }
//!     drop(sender);
//!     receiver.iter().sum::<u64>()
//! });
//! assert_eq!(total, (0..4).map(|worker| worker * 4950).sum::<u64>());
//! ```
//!
//! [`Runtime::run`] starts it, [`Builder`] has the settings; [`spawn`] and
//! [`task::Builder`] make tasks, [`JoinHandle`] waits for them, [`Handle`] spawns from threads
//! outside. [`introspect`] says what they do. [`chan`] and [`sync`] connect tasks; [`park`] and [`task::waiter`] are what they are
//! built from.
//!
//! # What safe code may do across a park
//!
//! A task that parks, yields, sleeps, or blocks in any function of this crate **may go on on
//! another thread**. Everything on its stack goes with it. So:
//!
//! * **Values that are not `Send`**, such as an [`Rc`](std::rc::Rc), may be made and kept on a
//!   task's stack across a park. That is sound for values that are not `Send` because two
//!   threads could reach them *at once*: only this task reaches them, and the switch to another
//!   thread happens after all that it did before. What a task captures and returns must be
//!   `Send`, as for threads.
//! * **References into thread-locals must not be kept across a park.** A reference obtained by
//!   [`LocalKey::with`](std::thread::LocalKey::with) stays on the first thread: do not park
//!   inside the closure. Rust cannot check this: `with` gives its reference for the time of the
//!   call, and a task that parks in it goes on elsewhere with a reference to a value that
//!   another thread uses, or that is gone. **Code that is safe on threads becomes undefined on
//!   tasks in this way.** Compilers also keep the address of a thread-local: where one function
//!   uses it before and after a park, put each use into a function of its own that is
//!   `#[inline(never)]`. Values that are not `Send` because they point to
//!   their thread's own state are the same case: no handle of a library that keeps its
//!   context in a thread-local lives across a park, but in a task that is pinned. A thread-local
//!   read before a park and one read after it may be two variables; nested parks inside `thread_local!` destructors and
//!   initialisers are covered by the same rule.
//! * **Guards of re-entrant locks must not be kept across a park**: above all
//!   [`StdoutLock`](std::io::StdoutLock) and [`StderrLock`](std::io::StderrLock), which belong to
//!   a thread. Another task on that thread would enter the lock again while this one holds it
//!   elsewhere. `println!` is fine; do not park between `stdout().lock()` and its end.
//! * **[`std::thread::scope`] must not be parked in**: it waits for its threads through a handle
//!   of the thread on which it began. Call it in [`blocking`].
//! * **Guards of `std`'s `Mutex` and `RwLock`** may move to another thread and be unlocked there on Linux,
//!   where `std`'s locks are futexes that know no owner. It is sound here and nowhere promised.
//!   Worse, a task that waits for such a lock blocks its whole worker, and if the holder is
//!   parked behind it, nothing moves. Use [`sync`] for what is held across a park; use `std`'s
//!   for short sections without one. Locks of C libraries that know their owner (recursive or
//!   robust `pthread` mutexes) must not be held across a park.
//! * **Ids of threads**, `std::thread::current`, scheduling priorities, signal masks and the
//!   like belong to the worker, and change across a park. [`task::current`] does not.
//! * **Unwinding does not switch.** A destructor that parks while its task unwinds blocks its
//!   worker's thread until it is woken or the runtime ends, because panic counters are
//!   thread-local; a yield does nothing then. A panic ends its task only; it never crosses to another.
//! * **Scopes**: a task's body is `'static`, but in a [`task::scope`]: its tasks may borrow from the
//!   stack of the task that waits for them. References to what is on a task's stack may be used by
//!   any thread; stacks do not move, and one that is abandoned stays where it is.
//!
//! What the crate's interface forbids by types: moving what is not `Send` *into* a task or out
//! of it; unlocking a [`sync::Mutex`] from another task (its guard is not `Send`); spawning
//! where there is no runtime (a panic with advice).
//!
//! # Stacks
//!
//! Stacks begin small and grow in place up to their limit ([`Builder::stack_limit`],
//! [`task::Builder::stack_limit`]). Beyond it the process ends with a message that names the
//! task and its site, as a thread's overflow does. Code that cannot grow a stack where it runs,
//! such as `posix_spawn`, goes through [`with_stack`]; [`process`] does.
//!
//! # Features
//!
//! None is on by default. `tracing`: spans that stay with their task (the module `tracing`).
//! `symbols`: the names of functions in [`introspect::Stack`].
//!
//! # The end
//!
//! When the main function returns, the other tasks are told to stop and given time for it, if the
//! builder says so ([`Builder::grace`]). Then workers stop at their next scheduling point. Tasks that
//! are alive then are dropped if they never ran, else abandoned: never unwound, never freed, counted
//! as cancelled, and reported by site ([`Finished::leftover`]).

// Under loom and Miri threads stand in for switched stacks; what only those need is unused there.
#![cfg_attr(any(loom, miri, stand_in), allow(dead_code))]

#[cfg(all(test, not(any(miri, loom, stand_in))))]
mod budgets;
mod builder;
pub mod cancel;
pub mod chan;
mod context;
pub mod fs;
pub mod future;
pub mod introspect;
mod ledger;
mod monitor;
#[cfg(not(any(miri, loom)))]
pub mod net;
mod netpoll;
pub mod pool;
mod primitive;
mod probe;
pub mod process;
#[cfg(all(test, shuttle))]
mod programs;
mod sched;
#[cfg(not(any(miri, loom)))]
pub mod signal;
mod site;
mod stack;
pub mod sync;
mod sys;
pub mod task;
pub mod test;
pub mod time;
#[cfg(feature = "tracing")]
pub mod tracing;

#[cfg(all(test, not(loom)))]
mod tests;

pub use builder::{Builder, Finished, Leftover, RunError, Runtime};
pub use pool::Pool;
pub use runtime_abi::Reason;
pub use sched::handle::Handle;
pub use site::Site;
pub use stack::with_open_stack as with_stack;
pub use task::{
    JoinError, JoinHandle, TaskId, blocking, park, park_timeout, sleep, spawn, yield_now,
};

/// The guide's programs are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
struct Guide;

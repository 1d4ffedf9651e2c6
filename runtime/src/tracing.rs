//! Spans of the [`tracing`](https://docs.rs/tracing) crate that stay with their task. With the
//! feature `tracing`.
//!
//! A subscriber keeps the spans that are entered for each thread. A task that parks in an entered
//! span leaves it behind on its thread, where other tasks are taken to be in it, and goes on
//! without it on another. So on tasks enter spans by [`in_span`] instead of
//! [`Span::enter`](::tracing::Span::enter), `entered`, `in_scope`, or `#[instrument]`: whenever the
//! task leaves its worker, its spans are exited there, and entered where it goes on.
//!
//! ```
//! use runtime::{Runtime, spawn, tracing::{in_span, task}};
//! use tracing::{Span, info_span};
//!
//! Runtime::run(|| {
//!     in_span(info_span!("request", number = 7), || {
//!         let request = Span::current().id();
//!         runtime::yield_now();
//!         assert_eq!(Span::current().id(), request);
//!         // A span `task` in `request`, with the task's id and line.
//!         let part = spawn(task(|| 6 * 7));
//!         assert_eq!(part.join().unwrap(), 42);
//!     });
//! });
//! ```
//!
//! What a subscriber does when a span is entered or exited runs as on a thread that runs no task:
//! a channel or a lock of this crate blocks the worker's thread there instead of parking the task,
//! which is about to park or has not quite gone on.

use ::tracing::span::EnteredSpan;
use ::tracing::{Span, info_span};

use crate::context;
use crate::task::{self, cell::contain, current, record::Record};

/// The spans that a task is in, outermost first, entered on its thread.
pub(crate) type Spans = Vec<EnteredSpan>;

/// Runs `inside` in a span, which stays with the calling task wherever it goes on. On a thread that
/// runs no task it is [`Span::in_scope`].
///
/// See [the module](self) for an example.
pub fn in_span<R>(span: Span, inside: impl FnOnce() -> R) -> R {
    let Some(record) = current::enter() else {
        return span.in_scope(inside);
    };
    let entered = outside_of_tasks(|| span.entered());
    // SAFETY: the task runs here.
    unsafe { record.spans(|spans| spans.push(entered)) };
    let _exited_on_drop = Inside { record };
    inside()
}

/// A task's body in a span of its own, for `spawn`: see [`task_span`]. That span's parent is the one
/// in which this is called.
///
/// ```
/// # runtime::Runtime::run(|| {
/// let task = runtime::spawn(runtime::tracing::task(|| 7));
/// assert_eq!(task.join().unwrap(), 7);
/// # });
/// ```
pub fn task<F, T>(body: F) -> impl FnOnce() -> T
where
    F: FnOnce() -> T,
{
    let parent = Span::current();
    move || in_span(span_in(&parent), body)
}

/// A span for the calling task, in the current one: of level `INFO`, called `task`, with the fields
/// `task` (its id), `site` (the line that spawned it) and `name` (where its builder gave one).
#[must_use]
pub fn task_span() -> Span {
    span_in(&Span::current())
}

fn span_in(parent: &Span) -> Span {
    let Some((id, site)) = task::current().zip(task::site()) else {
        return info_span!(parent: parent.id(), "task");
    };
    info_span!(parent: parent.id(), "task", task = %id, site = %site, name = site.name())
}

/// Exits the innermost span at the end of its scope, also by unwinding.
struct Inside {
    record: &'static Record,
}

impl Drop for Inside {
    fn drop(&mut self) {
        // SAFETY: the task runs here: the scope is a frame of its stack.
        let entered = unsafe { self.record.spans(Spans::pop) };
        outside_of_tasks(|| drop(entered));
    }
}

/// The task is about to leave its thread: exits its spans there, innermost first, and gives them.
#[inline]
pub(crate) fn exit_all(record: &'static Record) -> Vec<Span> {
    // SAFETY: the task runs here.
    let entered = unsafe { record.spans(std::mem::take) };
    if entered.is_empty() {
        return Vec::new();
    }
    exit(entered)
}

/// The task goes on, perhaps on another thread: enters what `exit_all` gave.
#[inline]
pub(crate) fn enter_all(record: &'static Record, spans: Vec<Span>) {
    if !spans.is_empty() {
        let entered = enter(spans);
        // SAFETY: the task runs here.
        unsafe { record.spans(|place| *place = entered) };
    }
}

/// Never inlined, and `enter` neither: an address of a thread-local must not be kept from one to
/// the other.
#[cold]
#[inline(never)]
fn exit(entered: Spans) -> Vec<Span> {
    let mut exited = Vec::with_capacity(entered.len());
    let innermost_first = entered.into_iter().rev();
    // A subscriber that panics would leave the task between two states.
    contain(|| outside_of_tasks(|| exited.extend(innermost_first.map(EnteredSpan::exit))));
    exited
}

#[cold]
#[inline(never)]
fn enter(exited: Vec<Span>) -> Spans {
    let mut entered = Spans::with_capacity(exited.len());
    let outermost_first = exited.into_iter().rev();
    contain(|| outside_of_tasks(|| entered.extend(outermost_first.map(Span::entered))));
    entered
}

/// Calls a subscriber, as on a thread that runs no task: it could take a token that is meant for
/// what the task waits for.
fn outside_of_tasks<R>(call: impl FnOnce() -> R) -> R {
    let _restored_on_drop = Outside(context::worker_word());
    context::set_worker_word(0);
    call()
}

struct Outside(usize);

impl Drop for Outside {
    fn drop(&mut self) {
        context::set_worker_word(self.0);
    }
}

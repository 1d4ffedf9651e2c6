//! Spans that stay with their task: asked of a subscriber that keeps them for each thread.
#![cfg(feature = "tracing")]

use std::cell::RefCell;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, Once};
use std::time::Duration;

use runtime::tracing::{in_span, task};
use runtime::{Builder, blocking, sleep, spawn, yield_now};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

thread_local! {
    /// The spans that are entered on the thread.
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

/// What the spans called `task` had as fields, and whose children they were.
static TASKS: Mutex<Vec<(String, Option<&'static str>)>> = Mutex::new(Vec::new());

/// Holds the subscriber to what a thread may do: exit what it entered last.
struct Strict;

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Strict {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        if span.name() == "task" {
            let mut fields = Fields(String::new());
            attributes.record(&mut fields);
            let parent = span.parent().map(|parent| parent.name());
            TASKS.lock().unwrap().push((fields.0, parent));
        }
    }

    fn on_enter(&self, id: &Id, _context: Context<'_, S>) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.clone()));
        // What a subscriber does may wait; it is no task there.
        sleep(Duration::from_nanos(1));
    }

    fn on_exit(&self, id: &Id, _context: Context<'_, S>) {
        yield_now();
        let last = ENTERED.with_borrow_mut(Vec::pop);
        assert_eq!(last.as_ref(), Some(id), "exited where it was not entered");
    }
}

fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let strict = tracing_subscriber::registry().with(Strict);
        tracing::subscriber::set_global_default(strict).unwrap();
    });
}

#[inline(never)]
fn entered() -> Vec<Id> {
    ENTERED.with_borrow(Clone::clone)
}

#[test]
fn a_task_is_in_its_spans_and_no_others_on_whatever_thread_it_goes_on() {
    subscribe();
    for workers in 1..=3 {
        Builder::new().workers(workers).run(|| {
            let in_two_spans = |_| {
                let (outer, inner) = (info_span!("outer"), info_span!("inner"));
                let ids = [outer.id().unwrap(), inner.id().unwrap()];
                let body = move || {
                    for round in 0..50 {
                        assert_eq!(entered(), ids);
                        match round % 3 {
                            0 => yield_now(),
                            1 => sleep(Duration::from_micros(10)),
                            _ => blocking(|| assert_eq!(entered(), ids)),
                        }
                    }
                };
                spawn(move || {
                    in_span(outer, || in_span(inner, body));
                    assert!(entered().is_empty());
                })
            };
            let tasks: Vec<_> = (0..8).map(in_two_spans).collect();
            for task in tasks {
                assert!(entered().is_empty(), "of a task in no span");
                task.join().unwrap();
            }
        });
    }
}

#[test]
fn a_span_ends_by_unwinding_and_the_outer_one_stays() {
    subscribe();
    Builder::new().workers(1).run(|| {
        in_span(info_span!("outer"), || {
            let outer = entered();
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                in_span(info_span!("inner"), || {
                    yield_now();
                    resume_unwind(Box::new(7));
                });
            }));
            assert!(unwound.is_err());
            assert_eq!(entered(), outer);
            yield_now();
            assert_eq!(entered(), outer);
        });
    });
}

#[test]
fn the_span_of_a_task_has_its_id_and_line_and_is_a_child_of_its_spawners() {
    subscribe();
    let line = line!() + 4;
    let id = Builder::new().workers(2).run(|| {
        in_span(info_span!("spawner"), || {
            let named = runtime::task::Builder::new().name("part");
            let part = named.spawn(task(|| runtime::task::current().unwrap()));
            part.join().unwrap()
        })
    });
    let place = format!("site={}:{line}:", file!());
    let tasks = TASKS.lock().unwrap();
    let is_part = |(fields, _): &&(String, _)| fields.contains(&format!("task={id} "));
    let (fields, parent) = tasks.iter().find(is_part).expect("it was traced");
    assert!(
        fields.contains(&place) && fields.contains("name=\"part\""),
        "{fields}"
    );
    assert_eq!(*parent, Some("spawner"));
}

#[test]
fn on_a_thread_that_runs_no_task_a_span_is_entered_as_ever() {
    subscribe();
    let span = info_span!("thread");
    let id = span.id().unwrap();
    in_span(span, || assert_eq!(Span::current().id(), Some(id)));
    assert!(Span::current().is_none());
}

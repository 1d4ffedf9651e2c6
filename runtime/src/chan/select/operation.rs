//! What every operation of a select can do; called by `run` only, in this order: `attempt`,
//! then any number of times `line_up`, `leave`, `attempt`.

use super::claim::Claim;
use crate::primitive::Arc;
use crate::task::TaskId;
use crate::time::NEVER;

/// An operation that a [`Select`](super::Select) can wait for. The types in
/// [`select`](super) are all that there are.
pub trait Operation: Steps {}

impl<O: Steps> Operation for O {}

/// The steps of an operation.
pub trait Steps {
    /// Does it if that can be done without waiting; whether it has taken place.
    fn attempt(&mut self) -> bool;

    /// Lines up as this arm, unless an attempt might succeed.
    fn line_up(&mut self, place: &Place<'_>) -> Lined;

    /// Leaves the line; whether it took place meanwhile.
    fn leave(&mut self) -> bool;

    /// Leaves the line for a task that goes on no more. If it was `chosen`, what it was given
    /// goes to the next.
    fn pass_on(&self, chosen: bool);

    /// Whether an attempt would succeed though nobody chose this arm: its time has come.
    fn is_over(&self) -> bool {
        false
    }

    /// When it will be over at the latest, by the clock.
    fn end_ns(&self) -> u64 {
        NEVER
    }
}

/// Who lines up.
pub struct Place<'a> {
    pub(super) claim: &'a Arc<Claim>,
    pub(super) arm: u32,
}

/// What came of lining up.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum Lined {
    /// It did not: an attempt might succeed.
    Ready,
    /// It waits for this resource, which this task used last.
    AtChannel(usize, TaskId),
    /// It waits for a time or a token.
    AtEnd,
}

/// An operation of a select, and its index there.
pub struct Arm<'o> {
    pub(super) index: usize,
    pub(super) operation: &'o mut dyn Steps,
}

impl<'o> Arm<'o> {
    /// An arm, whose index is that in the slice that it is selected from.
    pub fn new(operation: &'o mut impl Operation) -> Self {
        Self {
            index: 0,
            operation,
        }
    }
}

/// What came of an operation; for the macro, which has one of each arm's type.
pub trait Outcome {
    /// What the arm's pattern is matched with.
    type Value;

    /// What came of it, once, if it has taken place.
    fn outcome(&mut self) -> Option<Self::Value>;
}

/// The first of a list, or one of the rest; so the macro carries the outcome out of the block
/// in which the operations live.
#[derive(Debug)]
pub enum Which<F, R> {
    /// The first.
    First(F),
    /// One of the rest.
    Rest(R),
}

//! Tasks: spawning, joining, parking.
//!
//! For those who build primitives: [`park`] with a [`Reason`](crate::Reason), a resource and
//! an owner, and [`waiter`] for the other side.

mod blocking;
pub(crate) mod cell;
pub(crate) mod current;
mod id;
pub(crate) mod join;
mod join_word;
pub(crate) mod place;
pub(crate) mod record;
pub(crate) mod root;
pub(crate) mod spawn;
pub(crate) mod state;
pub(crate) mod table;
mod unjoined;
mod wait;
mod wait_fields;

pub use blocking::blocking;
pub use id::TaskId;
pub use join::{JoinError, JoinHandle};
pub use spawn::{Builder, spawn};
pub use unjoined::unjoined_panics;
pub(crate) use wait::wake_from_timer;
pub use wait::{Waiter, current, name, park, park_timeout, sleep, waiter, yield_now};
